// SPDX-License-Identifier: Apache-2.0
//
// From mailbox to ring: order, waiting results, wake-ups that nobody takes, the end, the choice of
// mode, models swapped under load, and that a frame's way takes no memory.

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/source.h"
#include "daemon/stream.h"
#include "engine/context.h"

#define TINY "tests/golden/models/conv_same.tflite"
#define TINY2 "tests/golden/models/conv_one_channel.tflite"

// ---- counting allocations --------------------------------------------------

static atomic_ulong allocations;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_realloc(pointer, size);
}
#endif

// ---- publisher -------------------------------------------------------------

static void make_record(struct ring_record *record, uint64_t frame)
{
    memset(record, 0, sizeof(*record));
    record->frame = frame;
    record->sensor_ns = record->dequeued_ns = record->started_ns = record->preprocessed_ns =
        record->inferred_ns = clock_now_ns();
}

static void settle(struct publisher *publisher, uint64_t ticket)
{
    struct ring_record record;
    make_record(&record, ticket);
    publisher_settle(publisher, ticket, &record);
}

static void test_order(void **state)
{
    (void)state;
    struct publisher publisher;
    struct ring_reader reader;
    struct ring_record record;
    uint64_t lost;
    assert_int_equal(publisher_init(&publisher, "test", 256), 0);
    assert_int_equal(ring_reader_init(&reader, publisher.ring.fd, true), 0);
    settle(&publisher, 2);
    settle(&publisher, 1);
    assert_int_equal(ring_next(&reader, &record, &lost), -EAGAIN); // 0 is not there
    settle(&publisher, 0);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(ring_next(&reader, &record, &lost), 0);
        assert_int_equal(record.frame, i);
        assert_int_equal(record.sequence, i + 1);
    }
    publisher_settle(&publisher, 4, NULL); // a bad frame
    settle(&publisher, 5);
    settle(&publisher, 3);
    assert_int_equal(ring_next(&reader, &record, &lost), 0);
    assert_int_equal(record.frame, 3);
    assert_int_equal(ring_next(&reader, &record, &lost), 0);
    assert_int_equal(record.frame, 5);
    assert_int_equal(record.sequence, 5); // no hole for a frame that was never published
    // the window: no more tickets than it has places
    assert_true(publisher_has_room(&publisher, 6 + PUBLISHER_WINDOW - 1));
    assert_false(publisher_has_room(&publisher, 6 + PUBLISHER_WINDOW));
    for (uint64_t i = PUBLISHER_WINDOW; i > 0; i--)
        settle(&publisher, 5 + i);
    assert_int_equal(publisher.ring.next, 6 + PUBLISHER_WINDOW);
    ring_reader_finish(&reader);
    publisher_finish(&publisher);
}

static void test_end(void **state)
{
    (void)state;
    struct publisher publisher;
    struct ring_reader reader;
    struct ring_record record;
    uint64_t lost;
    assert_int_equal(publisher_init(&publisher, "test", 16), 0);
    assert_int_equal(ring_reader_init(&reader, publisher.ring.fd, true), 0);
    settle(&publisher, 1);
    publisher_end(&publisher, 2);
    assert_false(publisher_is_closed(&publisher)); // ticket 0 is still under way
    settle(&publisher, 0);
    assert_true(publisher_is_closed(&publisher));
    assert_int_equal(ring_next(&reader, &record, &lost), 0);
    assert_int_equal(ring_next(&reader, &record, &lost), 0);
    assert_int_equal(ring_next(&reader, &record, &lost), -EPIPE);
    ring_reader_finish(&reader);
    publisher_finish(&publisher);
}

// Nobody takes the wake-ups, or the other end is gone: publishing goes on all the same.
static void test_wakers(void **state)
{
    (void)state;
    struct publisher publisher;
    int full[2], gone[2];
    assert_int_equal(publisher_init(&publisher, "test", 16), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, full), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gone), 0);
    for (int i = 0; i < 20; i++) // the list grows
        assert_int_equal(publisher_add_waker(&publisher, full[1]), 0);
    assert_int_equal(publisher_add_waker(&publisher, gone[1]), 0);
    close(gone[0]);
    // 20 wake-ups each: far more than the socket holds; none waits for room, though it may
    for (uint64_t i = 0; i < 2000; i++)
        settle(&publisher, i);
    assert_int_equal(publisher.ring.next, 2001);
    publisher_remove_waker(&publisher, full[1]);
    assert_int_equal(publisher.waker_count, 1);
    publisher_remove_waker(&publisher, gone[1]);
    assert_int_equal(publisher.waker_count, 0);
    close(full[0]);
    close(full[1]);
    close(gone[1]);
    publisher_finish(&publisher);
}

