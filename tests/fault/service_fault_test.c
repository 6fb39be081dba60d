// SPDX-License-Identifier: Apache-2.0
//
// The whole daemon in this process, with every call of its start, of a client's life, of a reload
// and of the end failing one by one (once; then: it and all that follow, for a while). It refuses
// to start and says why, or it serves: afterwards every stream delivers, settings are the old or
// the new ones and never a mixture, and as many descriptors and mappings are open as before.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/config.h"
#include "daemon/service.h"
#include "qclient.h"
#include "tests/fault/inject.h"
#include "tests/unit/fds_open.h"

#define CALLS_MAX 3000
#define GATED_WITHIN 2000 // frames
#define CALLS_A_LIFE 1000 // of a client, at most, and two more a millisecond: workers wake others
#define TINY "tests/golden/models/conv_same.tflite"
#define TINY2 "tests/golden/models/conv_one_channel.tflite"

static char folder[64], socket_path[100], config_path[100];
static int failed_tests;
static const char *phase;
static unsigned call;

static void complain(const char *what, const char *more)
{
    failed_tests++;
    fprintf(stderr, "FAIL %s, call %u (%s): %s%s%s; last log line '%s'\n", phase, call,
            inject_name(), what, more[0] ? ": " : "", more, inject_log_text());
}

// ---- the daemon ---------------------------------------------------------------------------------

#define PATTERN(size) "source: {type: pattern, size: " size ", fps: 200}"
#define GATE "gate: {threshold: 100, level: 128}" // shut, but for the heartbeat

static const char *const settings[2] = {
    "streams:\n"
    "  - {name: bars, " PATTERN(
        "64x48") ", model: {path: " TINY "}, " GATE "}\n"
                 "  - {name: pics, source: {type: replay, path: FOLDER, fps: 200}, model: {path: " TINY
                 "}, " GATE "}\n",
    "streams:\n"
    "  - {name: bars, " PATTERN("64x48") ", model: {path: " TINY2 "}, " GATE "}\n"
                                         "  - {name: extra, " PATTERN(
                                             "32x48") ", model: {path: " TINY "}, " GATE "}\n",
};
static const char *const other_stream[2] = {"pics", "extra"};

static void write_settings(int which)
{
    FILE *file = fopen(config_path, "w");
    if (!file)
        exit(1);
    fprintf(file, "socket: %s\nworkers: {threads: 2}\nlog_level: error\n", socket_path);
    const char *text = settings[which], *place = strstr(text, "FOLDER");
    if (place)
        fprintf(file, "%.*s%s%s", (int)(place - text), text, folder, place + 6);
    else
        fputs(text, file);
    fclose(file);
}

static atomic_int running;
static int exit_code;

static void *daemon_thread(void *argument)
{
    struct config_errors errors = {0};
    (void)argument;
    inject_enter();
    struct config *config = calloc(1, sizeof(*config));
    int status = config ? config_load(config_path, config, &errors) : -ENOMEM;
    if (status < 0) { // as daemon/main.c
        for (size_t i = 0; i < errors.count; i++)
            log_error("%s", errors.lines[i]);
        if (!config)
            log_error("no memory");
        config_errors_finish(&errors);
        free(config);
        exit_code = service_load_code(status);
    } else {
        exit_code = service_run(config_path, config);
    }
    inject_leave();
    atomic_store(&running, 0);
    return NULL;
}

static pthread_t daemon_start(void)
{
    pthread_t thread;
    atomic_store(&running, 1);
    if (pthread_create(&thread, NULL, daemon_thread, NULL) != 0)
        exit(1);
    return thread;
}

// ---- a client that is not under test ------------------------------------------------------------

static int connect_stream(const char *stream, int timeout_ms, struct qclient **client)
{
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = socket_path,
                                      .stream = stream,
                                      .connect_timeout_ms = timeout_ms};
    return qclient_connect(&options, client);
}

// Time as a machine has it that may be busy, or stand still: naps of 10 ms and more.
#define BEAT_MS 10
static atomic_uint beats;

static void *beat(void *argument)
{
    for (;;) {
        poll(NULL, 0, BEAT_MS);
        atomic_fetch_add(&beats, 1);
    }
    return argument;
}

