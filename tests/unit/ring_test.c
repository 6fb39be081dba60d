// SPDX-License-Identifier: Apache-2.0
//
// The ring: order, loss, wrap-around, close, sealing, waking, and writers that lie.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ring.h"
#include "common/sealed.h"

#define SLOTS 16

struct pair {
    struct ring_writer writer;
    struct ring_reader reader;
};

static void pair_init(struct pair *pair, bool from_oldest)
{
    assert_int_equal(ring_writer_init(&pair->writer, "test", SLOTS), 0);
    assert_int_equal(ring_reader_init(&pair->reader, pair->writer.fd, from_oldest), 0);
}

static void pair_finish(struct pair *pair)
{
    ring_reader_finish(&pair->reader);
    ring_writer_finish(&pair->writer);
}

static uint64_t publish(struct ring_writer *writer)
{
    uint64_t sequence = writer->next;
    struct ring_record record = {.frame = sequence * 3, .hit_count = (uint32_t)(sequence % 17)};
    for (uint32_t i = 0; i < record.hit_count; i++)
        record.hits[i] = (struct ring_hit){.label = (uint32_t)sequence + i, .score = 0.5f};
    return ring_publish(writer, &record);
}

static struct ring_slot *slot_of(const struct ring_writer *writer, uint64_t sequence)
{
    return (void *)((char *)writer->map + RING_HEADER_SIZE +
                    (sequence & (SLOTS - 1)) * RING_SLOT_STRIDE);
}

// The next record is there, whole, and as it was published.
static void expect_next(struct pair *pair, uint64_t sequence, uint64_t lost)
{
    struct ring_record record;
    uint64_t skipped;
    assert_int_equal(ring_next(&pair->reader, &record, &skipped), 0);
    assert_int_equal(record.sequence, sequence);
    assert_int_equal(skipped, lost);
    assert_int_equal(record.frame, sequence * 3);
    assert_int_equal(record.check, ring_record_check(&record));
    assert_int_equal(record.hit_count, sequence % 17);
    for (uint32_t i = 0; i < RING_TOP_K; i++)
        assert_int_equal(record.hits[i].label, i < record.hit_count ? (uint32_t)sequence + i : 0);
}

static void expect_status(struct pair *pair, int status)
{
    struct ring_record record;
    uint64_t lost;
    assert_int_equal(ring_next(&pair->reader, &record, &lost), status);
    assert_int_equal(lost, 0);
}

static void test_order(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    expect_status(&pair, -EAGAIN);
    for (uint64_t s = 1; s <= 10 * SLOTS; s++) {
        assert_int_equal(publish(&pair.writer), s);
        if (s % 5 == 0) {
            for (uint64_t k = s - 4; k <= s; k++)
                expect_next(&pair, k, 0);
            expect_status(&pair, -EAGAIN);
        }
    }
    assert_int_equal(pair.reader.lost, 0);
    assert_int_equal(ring_head(&pair.reader), 10 * SLOTS);
    pair_finish(&pair);
}

static void test_start(void **state)
{
    (void)state;
    struct pair pair;
    struct ring_reader late;
    pair_init(&pair, true);
    for (int i = 0; i < 3; i++)
        publish(&pair.writer);
    assert_int_equal(ring_reader_init(&late, pair.writer.fd, false), 0);
    assert_int_equal(late.next, 4);
    ring_reader_finish(&late);
    assert_int_equal(ring_reader_init(&late, pair.writer.fd, true), 0);
    assert_int_equal(late.next, 1);
    ring_reader_finish(&late);
    for (int i = 0; i < 100; i++)
        publish(&pair.writer);
    assert_int_equal(ring_reader_init(&late, pair.writer.fd, true), 0);
    assert_int_equal(late.next,
                     103 - SLOTS + 2); // the slot of the oldest may be overwritten any time
    ring_reader_finish(&late);
    pair_finish(&pair);
}