// ---- tuner -----------------------------------------------------------------

static const char *tuned(double fps, uint32_t threads, uint64_t alone_ns, uint64_t team_ns)
{
    static struct tuner tuner;
    tuner_init(&tuner, CONFIG_MODE_AUTO, threads, fps, 1);
    for (int i = 0; i < 20 + CONTEXT_TRIAL_RUNS; i++) { // a team's first runs are trials
        bool team = atomic_load(&tuner.team);
        tuner_add(&tuner, team,
                  (team ? team_ns : alone_ns) * (i % 2 ? 1 : 3)); // every second one disturbed
    }
    return tuner_name(&tuner);
}

static void test_tuner(void **state)
{
    (void)state;
    assert_string_equal(tuned(30, 4, 20000000, 7000000), "latency");
    assert_string_equal(tuned(30, 4, 20000000, 19000000),
                        "throughput"); // a team gains next to nothing
    assert_string_equal(tuned(30, 4, 100000000, 30000000), "throughput"); // a team does not keep up
    assert_string_equal(tuned(30, 1, 20000000, 7000000), "throughput");
    assert_string_equal(tuned(CONFIG_FPS_MAX, 4, 20000000, 7000000), "throughput");
    struct tuner tuner;
    tuner_init(&tuner, CONFIG_MODE_LATENCY, 2, 30, 1);
    assert_string_equal(tuner_name(&tuner), "latency");
    tuner_init(&tuner, CONFIG_MODE_LATENCY, 1, 30, 1);
    assert_string_equal(tuner_name(&tuner), "throughput");
}

// ---- the whole path --------------------------------------------------------

struct rig {
    struct pool *pool;
    struct source *source;
    struct stream *streams[2];
};

static struct network *load(const char *path)
{
    struct config_model config;
    struct network *network;
    struct network_error error;
    memset(&config, 0, sizeof(config));
    snprintf(config.path, sizeof(config.path), "%s", path);
    if (network_create(&config, 3, &network, &error) < 0)
        fail_msg("%s", error.text);
    return network;
}

static void rig_start(struct rig *rig, double fps, enum config_mode mode)
{
    struct config_workers workers;
    struct config_stream stream;
    memset(&workers, 0, sizeof(workers));
    memset(&stream, 0, sizeof(stream));
    workers.threads = 3;
    workers.cpus.all = true;
    stream.source.type = CONFIG_PATTERN;
    stream.source.size = (struct config_size){64, 48};
    stream.source.fps = fps;
    stream.top_k = 3;
    stream.mode = (int32_t)mode;
    stream.ring_slots = 4096;
    assert_int_equal(pool_create(&workers, true, &rig->pool), 0);
    assert_int_equal(source_create(&stream.source, rig->pool, &rig->source), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(stream.name, sizeof(stream.name), "s%d", i);
        assert_int_equal(stream_create(&stream, load(i ? TINY2 : TINY), &rig->streams[i]), 0);
        stream_tune(rig->streams[i], 3, 2);
        assert_int_equal(pool_attach(rig->pool, rig->streams[i], rig->source), 0);
    }
    source_start(rig->source);
}

static void rig_stop(struct rig *rig)
{
    source_join(rig->source);
    for (int i = 0; i < 2; i++) {
        while (!stream_is_idle(rig->streams[i]))
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pool_detach(rig->pool, rig->streams[i]);
    }
    source_destroy(rig->source);
    pool_destroy(rig->pool);
    for (int i = 0; i < 2; i++)
        stream_destroy(rig->streams[i]);
}

static uint64_t published(struct stream *stream)
{
    struct stats_reader reader = stats_writer_reader(&stream->publisher.stats);
    return stats_counter(&reader, STATS_FRAMES_PUBLISHED);
}

static void wait_published(struct stream *stream, uint64_t count)
{
    uint64_t limit = clock_now_ns() + 100 * CLOCK_NS_PER_S;
    while (published(stream) < count && clock_now_ns() < limit)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    assert_true(published(stream) >= count);
}

