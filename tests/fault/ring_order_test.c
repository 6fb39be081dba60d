// SPDX-License-Identifier: Apache-2.0
//
// The ring's real code (common/ring.c is included) on a modelled memory that is as weak as C11
// allows: every execution of a writer and a reader is tried, with every value that each load may
// give. Then the code is broken in one place after the other, and the trial must notice.
//
// Readers store nothing and the writer looks at no reader, so it may write everything first: a
// reader that chooses old values is a reader that ran earlier. Two readers do not see each other,
// so two of them are each of them alone. Only sleeping and waking need both sides step by step;
// there every order of the steps that matter is tried.
//
// The records are made small (one word each of sequence, frame, hits and check) and the ring has
// two slots, by a layout of this file's own; all code is the real one. docs/RING.md says what this
// covers and what not.

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sealed.h"
#include "tests/fault/weak_memory.h"

// ---- a smaller layout ---------------------------------------------------------------------------

#define QEDGE_COMMON_RING_ABI_H
#define RING_MAGIC 0x31474e4952454451ull
#define RING_MAJOR 1
#define RING_MINOR 0
#define RING_HEADER_SIZE 128
#define RING_SLOT_STRIDE 64
#define RING_SLOTS_MIN 2
#define RING_SLOTS_MAX 8
#define RING_TOP_K 1

struct ring_hit {
    uint32_t label;
    float score;
};
struct ring_record {
    uint64_t sequence, frame;
    uint32_t hit_count, flags;
    uint64_t check;
    struct ring_hit hits[RING_TOP_K];
};
struct ring_slot {
    uint32_t stamp_low, stamp_high;
    struct ring_record record;
};
struct ring_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_size, slots, stride;
    uint64_t daemon_id;
    uint32_t state, generation;
    uint32_t head_high_first, head_low, head_high_last, event;
};
enum { RING_OPEN = 1, RING_CLOSED = 2 };

// ---- the real code ------------------------------------------------------------------------------

static int mapped(int fd, size_t min, size_t max, const void **map, size_t *size);

static void unmapped(void *map, size_t size)
{
    (void)map;
    (void)size;
}

