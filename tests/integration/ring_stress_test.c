// SPDX-License-Identifier: Apache-2.0
//
// The ring between real processes: one writer at full speed, readers that verify every record. One
// reader is stopped and continued all the time, another one is killed in the middle; neither may
// matter to the others.
//
//     ring_stress_test [RECORDS [SLOTS [READER_PROGRAM]]]
//
// Ends when each of the two steady readers has verified RECORDS records (default 10^6, fewer under
// a sanitizer), or after a minute a hundredth of them: where readers and writer share one processor
// with others, a reader gets a few records in each turn. READER_PROGRAM: this program built
// otherwise (32 bit), run for the readers.

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ring.h"

#define READERS 4 // 0, 1: steady; 2: stopped and continued; 3: killed
#define STEADY 2
#define LONG_NS (60 * CLOCK_NS_PER_S)
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define RECORDS 100000ull // ten times slower there
#else
#define RECORDS 1000000ull
#endif

struct progress { // 32 bit each: read by programs of either width
    uint32_t read_low,
        read_high; // written by the reader, in this order of growth: low wraps, high counts
    uint32_t torn;
    uint32_t lost_seen;
};

struct control {
    struct progress readers[READERS];
    uint32_t stop;
};

static void record_make(struct ring_record *record, uint64_t sequence)
{
    record->frame = sequence * 0x9e3779b97f4a7c15ull;
    record->sensor_ns = ~sequence;
    record->published_ns = sequence << 1;
    record->hit_count = (uint32_t)(sequence % (RING_TOP_K + 1));
    for (uint32_t i = 0; i < record->hit_count; i++)
        record->hits[i] = (struct ring_hit){.label = (uint32_t)sequence ^ i, .score = (float)i};
}

static bool record_good(const struct ring_record *record)
{
    uint64_t s = record->sequence;
    bool good = record->check == ring_record_check(record) && record->sensor_ns == ~s &&
                record->frame == s * 0x9e3779b97f4a7c15ull && record->published_ns == s << 1 &&
                record->hit_count == s % (RING_TOP_K + 1);
    for (uint32_t i = 0; good && i < RING_TOP_K; i++)
        good = record->hits[i].label == (i < record->hit_count ? (uint32_t)s ^ i : 0);
    return good;
}

// A reader process: verifies until the ring is closed; its sums must agree with the sequence.
static int reader_main(int ring_fd, int control_fd, unsigned index)
{
    struct control *control =
        mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, control_fd, 0);
    struct ring_reader reader;
    if (control == MAP_FAILED || ring_reader_init(&reader, ring_fd, false) != 0)
        return 3;
    struct progress *progress = &control->readers[index];
    uint64_t first = reader.next, read = 0, lost_sum = 0, before = 0;
    unsigned idle = 0;
    for (;;) {
        struct ring_record record;
        uint64_t lost;
        int status = ring_next(&reader, &record, &lost);
        lost_sum += lost;
        if (status == -EPIPE)
            break;
        if (status == -EAGAIN) { // polls a little, then sleeps: both ways of reading
            if (++idle < 100)
                sched_yield();
            else
                ring_wait(&reader, (int64_t)CLOCK_NS_PER_MS);
            continue;
        }
        idle = 0;
        if (!record_good(&record) || record.sequence <= before)
            progress->torn++;
        before = record.sequence;
        read++;
        if (lost)
            progress->lost_seen = 1;
        if ((read & 1023) == 0) {
            __atomic_store_n(&progress->read_high, (uint32_t)(read >> 32), __ATOMIC_RELAXED);
            __atomic_store_n(&progress->read_low, (uint32_t)read, __ATOMIC_RELAXED);
        }
    }
    uint64_t head = ring_head(&reader);
    printf("reader %u (%u bit): %llu verified, %llu lost, %u torn\n", index,
           (unsigned)sizeof(void *) * 8, (unsigned long long)read, (unsigned long long)lost_sum,
           progress->torn);
    return progress->torn || read + lost_sum != head + 1 - first ? 4 : 0;
}

static pid_t reader_start(const struct ring_writer *writer, const char *program, int ring_fd,
                          int control_fd, unsigned index)
{
    char ring_text[16], control_text[16], index_text[16];
    snprintf(ring_text, sizeof(ring_text), "%d", ring_fd);
    snprintf(control_text, sizeof(control_text), "%d", control_fd);
    snprintf(index_text, sizeof(index_text), "%u", index);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!program) { // no exec: also where the test itself runs under an emulator
            munmap(writer->map, writer->size);
            exit(reader_main(ring_fd, control_fd, index));
        }
        execl(program, "ring_stress_reader", "--reader", ring_text, control_text, index_text,
              (char *)NULL);
        perror(program);
        _exit(5);
    }
    return pid;
}