// Frames come out in the order they went in, without a hole when nothing may be dropped.
static void check_order(struct stream *stream, uint64_t least)
{
    struct ring_reader reader;
    struct ring_record record;
    uint64_t lost, seen = 0, before = 0;
    assert_int_equal(ring_reader_init(&reader, stream->publisher.ring.fd, true), 0);
    while (ring_next(&reader, &record, &lost) == 0) {
        if (seen++)
            assert_int_equal(record.frame, before + 1);
        before = record.frame;
    }
    assert_true(seen >= least);
    ring_reader_finish(&reader);
}

static void run_paced(enum config_mode mode)
{
    struct rig rig;
    rig_start(&rig, CONFIG_FPS_MAX, mode);
    for (int i = 0; i < 2; i++) {
        wait_published(rig.streams[i], 500);
        assert_string_equal(tuner_name(&rig.streams[i]->tuner),
                            mode == CONFIG_MODE_LATENCY ? "latency" : "throughput");
    }
    rig_stop(&rig);
}

static void test_paced_throughput(void **state)
{
    (void)state;
    run_paced(CONFIG_MODE_THROUGHPUT);
}

static void test_paced_latency(void **state)
{
    (void)state;
    run_paced(CONFIG_MODE_LATENCY);
}

static void test_paced_order(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, CONFIG_FPS_MAX, CONFIG_MODE_THROUGHPUT);
    wait_published(rig.streams[0], 1000);
    source_join(rig.source);
    while (!stream_is_idle(rig.streams[0]) || !stream_is_idle(rig.streams[1]))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (int i = 0; i < 2; i++) {
        struct stats_reader reader = stats_writer_reader(&rig.streams[i]->publisher.stats);
        // only what waited in the mailbox, and to get there, when the source was stopped may be
        // missing
        assert_true(stats_counter(&reader, STATS_FRAMES_DROPPED) <= 2);
        check_order(rig.streams[i], 900);
    }
    rig_stop(&rig);
}

// Models come and go while frames are under way, and a gate with every other two; every record
// bears the generation of the model that made it.
static void test_swap_under_load(void **state)
{
    (void)state;
    struct rig rig;
    struct ring_reader reader;
    struct ring_record record;
    uint64_t lost;
    uint32_t generation = 1, newest = 0;
    rig_start(&rig, CONFIG_FPS_MAX, CONFIG_MODE_THROUGHPUT);
    for (int i = 0; i < 40; i++) {
        struct stream_change change = {.network = load(i % 2 ? TINY : TINY2),
                                       .gate = {i % 4 < 2 ? 100 : 0, 128, 10},
                                       .top_k = 1 + (uint32_t)i % 5,
                                       .generation = ++generation};
        assert_int_equal(
            gate_memory_create(&change.gate, &change.network->target, &change.gate_memory), 0);
        pool_swap(rig.pool, rig.streams[0], &change);
        network_unref(change.network);
        gate_memory_unref(change.gate_memory);
        wait_published(rig.streams[0], published(rig.streams[0]) + 5);
    }
    assert_int_equal(ring_reader_init(&reader, rig.streams[0]->publisher.ring.fd, true), 0);
    while (ring_next(&reader, &record, &lost) == 0) {
        assert_true(record.generation >= newest);
        newest = record.generation;
        if (record.generation > 1)
            assert_int_equal(record.hit_count, 1 + (record.generation - 2) % 5);
    }
    assert_int_equal(newest, generation);
    ring_reader_finish(&reader);
    rig_stop(&rig);
}

static void test_no_allocation(void **state)
{
    (void)state;
    struct rig rig;
    if (!COUNTS_ALLOCATIONS)
        skip();
    rig_start(&rig, CONFIG_FPS_MAX, CONFIG_MODE_THROUGHPUT);
    wait_published(rig.streams[0], 200);
    wait_published(rig.streams[1], 200);
    // every worker has its plans by now, or gets them soon: then a thousand frames without one
    // allocation
    unsigned long before = 0, after = 1;
    for (int i = 0; i < 20 && before != after; i++) {
        before = atomic_load(&allocations);
        wait_published(rig.streams[0], published(rig.streams[0]) + 1000);
        after = atomic_load(&allocations);
    }
    rig_stop(&rig);
    assert_int_equal(after, before);
    // the counter does count
    before = atomic_load(&allocations);
    void *volatile memory = malloc(10);
    free(memory);
    assert_true(atomic_load(&allocations) > before);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_wakers),
        cmocka_unit_test(test_tuner),
        cmocka_unit_test(test_paced_throughput),
        cmocka_unit_test(test_paced_latency),
        cmocka_unit_test(test_paced_order),
        cmocka_unit_test(test_swap_under_load),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