#define __atomic_store_n(p, v, order)                                                              \
    memory_store((p), (uint64_t)(v), sizeof(*(p)), (order), __func__, #p, __LINE__)
#define __atomic_load_n(p, order)                                                                  \
    ((__typeof__(*(p) + 0))memory_load((p), sizeof(*(p)), (order), __func__, #p, __LINE__))
#define __atomic_fetch_add(p, v, order)                                                            \
    memory_add((p), (uint64_t)(v), sizeof(*(p)), (order), __func__, #p, __LINE__)
#define __atomic_thread_fence(order) memory_fence((order), __func__, __LINE__)
#define syscall(...) memory_syscall(__VA_ARGS__)
#define sealed_map mapped
#define munmap(map, size) unmapped(map, size)
#define OVERRUN_TRIES 2
#include "common/ring.c"
#undef __atomic_store_n
#undef __atomic_load_n
#undef __atomic_fetch_add
#undef __atomic_thread_fence
#undef syscall
#undef munmap

// ---- trials -------------------------------------------------------------------------------------

#define SLOTS 2
#define ROUNDS 2
#define MEMORY (RING_HEADER_SIZE + SLOTS * RING_SLOT_STRIDE)

struct trial {
    const char *name;
    uint64_t first;  // sequence of the first record
    unsigned before; // records that are there before the reader begins
    unsigned records;
    uint64_t jump;   // added to the sequence before the last record
    uint64_t wanted; // where the reader begins, 0 = with the first
    bool close, latest, steps;
    bool restart;   // then the next daemon's ring, in other memory
    unsigned reads; // calls of ring_next
    unsigned readers;
};

static const struct trial *trial;
static _Alignas(64) char memories[2][MEMORY]; // a daemon's, and that of the one after it
static char *memory;                          // the one that is in use,
static unsigned life;                         // and its number
static struct ring_writer writer;
static const char *wrong; // what does not hold in this execution
static uint64_t last_sequence;

static int mapped(int fd, size_t min, size_t max, const void **map, size_t *size)
{
    (void)fd;
    (void)min;
    (void)max;
    *map = memory;
    *size = MEMORY;
    return 0;
}

static void publish(void)
{
    struct ring_record record = {.frame = ~writer.next, .hit_count = 1};
    record.hits[0].label = (uint32_t)(writer.next * 7) + life;
    ring_publish(&writer, &record);
}

static void ring_use(unsigned number)
{
    life = number;
    memory = memories[number];
}

static void ring_make(unsigned number)
{
    uint64_t before = trial->first - 1;
    ring_use(number);
    memset(memory, 0, MEMORY);
    *(struct ring_header *)(void *)memory = (struct ring_header){.magic = RING_MAGIC,
                                                                 .major = RING_MAJOR,
                                                                 .header_size = RING_HEADER_SIZE,
                                                                 .slots = SLOTS,
                                                                 .stride = RING_SLOT_STRIDE,
                                                                 .state = RING_OPEN,
                                                                 .head_high_first = before >> 32,
                                                                 .head_low = (uint32_t)before,
                                                                 .head_high_last = before >> 32};
    writer = (struct ring_writer){
        .fd = -1, .map = memory, .size = MEMORY, .slots = SLOTS, .wake = 0, .next = trial->first};
}

static void setup(void)
{
    word_count = 0;
    memset(threads, 0, sizeof(threads));
    memset(&common, 0, sizeof(common));
    ring_make(0);
    running = WRITER;
    wrong = NULL;
    lost_wake = false;
}

static void complain(const char *what)
{
    if (!wrong)
        wrong = what;
}

static void check_record(const struct ring_record *record, uint64_t wanted)
{
    if (record->check != ring_record_check(record) || record->frame != ~wanted ||
        record->hits[0].label != (uint32_t)(wanted * 7) + life)
        complain("a torn record, or another one");
}

static void check_head(const struct ring_reader *reader, uint64_t least)
{
    uint64_t head = ring_head(reader);
    if (head > last_sequence || head + 1 < trial->first || head + 1 < least)
        complain("a head that never was");
}

// Reads as often as the trial says; what comes must be right, ascend, and be counted.
static void read_all(struct ring_reader *reader)
{
    uint64_t start = reader->next, read = 0, lost_sum = 0;
    for (unsigned i = 0; i < trial->reads && !wrong; i++) {
        struct ring_record record;
        uint64_t lost, before = reader->next;
        int status =
            trial->latest ? ring_latest(reader, &record, &lost) : ring_next(reader, &record, &lost);
        lost_sum += lost;
        if (status == 0) {
            read++;
            check_record(&record, reader->next - 1);
            if (reader->next <= before || reader->next - 1 > last_sequence)
                complain("a sequence that goes backwards, or was not published");
        }
        if (reader->next - start != read + lost_sum)
            complain("read and lost do not add up");
        if (status == -EPIPE) {
            if (reader->next != last_sequence + 1)
                complain("the end, before the last record");
            return;
        }
    }
    if (!wrong && !trial->latest && !trial->jump)
        check_head(reader, 0);
}

static struct ring_reader reader_at(uint64_t next)
{
    return (struct ring_reader){.map = memory,
                                .size = MEMORY,
                                .slots = SLOTS,
                                .stride = RING_SLOT_STRIDE,
                                .offset = RING_HEADER_SIZE,
                                .next = next};
}

// Writer first, then a reader with every choice of old values.
static void run_apart(void)
{
    setup();
    for (unsigned i = 0; i < trial->before; i++)
        publish();
    struct view known = threads[WRITER].now;
    for (unsigned i = 0; i < trial->records; i++) {
        if (i + 1 == trial->records)
            writer.next += trial->jump;
        publish();
    }
    last_sequence = writer.next - 1;
    if (trial->close)
        ring_close(&writer);
    running = READER;
    threads[READER].now = known; // handed over with the descriptor
    struct ring_reader reader = reader_at(trial->wanted ? trial->wanted : trial->first);
    if (trial->before && ring_reader_init(&reader, -1, true) != 0)
        complain("the ring is refused");
    read_all(&reader);
}

// ---- a restart ----------------------------------------------------------------------------------

// Whoever has seen that the socket is closed reads all that is left, and then nothing more comes.
static void read_rest(struct ring_reader *reader)
{
    uint64_t start = reader->next, read = 0, lost_sum = 0, lost;
    struct ring_record record;
    int status;
    while (!wrong && (status = ring_next(reader, &record, &lost)) == 0) {
        read++;
        lost_sum += lost;
        check_record(&record, reader->next - 1);
    }
    if (!wrong && reader->next - start != read + lost_sum)
        complain("read and lost do not add up");
    if (!wrong && (reader->next != last_sequence + 1 || status != (trial->close ? -EPIPE : -EAGAIN)))
        complain("not all is read that was published before the end");
}

// A daemon ends, in order or not, and the next one has a ring in other memory, with sequences from
// the first one again. The reader is somewhere in the old ring; the socket tells it of the end, and
// another one hands it the new ring. (Both daemons are one thread: their memory is not.)
static void run_restart(void)
{
    setup();
    for (unsigned i = 0; i < trial->records; i++)
        publish();
    if (trial->close)
        ring_close(&writer);
    struct view ended = threads[WRITER].now;
    uint64_t old_last = writer.next - 1;
    ring_make(1);
    for (unsigned i = 0; i < trial->before; i++)
        publish();
    struct view known = threads[WRITER].now;
    publish();
    uint64_t new_last = writer.next - 1;
    ring_close(&writer);

    running = READER;
    ring_use(0);
    last_sequence = old_last;
    struct ring_reader reader = reader_at(trial->first);
    read_all(&reader);
    view_join(&threads[READER].now, &ended);
    read_rest(&reader);
    ring_use(1);
    last_sequence = new_last;
    view_join(&threads[READER].now, &known); // handed over with the descriptor
    if (ring_reader_init(&reader, -1, true) != 0)
        complain("the new ring is refused");
    read_all(&reader);
}

// ---- both sides in turn: sleeping and waking ----------------------------------------------------

static char stacks[THREADS][64 << 10];

static void thread_end(void)
{
    threads[running].finished = true;
    for (unsigned i = 0; i < thread_count; i++)
        if (!threads[i].finished && !threads[i].asleep) {
            turn_among(false);
            return;
        }
    for (unsigned i = 0; i < thread_count; i++)
        lost_wake = lost_wake || threads[i].asleep;
    setcontext(&end_of_run);
}

static void writer_run(void)
{
    for (unsigned i = 0; i < trial->records; i++)
        publish();
    if (trial->close)
        ring_close(&writer);
    thread_end();
}

// The daemon turns waking on before the reader has the ring; it waits when there is nothing. A
// reader that is always given old values goes round for ever: after ROUNDS it has seen enough.
static void reader_run(void)
{
    struct ring_reader reader = reader_at(trial->first);
    ring_set_wake(&writer, true);
    unsigned got = 0;
    for (unsigned round = 0; round < ROUNDS && got < trial->records && !wrong; round++) {
        struct ring_record record;
        uint64_t lost;
        int status = ring_next(&reader, &record, &lost);
        if (status == 0) {
            check_record(&record, reader.next - 1);
            got += 1 + (unsigned)lost;
        } else if (ring_wait(&reader, -1) != 0) {
            complain("waiting fails");
        }
    }
    thread_end();
}

static void thread_make(int index, void (*run)(void))
{
    getcontext(&threads[index].context);
    threads[index].context.uc_stack.ss_sp = stacks[index];
    threads[index].context.uc_stack.ss_size = sizeof(stacks[index]);
    makecontext(&threads[index].context, run, 0);
}

static void run_in_turn(void)
{
    volatile bool started = false;
    setup();
    last_sequence = trial->first + trial->records - 1;
    thread_count = 1 + trial->readers;
    thread_make(WRITER, writer_run);
    for (unsigned i = 0; i < trial->readers; i++)
        thread_make(READER + (int)i, reader_run);
    getcontext(&end_of_run);
    if (started)
        return;
    started = true;
    stepping = true;
    running = READER;
    setcontext(&threads[READER].context);
}

// ---- all executions -----------------------------------------------------------------------------

// NULL, or what went wrong in one of them.
static const char *explore(uint64_t *executions)
{
    path_length = 0;
    *executions = 0;
    do {
        path_at = 0;
        ++*executions;
        if (trial->steps)
            run_in_turn();
        else if (trial->restart)
            run_restart();
        else
            run_apart();
        stepping = false;
        if (lost_wake)
            wrong = "a reader sleeps on although there is something";
        if (wrong)
            return wrong;
    } while (choices_next());
    return NULL;
}

static const struct trial trials[] = {
    {.name = "in step", .first = 1, .records = 2, .close = true, .reads = 4},
    {.name = "wrap-around and overrun", .first = 1, .records = 4, .close = true, .reads = 3},
    {.name = "overrun twice", .first = 1, .records = 5, .reads = 2},
    {.name = "low half of the stamp wraps",
     .first = (1ull << 31) - 2,
     .records = 3,
     .close = true,
     .reads = 3},
    {.name = "low half of the head wraps",
     .first = (1ull << 32) - 2,
     .records = 3,
     .close = true,
     .reads = 3},
    {.name = "the same low half, 2^31 records later",
     .first = 5,
     .records = 2,
     .jump = (1ull << 31) - 1,
     .reads = 2},
    {.name = "waits for the one 2^31 records later",
     .first = 5,
     .records = 2,
     .jump = (1ull << 31) - 1,
     .wanted = 5 + (1ull << 31),
     .reads = 2},
    {.name = "newest only", .first = 1, .records = 3, .close = true, .latest = true, .reads = 3},
    {.name = "a daemon is killed, and the next one",
     .first = 1,
     .records = 3,
     .before = 1,
     .restart = true,
     .reads = 2},
    {.name = "a daemon ends, and the next one",
     .first = 1,
     .records = 3,
     .before = 1,
     .close = true,
     .restart = true,
     .reads = 2},
    {.name = "a reader that comes later, or again",
     .first = 1,
     .before = 3,
     .records = 2,
     .close = true,
     .reads = 3},
    {.name = "sleep and wake", .first = 1, .records = 1, .steps = true, .readers = 1},
    {.name = "sleep, wake, close",
     .first = 1,
     .records = 1,
     .close = true,
     .steps = true,
     .readers = 1},
    {.name = "two records, asleep between", .first = 1, .records = 2, .steps = true, .readers = 1},
};

static const struct mutant mutants[] = {
    {"no release fence after the odd stamp", "slot_write", "fence", 0, GONE},
    {"the even stamp relaxed", "slot_write", "&slot->stamp_low", 1, WEAKER},
    {"the first look at the stamp's high half relaxed", "slot_read", "&slot->stamp_high", 0,
     WEAKER},
    {"the first look at the stamp's low half relaxed", "slot_read", "&slot->stamp_low", 0, WEAKER},
    {"no acquire fence after the copy", "slot_read", "fence", 0, GONE},
    {"no second look at the low half", "slot_read", "&slot->stamp_low", 1, NOT_COMPARED},
    {"no second look at the high half", "slot_read", "&slot->stamp_high", 1, NOT_COMPARED},
    {"closing relaxed", "ring_close", "&header->state", 0, WEAKER},
    {"a look at the state relaxed", "ring_closed",
     "&((const struct ring_header *)reader->map)->state", 0, WEAKER},
    {"the head's low half relaxed", "head_write", "&header->head_low", 0, WEAKER},
    {"the head's last half relaxed", "head_write", "&header->head_high_last", 0, WEAKER},
    {"the event not sequentially consistent", "event_raise", "&header->event", 0, WEAKER},
    {"a look at the wake flag relaxed", "event_raise", "&writer->wake", 0, WEAKER},
    {"the kernel does not compare", "futex", "compare", 0, GONE},
};

static bool try_all(void)
{
    bool good = true;
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
        uint64_t executions, begin = clock_now_ns();
        trial = &trials[i];
        const char *what = explore(&executions);
        printf(
            "%-40s %10llu executions, %5llu ms: %s\n", trial->name, (unsigned long long)executions,
            (unsigned long long)((clock_now_ns() - begin) / CLOCK_NS_PER_MS), what ? what : "good");
        fflush(stdout);
        good = good && !what && executions > 1;
    }
    return good;
}

static bool try_mutant(const struct mutant *tried)
{
    const char *what = NULL;
    mutant = tried;
    mutant_met = false;
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]) && !what; i++) {
        uint64_t executions;
        trial = &trials[i];
        what = explore(&executions);
    }
    printf("broken: %-53s %s%s%s\n", tried->name, what ? "noticed in \"" : "NOT NOTICED",
           what ? trial->name : "", what ? "\"" : "");
    if (what)
        printf("        %s\n", what);
    if (!mutant_met)
        printf("        there is no such place in common/ring.c any more\n");
    fflush(stdout);
    mutant = NULL;
    return what && mutant_met;
}

int main(void)
{
    bool good = try_all();
    for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++)
        good = try_mutant(&mutants[i]) && good;
    return good ? 0 : 1;
}