static void test_overrun(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    for (int i = 0; i < 5 * SLOTS; i++)
        publish(&pair.writer);
    uint64_t resumed = 5 * SLOTS + 2 - SLOTS + SLOTS / 8;
    expect_next(&pair, resumed, resumed - 1);
    assert_int_equal(pair.reader.lost, resumed - 1);
    for (uint64_t s = resumed + 1; s <= 5 * SLOTS; s++)
        expect_next(&pair, s, 0);
    expect_status(&pair, -EAGAIN);
    pair_finish(&pair);
}

static void test_latest(void **state)
{
    (void)state;
    struct pair pair;
    struct ring_record record;
    uint64_t lost;
    pair_init(&pair, false);
    assert_int_equal(ring_latest(&pair.reader, &record, &lost), -EAGAIN);
    for (int i = 0; i < 7; i++)
        publish(&pair.writer);
    assert_int_equal(ring_latest(&pair.reader, &record, &lost), 0);
    assert_int_equal(record.sequence, 7);
    assert_int_equal(lost, 6);
    assert_int_equal(ring_latest(&pair.reader, &record, &lost), -EAGAIN);
    ring_close(&pair.writer);
    assert_int_equal(ring_latest(&pair.reader, &record, &lost), -EPIPE);
    pair_finish(&pair);
}

static void test_close_and_drain(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    publish(&pair.writer);
    publish(&pair.writer);
    ring_close(&pair.writer);
    assert_true(ring_closed(&pair.reader));
    expect_next(&pair, 1, 0);
    expect_next(&pair, 2, 0);
    expect_status(&pair, -EPIPE);
    expect_status(&pair, -EPIPE);
    assert_int_equal(ring_wait(&pair.reader, -1), 0); // never sleeps on a closed ring
    pair_finish(&pair);
}

// Sequences around 2^31 (a stamp's high half changes) and 2^32 (the head's does).
static void test_halves(void **state)
{
    (void)state;
    const uint64_t starts[] = {(1ull << 31) - 20, (1ull << 32) - 20, (7ull << 32) - 20};
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct pair pair;
        pair_init(&pair, false);
        pair.writer.next = pair.reader.next = starts[i];
        for (uint64_t s = starts[i]; s < starts[i] + 3 * SLOTS; s++) {
            assert_int_equal(publish(&pair.writer), s);
            assert_int_equal(ring_head(&pair.reader), s);
            expect_next(&pair, s, 0);
            expect_status(&pair, -EAGAIN);
        }
        // A reader 2^31 records behind finds the same low half in the slot's stamp: it must see
        // that it is another's.
        pair.reader.next = starts[i] + 3 * SLOTS - 1 - (1ull << 31);
        if (starts[i] > 1ull << 31) {
            struct ring_record record;
            uint64_t lost;
            assert_int_equal(ring_next(&pair.reader, &record, &lost), 0);
            assert_true(lost > (1ull << 31) - 2 * SLOTS);
        }
        pair_finish(&pair);
    }
}

// A writer that died in the middle of a record: the record never comes, and nobody hangs.
static void test_half_written(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    publish(&pair.writer);
    slot_of(&pair.writer, 2)->stamp_low = 2 * 2 + 1;
    expect_next(&pair, 1, 0);
    for (int i = 0; i < 3; i++)
        expect_status(&pair, -EAGAIN);
    assert_int_equal(ring_wait(&pair.reader, 1000000), -ETIMEDOUT);
    publish(&pair.writer);
    expect_next(&pair, 2, 0);
    pair_finish(&pair);
}

