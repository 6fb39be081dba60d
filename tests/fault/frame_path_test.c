// SPDX-License-Identifier: Apache-2.0
//
// The rule that the frame path allocates nothing and logs nothing: the whole daemon in this
// process, with a stream of each kind of frame but a camera's, with a team, with and without a
// gate. After a while of serving, no capture thread, worker or member of a team takes memory or
// says anything for FRAMES frames of each stream.
//
// malloc and its kin are this program's own, so that calls of libraries (libjpeg) count as well. A
// worker may still make a plan for a geometry that came to the others before: so there are TRIES,
// but what allocates with its frames does so in all of them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/config.h"
#include "daemon/service.h"
#include "qclient.h"
#include "tests/unit/imaging_files.h"

#define WARM_UP 10
#define FRAMES 190
#define TRIES 4
#define WAIT_MS 5000

static char folder[64], path[100];

// ---- counting -----------------------------------------------------------------------------------

static atomic_bool counting;
static atomic_uint counted;
static _Atomic(const char *) counted_name;
static char counted_thread[16];
static atomic_size_t counted_bytes;

static void count(const char *name, size_t bytes)
{
    char thread[16];
    if (!atomic_load_explicit(&counting, memory_order_relaxed) || prctl(PR_GET_NAME, thread) < 0 ||
        strncmp(thread, "qedge-", 6) != 0)
        return;
    if (atomic_fetch_add(&counted, 1) > 0)
        return;
    atomic_store(&counted_name, name);
    atomic_store(&counted_bytes, bytes);
    memcpy(counted_thread, thread, sizeof(counted_thread));
}

// The C library's own, by the names under which it exports them for this.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#pragma GCC visibility push(default) // libraries shall find them

