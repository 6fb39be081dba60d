// SPDX-License-Identifier: Apache-2.0
//
// The JSON writer, the log, the stats page and the label table.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/labels.h"
#include "common/labels_abi.h"
#include "common/log.h"
#include "common/stats.h"
#include "common/stats_window.h"

// ---- JSON ----

static void write_sample(struct json_writer *json)
{
    json_write_object_begin(json);
    json_write_member_string(json, "text", "a\"b\\c\n\x01 \xc3\xa9 \xff \xed\xa0\x80 \xc0\x80");
    json_write_key(json, "list");
    json_write_array_begin(json);
    json_write_u64(json, UINT64_MAX);
    json_write_i64(json, INT64_MIN);
    json_write_double(json, 0.1);
    json_write_double(json, (double)NAN);
    json_write_fixed(json, 1234.5678, 2);
    json_write_bool(json, true);
    json_write_null(json);
    json_write_object_begin(json);
    json_write_object_end(json);
    json_write_array_begin(json);
    json_write_array_end(json);
    json_write_array_end(json);
    json_write_member_bool(json, "b", false);
    json_write_object_end(json);
}

static const char sample[] =
    "{\"text\":\"a\\\"b\\\\c\\n\\u0001 \xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
    "\xef\xbf\xbd\xef\xbf\xbd\",\"list\":[18446744073709551615,-9223372036854775808,0.1,null,1234."
    "57,"
    "true,null,{},[]],\"b\":false}";

static void test_json(void **state)
{
    (void)state;
    char buffer[512];
    struct json_writer json;
    json_write_init(&json, buffer, sizeof(buffer));
    write_sample(&json);
    assert_int_equal(json_write_finish(&json), strlen(sample));
    assert_string_equal(buffer, sample);
}

// Any size of the buffer: never past its end, the needed size told.
static void test_json_bounded(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < sizeof(sample); capacity++) {
        char *buffer = malloc(capacity + 1); // exact, for the address sanitizer
        struct json_writer json;
        buffer[capacity] = 'Z';
        json_write_init(&json, buffer, capacity);
        write_sample(&json);
        assert_int_equal(json_write_finish(&json), -ENOSPC);
        assert_int_equal(json.length, strlen(sample));
        assert_int_equal(buffer[capacity], 'Z');
        if (capacity > 0)
            assert_int_equal(buffer[capacity - 1], '\0');
        free(buffer);
    }
}

static void test_json_misuse(void **state)
{
    (void)state;
    char buffer[512];
    struct json_writer json;
    json_write_init(&json, buffer, sizeof(buffer));
    json_write_array_begin(&json);
    assert_int_equal(json_write_finish(&json), -EINVAL);
    json_write_init(&json, buffer, sizeof(buffer));
    json_write_array_end(&json);
    assert_int_equal(json_write_finish(&json), -EINVAL);
    json_write_init(&json, buffer, sizeof(buffer));
    for (int i = 0; i < 100; i++)
        json_write_array_begin(&json);
    for (int i = 0; i < 100; i++)
        json_write_array_end(&json);
    assert_int_equal(json_write_finish(&json), -EINVAL);
}

// ---- log ----

static char log_text[8192];

// Runs what `say` logs with stderr in a file and reads it back.
static void log_capture(void (*say)(void))
{
    char path[] = "/tmp/log_test.XXXXXX";
    int file = mkstemp(path), saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    struct stat status;
    char stream[64];
    fstat(file, &status);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    if (getenv("LOG_TEST_JOURNAL"))
        setenv("JOURNAL_STREAM", stream, 1);
    log_init("test");
    say();
    dup2(saved, STDERR_FILENO);
    ssize_t length = pread(file, log_text, sizeof(log_text) - 1, 0);
    log_text[length < 0 ? 0 : length] = '\0';
    close(saved);
    close(file);
    unlink(path);
}

static void say_some(void)
{
    static char huge[5000];
    struct log_cause cause = {0};
    memset(huge, 'h', sizeof(huge) - 1);
    log_set_level(LOG_LEVEL_INFO);
    log_debug("not this");
    log_error("bad %d\nforged line\033[2J", 1);
    log_info("fine");
    log_cause_clear(&cause, "nothing was wrong");
    for (int i = 0; i < 5; i++)
        log_cause_say(&cause, LOG_LEVEL_WARNING, "no camera");
    log_cause_say(&cause, LOG_LEVEL_WARNING, "no permission");
    log_cause_say(&cause, LOG_LEVEL_WARNING, "no permission");
    log_cause_clear(&cause, "camera is back");
    log_cause_clear(&cause, "camera is back");
    log_warning("%s", huge);
}