// Results come, and the gate is there: it shuts when the tuner has measured what it wanted. Waits
// for a source that tries again after a moment's shortage.
static void check_delivers(const char *stream)
{
    struct qclient *client;
    struct qclient_result result;
    int status = connect_stream(stream, 60000, &client);
    if (status < 0) {
        complain("can not connect", strerror(-status));
        return;
    }
    for (int i = 0; i < 2 || (status >= 0 && !(result.flags & QCLIENT_GATED)); i++) {
        status = i < GATED_WITHIN ? qclient_next(client, &result, 60000) : -ENODATA;
        if (status < 0) {
            complain(stream, i < GATED_WITHIN ? strerror(-status) : "its gate stays open");
            break;
        }
    }
    qclient_close(client);
}

static char *ask(const char *request, int timeout_ms, int *status)
{
    struct qclient_options options = {.size = sizeof(options), .socket = socket_path};
    char *answer = NULL;
    *status = qclient_request(&options, request, timeout_ms, &answer);
    return answer;
}

static bool has_stream(const char *name)
{
    char wanted[80];
    int status;
    char *answer = ask("streams", 60000, &status);
    snprintf(wanted, sizeof(wanted), "\"%s\"", name);
    bool has = answer && strstr(answer, wanted);
    if (status < 0)
        complain("streams", strerror(-status));
    free(answer);
    return has;
}

// How often bars was given another model, and 1; 0 when nobody says.
static unsigned bars_generation(void)
{
    static const char *const keys[2] = {"\"name\":\"bars\"", "\"generation\":"};
    int status;
    char *answer = ask("status", 60000, &status), *at = answer;
    for (int i = 0; i < 2 && at; i++)
        if ((at = strstr(at, keys[i])))
            at += strlen(keys[i]);
    unsigned long generation = at ? strtoul(at, NULL, 10) : 0;
    if (generation == 0)
        complain("no generation in the status", strerror(-status));
    free(answer);
    return (unsigned)generation;
}

// Closed connections are let go by the loop, a moment later.
static void check_balance(unsigned fds, unsigned maps)
{
    uint64_t limit = clock_now_ns() + 60 * CLOCK_NS_PER_S;
    unsigned now_fds, now_maps;
    do {
        now_fds = fds_open(), now_maps = inject_memfd_maps();
        if (now_fds == fds && now_maps == maps)
            return;
        poll(NULL, 0, 2);
    } while (clock_now_ns() < limit);
    char text[100];
    snprintf(text, sizeof(text), "%u descriptors, were %u; %u mappings, were %u", now_fds, fds,
             now_maps, maps);
    complain("something is left open", text);
}

// What is open when nobody comes or goes any more: the same for a second of naps.
static void count_open(unsigned *fds, unsigned *maps)
{
    *fds = 0, *maps = 0;
    for (int same = 0; same < 50; same++) {
        unsigned now = fds_open(), now_maps = inject_memfd_maps();
        if (now != *fds || now_maps != *maps)
            same = 0;
        *fds = now, *maps = now_maps;
        poll(NULL, 0, 20);
    }
}

// After the call at hand was (not) hit: is there another one to try? Each fails once; that all fail
// from some call on is tried at every eighth. There is none after the last; but a busy machine may
// also not have got that far, so it counts as the last when it was missed three times.
static bool next_call(enum inject_mode mode, bool hit)
{
    static unsigned missed;
    missed = hit ? 0 : missed + 1;
    if (hit)
        call += mode == INJECT_ONE ? 1 : 8;
    bool more = missed < 3 && call < CALLS_MAX && failed_tests < 20;
    missed = more ? missed : 0;
    return more;
}

// ---- start and end ------------------------------------------------------------------------------

// False: not up within that time.
static bool wait_until_up(uint64_t limit_ns)
{
    uint64_t limit = clock_now_ns() + limit_ns;
    struct qclient *client;
    while (atomic_load(&running) && clock_now_ns() < limit) {
        if (connect_stream("bars", 0, &client) == 0) {
            struct qclient_result result;
            qclient_next(client, &result, 30);
            qclient_close(client);
            return true;
        }
        poll(NULL, 0, 2);
    }
    return false;
}