static void test_sealed(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    size_t size = pair.writer.size;
    int fd = pair.writer.fd;
    assert_ptr_equal(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(mprotect((void *)pair.reader.map, size, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, (off_t)size * 2), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    publish(&pair.writer); // the daemon's own mapping still writes
    expect_next(&pair, 1, 0);
    pair_finish(&pair);
}

static void test_arguments(void **state)
{
    (void)state;
    struct ring_writer writer;
    const uint32_t bad[] = {0, 1, 4, 7, 12, 100, 65537, 131072, UINT32_MAX};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ring_writer_init(&writer, "test", bad[i]), -EINVAL);
    ring_writer_finish(&writer);
    struct ring_reader reader = {0};
    ring_reader_finish(&reader);
    assert_int_equal(ring_reader_init(&reader, STDIN_FILENO, false), -EPROTO);
    assert_int_equal(ring_writer_init(&writer, "test", RING_SLOTS_MAX), 0);
    assert_int_equal(ring_reader_init(&reader, writer.fd, false), 0);
    ring_reader_finish(&reader);
    ring_writer_finish(&writer);
}

// Every header field, wrong in every way that matters.
static void test_bad_headers(void **state)
{
    (void)state;
    const struct {
        size_t offset, size;
        uint64_t value;
        int status;
    } cases[] = {
        {offsetof(struct ring_header, magic), 8, 1, -EPROTO},
        {offsetof(struct ring_header, major), 2, 2, -EPROTO},
        {offsetof(struct ring_header, minor), 2, 9, 0},
        {offsetof(struct ring_header, header_size), 4, 0, -EPROTO},
        {offsetof(struct ring_header, header_size), 4, 257, -EPROTO},
        {offsetof(struct ring_header, header_size), 4, 1u << 30, -EPROTO},
        {offsetof(struct ring_header, header_size), 4, 320, -EPROTO}, // slots no longer fit
        {offsetof(struct ring_header, slots), 4, 0, -EPROTO},
        {offsetof(struct ring_header, slots), 4, 12, -EPROTO},
        {offsetof(struct ring_header, slots), 4, 32, -EPROTO},
        {offsetof(struct ring_header, slots), 4, 0x80000000u, -EPROTO},
        {offsetof(struct ring_header, slots), 4, 8, 0},
        {offsetof(struct ring_header, stride), 4, 0, -EPROTO},
        {offsetof(struct ring_header, stride), 4, 192, -EPROTO},
        {offsetof(struct ring_header, stride), 4, 260, -EPROTO},
        {offsetof(struct ring_header, stride), 4, 320, -EPROTO},
        {offsetof(struct ring_header, stride), 4, 0xffffffc0u, -EPROTO},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ring_writer writer;
        struct ring_reader reader;
        assert_int_equal(ring_writer_init(&writer, "test", SLOTS), 0);
        memcpy((char *)writer.map + cases[i].offset, &cases[i].value, cases[i].size);
        int status = ring_reader_init(&reader, writer.fd, true);
        if (status != cases[i].status)
            print_error("case %u\n", i);
        assert_int_equal(status, cases[i].status);
        ring_reader_finish(&reader);
        ring_writer_finish(&writer);
    }
}

static void test_unsealed(void **state)
{
    (void)state;
    struct ring_reader reader;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, 1 << 16), 0);
    assert_int_equal(ring_reader_init(&reader, fd, false), -EPROTO);
    close(fd);
    char path[] = "/tmp/ring_test.XXXXXX";
    fd = mkstemp(path);
    assert_int_equal(ftruncate(fd, 1 << 16), 0);
    assert_int_equal(ring_reader_init(&reader, fd, false), -EPROTO);
    close(fd);
    unlink(path);
}

// A hostile writer: whatever is in the memory, a reader comes back and stays inside its own record.
static void test_lying_writer(void **state)
{
    (void)state;
    struct pair pair;
    uint64_t seed = 42;
    pair_init(&pair, false);
    for (int round = 0; round < 20000; round++) {
        uint32_t *words = pair.writer.map;
        size_t count = pair.writer.size / sizeof(uint32_t);
        for (int i = 0; i < 8; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            size_t at = 16 + (seed >> 33) % (count - 16); // behind the checked header
            words[at] = seed & 1 ? (uint32_t)(seed >> 20) : (uint32_t)(pair.reader.next * 2);
        }
        struct ring_slot *slot = slot_of(&pair.writer, pair.reader.next);
        slot->record.hit_count = (uint32_t)(seed >> 7);
        if (round % 3 == 0) {
            slot->stamp_low = (uint32_t)(2 * pair.reader.next);
            slot->stamp_high = (uint32_t)((2 * pair.reader.next) >> 32);
        }
        struct {
            struct ring_record record;
            uint64_t canary;
        } out = {.canary = 0x1234};
        uint64_t lost;
        int status = round % 2 ? ring_next(&pair.reader, &out.record, &lost)
                               : ring_latest(&pair.reader, &out.record, &lost);
        assert_true(status == 0 || status == -EAGAIN || status == -EPIPE);
        assert_int_equal(out.canary, 0x1234);
        if (status == 0)
            assert_in_range(out.record.hit_count, 0, RING_TOP_K);
    }
    pair_finish(&pair);
}