void *malloc(size_t size)
{
    count("malloc", size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count("calloc", number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count("realloc", size);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count("aligned_alloc", size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    count("posix_memalign", size);
    *result = __libc_memalign(alignment, size);
    return *result ? 0 : ENOMEM;
}

#pragma GCC visibility pop

// --wrap=log_message
void __wrap_log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void __wrap_log_message(enum log_level level, const char *format, ...)
{
    va_list list;
    count("log_message", 0);
    va_start(list, format);
    log_message_list(level, format, list);
    va_end(list);
}

static unsigned stop_counting(void)
{
    atomic_store(&counting, false);
    return atomic_exchange(&counted, 0);
}

static void *allocate(void *argument)
{
    prctl(PR_SET_NAME, "qedge-work-self");
    free(*(void *volatile *)argument = malloc(1));
    return NULL;
}

static void test_counts(void **state)
{
    (void)state;
    pthread_t thread;
    void *volatile memory;
    for (int on = 0; on < 2; on++) {
        atomic_store(&counting, on);
        assert_int_equal(pthread_create(&thread, NULL, allocate, (void *)&memory), 0);
        pthread_join(thread, NULL);
        assert_int_equal(stop_counting(), on);
    }
}

// ---- the daemon ---------------------------------------------------------------------------------

#define MODEL "model: {path: tests/golden/models/conv_same.tflite}"
#define PATTERN "source: {type: pattern, size: 64x48, fps: 200}"
#define REPLAY(name) "source: {type: replay, path: FOLDER/" name ", fps: 200}"

static const char *const streams[] = {
    "name: plain, mode: throughput, " PATTERN,
    "name: team, mode: latency, " PATTERN,
    "name: shut, gate: {threshold: 100, level: 128}, " PATTERN,
    "name: open, gate: {threshold: 0.1, level: 1}, " PATTERN,
    "name: colour, " REPLAY("colour.mjpeg"),
    "name: rgb, " REPLAY("rgb.mjpeg"),
    "name: grey, " REPLAY("grey.mjpeg"),
    "name: raw, " REPLAY("raw.y4m"),
    "name: pictures, " REPLAY("pictures"),
};
#define STREAMS (sizeof(streams) / sizeof(streams[0]))

static void write_file(const char *name, const struct test_file *file, int copies)
{
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    for (int i = 0; i < copies; i++)
        assert_int_equal(fwrite(file->data, 1, file->size, out), file->size);
    fclose(out);
    free(file->data);
}

static void write_sources(void)
{
    struct test_file file;
    file = test_jpeg(64, 48, (struct jpeg_kind){JCS_YCbCr, 2, 2, false, 0, false});
    write_file("colour.mjpeg", &file, 3);
    file = test_jpeg(64, 48, (struct jpeg_kind){JCS_RGB, 1, 1, false, 0, false});
    write_file("rgb.mjpeg", &file, 3);
    file = test_jpeg(64, 48, (struct jpeg_kind){JCS_GRAYSCALE, 1, 1, false, 0, false});
    write_file("grey.mjpeg", &file, 3);
    file = test_y4m(64, 48, " F30:1 C420", 64 * 48 * 3 / 2, 3);
    write_file("raw.y4m", &file, 1);
    snprintf(path, sizeof(path), "mkdir %s/pictures", folder);
    assert_int_equal(system(path), 0);
    file = test_jpeg(64, 48, (struct jpeg_kind){JCS_YCbCr, 2, 2, false, 0, false});
    write_file("pictures/a.jpg", &file, 1);
    file = test_jpeg(60, 50, (struct jpeg_kind){JCS_YCbCr, 1, 1, false, 0, false});
    write_file("pictures/b.jpg", &file, 1);
}

static void write_settings(void)
{
    snprintf(path, sizeof(path), "%s/qedged.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "socket: %s/socket\nworkers: {threads: 2}\nlog_level: debug\nstreams:\n", folder);
    for (size_t i = 0; i < STREAMS; i++) {
        const char *place = strstr(streams[i], "FOLDER");
        fprintf(file, "  - {" MODEL ", %.*s%s%s}\n",
                place ? (int)(place - streams[i]) : (int)strlen(streams[i]), streams[i],
                place ? folder : "", place ? place + 6 : "");
    }
    fclose(file);
}

static void *daemon_thread(void *exit_code)
{
    struct config_errors errors = {0};
    struct config *config = calloc(1, sizeof(*config));
    *(int *)exit_code = SERVICE_BAD_CONFIG;
    if (config && config_load(path, config, &errors) == 0)
        *(int *)exit_code = service_run(path, config);
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    return NULL;
}

static struct qclient *connect_stream(const char *settings)
{
    char socket_path[100], name[20];
    struct qclient *client = NULL;
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    assert_int_equal(sscanf(settings, "name: %19[a-z]", name), 1);
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = socket_path,
                                      .stream = name,
                                      .connect_timeout_ms = WAIT_MS};
    assert_int_equal(qclient_connect(&options, &client), 0);
    return client;
}

// Until each stream has published so many more.
static void await_frames(struct qclient *const *clients, unsigned frames)
{
    struct qclient_result result;
    uint64_t end[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        if (qclient_latest(clients[i], &result) < 0)
            assert_int_equal(qclient_next(clients[i], &result, WAIT_MS), 0);
        end[i] = result.sequence + frames;
    }
    for (size_t i = 0; i < STREAMS; i++)
        do
            if (qclient_next(clients[i], &result, WAIT_MS) < 0)
                fail_msg("no more results of {%s}", streams[i]);
        while (result.sequence < end[i]);
}

static void test_frame_path(void **state)
{
    (void)state;
    struct qclient *clients[STREAMS];
    struct qclient_result result;
    pthread_t thread;
    int exit_code = -1;
    unsigned calls = 1;
    write_settings();
    assert_int_equal(pthread_create(&thread, NULL, daemon_thread, &exit_code), 0);
    for (size_t i = 0; i < STREAMS; i++)
        clients[i] = connect_stream(streams[i]);
    await_frames(clients, WARM_UP);
    for (int i = 0; i < TRIES && calls; i++) {
        atomic_store(&counting, true);
        await_frames(clients, FRAMES);
        calls = stop_counting();
    }
    assert_int_equal(qclient_next(clients[2], &result, WAIT_MS), 0);
    bool gated = result.flags & QCLIENT_GATED;
    for (size_t i = 0; i < STREAMS; i++)
        qclient_close(clients[i]);
    kill(getpid(), SIGTERM);
    pthread_join(thread, NULL);
    assert_int_equal(exit_code, SERVICE_OK);
    assert_true(gated);
    if (calls)
        fail_msg("%u calls on the frame path; the first: %s of %zu bytes by %s", calls,
                 atomic_load(&counted_name), atomic_load(&counted_bytes), counted_thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_frame_path)};
    snprintf(folder, sizeof(folder), "/tmp/qedge-path.XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    write_sources();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(path, sizeof(path), "rm -rf %s", folder);
    return failed || system(path) != 0;
}