static void stop(pthread_t thread)
{
    unsigned begin = atomic_load(&beats);
    kill(getpid(), SIGTERM);
    pthread_join(thread, NULL);
    if (exit_code != SERVICE_OK)
        complain("SIGTERM, but it ended with an error", "");
    if (atomic_load(&beats) - begin > 3000 / BEAT_MS)
        complain("stopping took more than 3 s of naps", "");
}

static bool start_once(enum inject_mode mode, unsigned fds, unsigned maps)
{
    inject_arm(call, mode);
    pthread_t thread = daemon_start();
    for (int i = 0; i < 200 && atomic_load(&running) && !inject_name()[0]; i++)
        if (wait_until_up(300 * CLOCK_NS_PER_MS))
            break;
    bool hit = inject_disarm();
    wait_until_up(60 * CLOCK_NS_PER_S); // or until it has ended
    if (atomic_load(&running)) {
        check_delivers("bars");
        check_delivers("pics");
        if (atomic_load(&running))
            stop(thread);
        else
            complain("it ended by itself", "");
    } else {
        pthread_join(thread, NULL);
        if (exit_code != SERVICE_FAILED) // after SERVICE_BAD_CONFIG systemd would not try again
            complain("ended with a status that is not for what passes", "");
        if (inject_log_count() == 0)
            complain("ended without a word", "");
        if (access(socket_path, F_OK) == 0)
            complain("a socket is left", "");
    }
    check_balance(fds, maps);
    return hit;
}

static void test_start(enum inject_mode mode)
{
    phase = mode == INJECT_ONE ? "start" : "start, all from then on";
    write_settings(0);
    unsigned fds = fds_open(), maps = inject_memfd_maps();
    call = 1;
    while (next_call(mode, start_once(mode, fds, maps)))
        continue;
    printf("%s: %u calls\n", phase, call);
    if (call < 50)
        complain("too few calls to be true", "");
}

// ---- a client's life ----------------------------------------------------------------------------

// Whatever the daemon can not do now: the client is told, and the daemon goes on.
static void client_life(void)
{
    struct qclient *client;
    struct qclient_result result;
    int status;
    free(ask("status", 1000, &status));
    if (connect_stream("bars", 200, &client) < 0)
        return;
    struct pollfd wait = {.fd = qclient_fd(client), .events = POLLIN};
    for (int i = 0; i < 3; i++) {
        poll(&wait, 1, 50);
        qclient_dispatch(client);
        qclient_next(client, &result, 20);
    }
    qclient_close(client);
}

// One that was there before anything failed: told nothing, woken as ever, nothing uncounted is
// missing.
static void check_bystander(struct qclient *client, uint64_t *before)
{
    struct pollfd wait = {.fd = qclient_fd(client), .events = POLLIN};
    struct qclient_result result;
    uint64_t since = *before, limit = clock_now_ns() + 60 * CLOCK_NS_PER_S;
    int status = -EAGAIN;
    while (*before < since + 2 && clock_now_ns() < limit) {
        poll(&wait, 1, 1000);
        status = qclient_dispatch(client);
        while (status == 0 && (status = qclient_next(client, &result, 0)) == 0) {
            if (result.flags & QCLIENT_RECONNECTED)
                complain("a client that was there had to connect again", "");
            if (since && result.sequence != *before + 1 + result.lost)
                complain("a client that was there has a gap", "");
            *before = result.sequence;
        }
        if (status != -EAGAIN)
            break;
    }
    if (status != -EAGAIN || *before < since + 2)
        complain("a client that was there reads no more", strerror(-status));
}

static void test_clients(enum inject_mode mode)
{
    struct qclient *bystander;
    uint64_t sequence = 0;
    phase = mode == INJECT_ONE ? "client's life" : "client's life, all from then on";
    write_settings(0);
    pthread_t thread = daemon_start();
    check_delivers("bars");
    check_delivers("pics");
    unsigned fds, maps;
    if (connect_stream("bars", 60000, &bystander) < 0)
        exit(1);
    check_bystander(bystander, &sequence);
    bool hit;
    count_open(&fds, &maps);
    call = 1;
    do {
        uint64_t begin = clock_now_ns();
        inject_arm(call, mode);
        client_life();
        hit = inject_disarm();
        if (inject_count() > CALLS_A_LIFE + 2 * (clock_now_ns() - begin) / CLOCK_NS_PER_MS)
            complain("the loop spins", "");
        check_bystander(bystander, &sequence);
        check_delivers("bars");
        check_balance(fds, maps);
    } while (next_call(mode, hit));
    printf("%s: %u calls\n", phase, call);
    if (call < 10)
        complain("too few calls to be true", "");
    qclient_close(bystander);
    stop(thread);
}