struct sleeper {
    struct ring_reader *reader;
    int64_t timeout_ns;
    int status;
    uint64_t woken_ns;
};

static void *sleep_on_ring(void *context)
{
    struct sleeper *sleeper = context;
    sleeper->status = ring_wait(sleeper->reader, sleeper->timeout_ns);
    sleeper->woken_ns = clock_now_ns();
    return NULL;
}

static void nap(unsigned ms)
{
    clock_sleep_until(clock_now_ns() + ms * CLOCK_NS_PER_MS);
}

static void test_wake(void **state)
{
    (void)state;
    struct pair pair;
    pthread_t thread;
    pair_init(&pair, false);
    struct sleeper sleeper = {.reader = &pair.reader, .timeout_ns = -1};
    pthread_create(&thread, NULL, sleep_on_ring, &sleeper);
    nap(50);
    publish(&pair.writer);
    pthread_join(thread, NULL);
    assert_int_equal(sleeper.status, 0);
    expect_next(&pair, 1, 0);
    pthread_create(&thread, NULL, sleep_on_ring, &sleeper);
    nap(50);
    ring_close(&pair.writer);
    pthread_join(thread, NULL);
    assert_int_equal(sleeper.status, 0);
    pair_finish(&pair);
}

// With wake off nobody is woken: publishing made no system call. (The sleeper's own timeout ends
// it.)
static void test_no_wake(void **state)
{
    (void)state;
    struct pair pair;
    pthread_t thread;
    pair_init(&pair, false);
    ring_set_wake(&pair.writer, false);
    struct sleeper sleeper = {.reader = &pair.reader, .timeout_ns = 300 * (int64_t)CLOCK_NS_PER_MS};
    uint64_t start, sequence = 0;
    do { // on a busy machine it may come too late to sleep: then it finds the record at once
        start = clock_now_ns();
        pthread_create(&thread, NULL, sleep_on_ring, &sleeper);
        nap(60);
        publish(&pair.writer);
        pthread_join(thread, NULL);
        expect_next(&pair, ++sequence, 0);
    } while (sleeper.status == 0 && sequence < 20);
    assert_int_equal(sleeper.status, -ETIMEDOUT);
    assert_true(sleeper.woken_ns - start >= 290 * CLOCK_NS_PER_MS);
    ring_set_wake(&pair.writer, true);
    pair_finish(&pair);
}

// A process that may make no system call but exit publishes and reads: the kernel is the witness.
static void test_no_system_call(void **state)
{
    (void)state;
    struct pair pair;
    int status;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    skip(); // their runtimes make system calls of their own
#endif
    pair_init(&pair, false);
    ring_set_wake(&pair.writer, false);
    for (int waking = 0; waking < 2; waking++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct ring_record record = {.hit_count = 5};
            uint64_t lost;
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
                _exit(77);
            if (waking)
                ring_set_wake(&pair.writer, true);
            for (int i = 0; i < 1000; i++) {
                ring_publish(&pair.writer, &record);
                if (ring_next(&pair.reader, &record, &lost) != 0)
                    syscall(SYS_exit, 1);
            }
            syscall(SYS_exit, 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip();
        if (waking) // the witness works: the wake is a system call
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        else
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    pair_finish(&pair);
}

static void test_wait_sees_what_is_there(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    assert_int_equal(ring_wait(&pair.reader, 0), -ETIMEDOUT);
    publish(&pair.writer);
    assert_int_equal(ring_wait(&pair.reader, -1), 0);
    pair_finish(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_overrun),
        cmocka_unit_test(test_latest),
        cmocka_unit_test(test_close_and_drain),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_half_written),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_unsealed),
        cmocka_unit_test(test_lying_writer),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_no_wake),
        cmocka_unit_test(test_wait_sees_what_is_there),
        cmocka_unit_test(test_no_system_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