static uint64_t progress_of(const struct control *control, unsigned index)
{
    const struct progress *progress = &control->readers[index];
    return (uint64_t)__atomic_load_n(&progress->read_high, __ATOMIC_RELAXED) << 32 |
           __atomic_load_n(&progress->read_low, __ATOMIC_RELAXED);
}

// A separate process disturbs readers 2 and 3, so that the writer's loop has nothing else to do.
static pid_t disturber_start(const pid_t *readers)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned round = 0;; round++) {
        kill(readers[2], SIGSTOP);
        clock_sleep_until(clock_now_ns() + 3 * CLOCK_NS_PER_MS);
        kill(readers[2], SIGCONT);
        if (round == 20)
            kill(readers[3], SIGKILL);
        clock_sleep_until(clock_now_ns() + 2 * CLOCK_NS_PER_MS);
    }
}

// Whether a steady reader has ended already: it never should before the ring is closed.
static bool reader_ended(const pid_t *readers)
{
    for (unsigned i = 0; i < STEADY; i++) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)readers[i], &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            info.si_pid != 0)
            return true;
    }
    return false;
}

// Number of records published, 0 when readers ended early.
static uint64_t write_until_done(struct ring_writer *writer, const struct control *control,
                                 const pid_t *readers, uint64_t records)
{
    struct ring_record record = {0};
    uint64_t begin_ns = clock_now_ns(), enough = records;
    for (uint64_t s = writer->next;; s++) {
        record_make(&record, s);
        ring_publish(writer, &record);
        if ((s & 255) == 0)
            sched_yield(); // costs nothing on an idle machine, and lets readers run on a busy one
        if ((s & 1023) == 0) {
            // Mostly at full speed, now and then waking.
            ring_set_wake(writer, (s & 15 << 10) == 0);
            if (progress_of(control, 0) >= enough && progress_of(control, 1) >= enough)
                return s;
            if (enough == records && (s & 0xffff) == 0 && clock_now_ns() - begin_ns > LONG_NS)
                enough = (records + 99) / 100;
            if ((s & 0xfffff) == 0 && reader_ended(readers))
                return 0;
        }
    }
}

static int exit_status(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--reader") == 0)
        return reader_main(atoi(argv[2]), atoi(argv[3]), (unsigned)atoi(argv[4]));
    uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : RECORDS;
    const char *program = argc > 3 ? argv[3] : NULL;
    // Fewer slots: more often overtaken in the middle of a copy; more: more records read between.
    uint32_t slots = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 16;
    struct ring_writer writer;
    int control_fd = memfd_create("control", 0);
    int ring_fd;
    if (records == 0 || ring_writer_init(&writer, "stress", slots) != 0 ||
        (ring_fd = dup(writer.fd)) < 0 || ftruncate(control_fd, sizeof(struct control)) != 0)
        return 1;
    struct control *control =
        mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, control_fd, 0);
    if (control == MAP_FAILED)
        return 1;
    pid_t readers[READERS];
    for (unsigned i = 0; i < READERS; i++)
        readers[i] = reader_start(&writer, program, ring_fd, control_fd, i);
    pid_t disturber = disturber_start(readers);
    uint64_t start = clock_now_ns();
    uint64_t published = write_until_done(&writer, control, readers, records);
    double seconds = (double)(clock_now_ns() - start) / 1e9;
    kill(disturber, SIGKILL);
    exit_status(disturber);
    kill(readers[2], SIGCONT);
    ring_close(&writer);
    int failed = published == 0 || !control->readers[2].lost_seen; // nobody overtaken: nothing was
                                                                   // tested
    for (unsigned i = 0; i < READERS; i++) {
        int status = exit_status(readers[i]);
        bool killed = i == 3 && status == 128 + SIGKILL;
        if (status != 0 && !killed) {
            printf("reader %u ended with %d\n", i, status);
            failed = 1;
        }
    }
    printf("%llu published in %.1f s (%.0f ns each); overtaken readers: %s\n",
           (unsigned long long)published, seconds, seconds * 1e9 / (double)published,
           control->readers[2].lost_seen ? "yes" : "no");
    ring_writer_finish(&writer);
    return failed;
}