// What others bring about at will: another text, or the same after all was well, comes too early.
static void say_seldom(void)
{
    struct log_cause cause = {.every_ns = UINT64_MAX}, quick = {.every_ns = 1};
    log_cause_say(&cause, LOG_LEVEL_WARNING, "a does not read");
    log_cause_say(&cause, LOG_LEVEL_WARNING, "b does not read");
    log_cause_clear(&cause, "well");
    log_cause_say(&cause, LOG_LEVEL_WARNING, "a does not read");
    log_cause_clear(&cause, "well again");
    log_cause_say(&quick, LOG_LEVEL_WARNING, "c");
    clock_sleep_until(clock_now_ns() + CLOCK_NS_PER_MS);
    log_cause_say(&quick, LOG_LEVEL_WARNING, "d");
}

static void test_log_seldom(void **state)
{
    (void)state;
    log_capture(say_seldom);
    assert_string_equal(log_text,
                        "test: warning: a does not read\n"
                        "test: well (the trouble before was seen 1 more times)\n"
                        "test: warning: c\ntest: warning: d\n");
}

static void test_log(void **state)
{
    (void)state;
    unsetenv("LOG_TEST_JOURNAL");
    unsetenv("JOURNAL_STREAM");
    log_capture(say_some);
    const char *expected =
        "test: error: bad 1 forged line [2J\ntest: fine\ntest: warning: no camera\n"
        "test: warning: no permission\n"
        "test: camera is back (the trouble before was seen 1 more times)\n";
    assert_memory_equal(log_text, expected, strlen(expected));
    assert_int_equal(log_text[strlen(log_text) - 1], '\n');
    setenv("LOG_TEST_JOURNAL", "1", 1);
    log_capture(say_some);
    const char *journal = "<3>bad 1 forged line [2J\n<6>fine\n<4>no camera\n";
    assert_memory_equal(log_text, journal, strlen(journal));
    assert_int_equal(log_level_parse("warning"), LOG_LEVEL_WARNING);
    assert_int_equal(log_level_parse("loud"), -EINVAL);
}

// ---- stats ----

static void test_buckets(void **state)
{
    (void)state;
    unsigned before = 0;
    for (uint64_t value = 0; value < 1ull << 37; value += 1 + value / 300) {
        unsigned index = stats_bucket_index(value);
        assert_in_range(index, before, before + 1); // no gap, no step back
        double error = fabs((double)stats_bucket_value(index) - (double)value);
        assert_true(error <= 0.016 * (double)value);
        before = index;
    }
    assert_int_equal(stats_bucket_index(1ull << 37), STATS_BUCKETS - 1);
    assert_int_equal(stats_bucket_index(UINT64_MAX), STATS_BUCKETS - 1);
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        assert_int_equal(stats_bucket_index(stats_bucket_value(i)), i);
}

static void *record_many(void *context)
{
    for (uint64_t i = 1; i <= 100000; i++) {
        stats_record(context, 3, i * 10);
        stats_count(context, STATS_FRAMES_IN, 2);
    }
    return NULL;
}

static void expect_near(uint64_t value, uint64_t exact)
{
    assert_in_range(value, exact - exact * 3 / 100, exact + exact * 3 / 100);
}