// ---- reload -------------------------------------------------------------------------------------

// True when the new settings are in force.
static bool reload(int which)
{
    int status;
    char *answer = ask("reload", 3000, &status);
    bool said = answer && strstr(answer, "\"reloaded\":true"), refused = false;
    refused = status < 0 || (answer && strstr(answer, "\"reloaded\":false"));
    if (answer && strstr(answer, "a thread") && inject_log_count() == 0)
        complain("refused without a word in the log", answer);
    free(answer);
    inject_disarm();
    if (status < 0) { // no answer: it may be done, or under way
        uint64_t limit = clock_now_ns() + 60 * CLOCK_NS_PER_S;
        do
            free(ask("reload", 20000, &status));
        while (status < 0 && clock_now_ns() < limit);
        if (status < 0)
            complain("no reload any more", strerror(-status));
        status = 1;
    }
    bool is_new = has_stream(other_stream[which]), is_old = has_stream(other_stream[1 - which]);
    if (is_new == is_old)
        complain("streams of both settings, or of none", "");
    if (said && !is_new)
        complain("said to be reloaded, but is not", "");
    if (refused && status == 0 && is_new)
        complain("refused, but done", "");
    if (status == 1 && !is_new)
        complain("nothing fails any more, but not done", "");
    return is_new;
}

static void test_reload(enum inject_mode mode)
{
    phase = mode == INJECT_ONE ? "reload" : "reload, all from then on";
    write_settings(0);
    pthread_t thread = daemon_start();
    check_delivers("pics");
    unsigned fds[2] = {0}, maps[2] = {0}, done = 0;
    int now = 0;
    bool hit;
    count_open(&fds[0], &maps[0]);
    call = 1;
    do {
        write_settings(1 - now);
        inject_arm(call, mode);
        if (reload(1 - now)) {
            now = 1 - now;
            done++;
        }
        if (bars_generation() != 1 + done)
            complain("another model, but not another generation", "");
        hit = inject_name()[0];
        check_delivers("bars");
        check_delivers(other_stream[now]);
        if (!fds[now])
            count_open(&fds[now], &maps[now]);
        check_balance(fds[now], maps[now]);
    } while (next_call(mode, hit));
    printf("%s: %u calls, %u reloads done\n", phase, call, done);
    if (call < 30)
        complain("too few calls to be true", "");
    stop(thread);
}

// ---- all ----------------------------------------------------------------------------------------

static void make_folder(void)
{
    char path[120];
    snprintf(folder, sizeof(folder), "/tmp/qedge-fault.XXXXXX");
    if (!mkdtemp(folder))
        exit(1);
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    snprintf(config_path, sizeof(config_path), "%s/qedged.yaml", folder);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%d.pgm", folder, i);
        FILE *file = fopen(path, "wb");
        if (!file)
            exit(1);
        fputs("P5 8 6 255\n", file);
        for (int k = 0; k < 48; k++)
            fputc(k * 5 + i, file);
        fclose(file);
    }
}

static void remove_folder(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        return;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    make_folder();
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    write_settings(0);
    phase = "warming up"; // libuv makes a pipe for signals that it keeps
    pthread_t heart, thread = daemon_start();
    if (pthread_create(&heart, NULL, beat, NULL) != 0)
        return 1;
    check_delivers("bars");
    stop(thread);
    for (int mode = INJECT_ONE; mode <= INJECT_FROM; mode++) {
        if (!only[0] || strcmp(only, "start") == 0)
            test_start((enum inject_mode)mode);
        if (!only[0] || strcmp(only, "clients") == 0)
            test_clients((enum inject_mode)mode);
        if (!only[0] || strcmp(only, "reload") == 0)
            test_reload((enum inject_mode)mode);
    }
    if (inject_bad_closes() > 0)
        complain("something was closed twice", "");
    remove_folder();
    return failed_tests != 0;
}