static void test_stats(void **state)
{
    (void)state;
    struct stats_writer writer;
    struct stats_reader reader;
    struct stats_summary summary;
    pthread_t threads[4];
    assert_int_equal(stats_writer_init(&writer, "test"), 0);
    assert_int_equal(stats_reader_init(&reader, writer.fd), 0);
    stats_summarize(&reader, 0, &summary);
    assert_int_equal(summary.count, 0);
    assert_int_equal(summary.p99_ns, 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, record_many, &writer);
    for (int i = 0; i < 20; i++) // while they write
        stats_summarize(&reader, 3, &summary);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    stats_summarize(&reader, 3, &summary);
    assert_int_equal(summary.count, 400000);
    assert_int_equal(summary.max_ns, 1000000);
    expect_near(summary.p50_ns, 500000);
    expect_near(summary.p90_ns, 900000);
    expect_near(summary.p99_ns, 990000);
    expect_near(summary.mean_ns, 500005);
    assert_int_equal(stats_counter(&reader, STATS_FRAMES_IN), 800000);
    assert_int_equal(stats_counter(&reader, STATS_FRAMES_BAD), 0);
    stats_record(&writer, 5, 1234567);
    stats_summarize(&reader, 5, &summary);
    assert_int_equal(summary.max_ns, 1234567);
    assert_true(summary.p50_ns <= summary.max_ns);
    stats_reader_finish(&reader);
    assert_ptr_equal(mmap(NULL, sizeof(struct stats_page), PROT_WRITE, MAP_SHARED, writer.fd, 0),
                     MAP_FAILED);
    writer.page->header.buckets++;
    assert_int_equal(stats_reader_init(&reader, writer.fd), -EPROTO);
    stats_writer_finish(&writer);
    stats_writer_finish(&writer);
}

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

// Durations as stages have them: most near one value, a long tail.
static uint64_t duration(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t random = *state >> 33;
    uint64_t value = 3000000 + random % 200000;
    return random % 97 == 0 ? value * (2 + random % 13) : random % 5 == 0 ? value / 300 : value;
}

static void expect_summary(const struct stats_summary *summary, uint64_t *values, size_t count)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999};
    const uint64_t got[] = {summary->p50_ns, summary->p90_ns, summary->p99_ns, summary->p999_ns};
    uint64_t sum = 0;
    assert_int_equal(summary->count, count);
    qsort(values, count, sizeof(*values), by_value);
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    assert_int_equal(summary->sum_ns, sum);
    assert_int_equal(summary->mean_ns, sum / count);
    expect_near(summary->max_ns, values[count - 1]);
    for (int i = 0; i < 4; i++)
        expect_near(got[i], values[(size_t)(shares[i] * (double)count)]);
}

// 25 seconds of a thousand values each: the window always holds the last ten.
static void test_window(void **state)
{
    (void)state;
    enum { SECONDS = 25, EACH = 1000 };
    static uint64_t values[SECONDS * EACH], some[SECONDS * EACH];
    static struct stats_histogram histograms[2];
    struct stats_window *window;
    struct stats_summary recent[2], all;
    uint64_t random = 7;
    assert_int_equal(stats_window_create(2, 1000 * CLOCK_NS_PER_S, &window), 0);
    for (unsigned second = 0; second < SECONDS; second++) {
        for (unsigned i = 0; i < EACH; i++) {
            // every second is slower than the one before, so that a wrong window shows
            values[second * EACH + i] = duration(&random) * (10 + second) / 10;
            stats_histogram_add(&histograms[1], values[second * EACH + i]);
        }
        unsigned ticks = second + 1 < STATS_WINDOW_TICKS ? second + 1 : STATS_WINDOW_TICKS;
        uint64_t window_ns = stats_window_tick(window, histograms,
                                               (1001 + second) * CLOCK_NS_PER_S, recent);
        assert_int_equal(window_ns, ticks * CLOCK_NS_PER_S);
        assert_int_equal(recent[0].count, 0);
        assert_int_equal(recent[0].p50_ns | recent[0].max_ns | recent[0].sum_ns, 0);
        memcpy(some, values + (second + 1 - ticks) * EACH, ticks * EACH * sizeof(some[0]));
        expect_summary(&recent[1], some, ticks * EACH);
        stats_histogram_summarize(&histograms[1], &all);
        memcpy(some, values, (second + 1) * EACH * sizeof(some[0]));
        expect_summary(&all, some, (second + 1) * EACH);
    }
    // nothing more comes: after ten ticks nothing is recent
    for (unsigned i = 0; i < STATS_WINDOW_TICKS; i++)
        stats_window_tick(window, histograms, (1026 + i) * CLOCK_NS_PER_S, recent);
    assert_int_equal(recent[1].count, 0);
    stats_window_destroy(window);
    stats_window_destroy(NULL);
}

static void *recent_many(void *context)
{
    struct stats_summary summaries[STATS_STAGES];
    for (uint64_t i = 1; i <= 20000; i++) {
        for (unsigned k = 0; k < STATS_STAGES; k++)
            summaries[k] = (struct stats_summary){.count = i, .sum_ns = i, .p50_ns = i,
                                                  .p90_ns = i, .p99_ns = i, .p999_ns = i,
                                                  .max_ns = i};
        stats_recent_set(context, i, summaries);
        if (i % 8 == 0)
            sched_yield();
    }
    return NULL;
}

// A reader beside the writer finds all numbers of one update or none.
static void test_recent(void **state)
{
    (void)state;
    struct stats_writer writer;
    struct stats_summary summaries[STATS_STAGES];
    pthread_t thread;
    uint64_t window_ns = 0;
    assert_int_equal(stats_writer_init(&writer, "test"), 0);
    struct stats_reader reader = stats_writer_reader(&writer);
    assert_int_equal(stats_recent(&reader, summaries), 0);
    pthread_create(&thread, NULL, recent_many, &writer);
    while (window_ns < 20000) {
        uint64_t now = stats_recent(&reader, summaries);
        assert_true(now == 0 || now >= window_ns);
        for (unsigned i = 0; i < STATS_STAGES; i++) {
            assert_int_equal(summaries[i].count, now);
            assert_int_equal(summaries[i].p50_ns, now);
            assert_int_equal(summaries[i].max_ns, now);
        }
        window_ns = now ? now : window_ns;
    }
    pthread_join(thread, NULL);
    stats_writer_finish(&writer);
}

// ---- labels ----

static int labels_fd(const void *bytes, size_t size, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void test_labels(void **state)
{
    (void)state;
    const char *labels[] = {"tench", "", NULL, "goldfish, Carassius auratus"};
    struct labels_reader reader;
    int fd = labels_create(labels, 4, 9);
    assert_true(fd >= 0);
    assert_int_equal(labels_reader_init(&reader, fd), 0);
    close(fd);
    assert_int_equal(reader.count, 4);
    assert_int_equal(reader.generation, 9);
    assert_string_equal(labels_text(&reader, 0), "tench");
    assert_string_equal(labels_text(&reader, 1), "");
    assert_string_equal(labels_text(&reader, 2), "");
    assert_string_equal(labels_text(&reader, 3), labels[3]);
    assert_string_equal(labels_text(&reader, 4), "");
    assert_string_equal(labels_text(&reader, UINT32_MAX), "");
    labels_reader_finish(&reader);
    assert_string_equal(labels_text(&reader, 0), "");
    fd = labels_create(NULL, 0, 1);
    assert_int_equal(labels_reader_init(&reader, fd), 0);
    assert_int_equal(reader.count, 0);
    labels_reader_finish(&reader);
    close(fd);
    assert_int_equal(labels_create(NULL, LABELS_COUNT_MAX + 1, 1), -E2BIG);
}

// Every bit of a good table flipped, and every cut: refused, or read within bounds (ASan looks on).
static void test_labels_hostile(void **state)
{
    (void)state;
    const char *labels[] = {"ab", "c", "defg"};
    unsigned char table[200];
    int good = labels_create(labels, 3, 1);
    ssize_t size = pread(good, table, sizeof(table), 0);
    assert_true(size > 64);
    const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    for (ssize_t bit = 0; bit < size * 8; bit++) {
        struct labels_reader reader;
        table[bit / 8] ^= (unsigned char)(1 << bit % 8);
        int fd = labels_fd(table, (size_t)size, all);
        if (labels_reader_init(&reader, fd) == 0) {
            assert_int_equal(reader.count, 3);
            for (uint32_t i = 0; i < 3; i++)
                assert_true(strlen(labels_text(&reader, i)) <= 10);
        }
        labels_reader_finish(&reader);
        close(fd);
        table[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (ssize_t cut = 0; cut < size; cut++) {
        struct labels_reader reader;
        int fd = labels_fd(table, (size_t)cut, all);
        assert_int_equal(labels_reader_init(&reader, fd), -EPROTO);
        close(fd);
    }
    struct labels_reader reader;
    int unsealed = labels_fd(table, (size_t)size, F_SEAL_SHRINK);
    assert_int_equal(labels_reader_init(&reader, unsealed), -EPROTO);
    close(unsealed);
    close(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),        cmocka_unit_test(test_json_bounded),
        cmocka_unit_test(test_json_misuse), cmocka_unit_test(test_log_seldom),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_buckets),     cmocka_unit_test(test_stats),
        cmocka_unit_test(test_window),      cmocka_unit_test(test_recent),
        cmocka_unit_test(test_labels),      cmocka_unit_test(test_labels_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
