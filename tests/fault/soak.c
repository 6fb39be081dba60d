// SPDX-License-Identifier: Apache-2.0
//
// soak SOCKET DAEMON-PID FRAMES CONFIG-A CONFIG-B CONFIG: puts a running qedged under load until
// its streams "fast" and "also" have published FRAMES records, and judges: a verdict line, exit
// status 0 or 1.
//
// * readers: one of every record of "fast"; one of "slow", whose records are so rare (0.5 s) that
//   a wake-up that gets lost is not hidden by the next one;
// * clients come and go without end: readers, pollers, event loops, requests, and processes that
//   are killed in the middle;
// * 120 times CONFIG becomes CONFIG-A or CONFIG-B, and a reload is asked for;
// * twenty times all that pauses, and what the daemon holds is noted.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "libclient/client.h"
#include "tests/fault/soak_samples.h"

#define CHURNERS 4
#define RELOADS 120                     // an even number between two samples: the same settings
#define LATE_NS (450 * CLOCK_NS_PER_MS) // "slow" has a period of 500 ms
#define TIMES_MAX 200000
// No turn for so long: the machine stood still, or was busy.
#define STILL_NS (100 * CLOCK_NS_PER_MS)

static const char *socket_path, *configs[2], *config_path;
static pid_t daemon_pid;
static atomic_bool ending, pausing;
static atomic_int paused; // churners that stand still
static atomic_ulong clients, killed, reloads, failed;
static struct {
    atomic_ulong read, lost, late, silent, reconnects;
} fast, slow;
static uint32_t times[TIMES_MAX]; // inference, ns
static atomic_uint time_count;

static bool machine_stood_still(uint64_t within_ns);

static void complain(const char *what, int status)
{
    bool excused = status == -ETIMEDOUT && machine_stood_still(10 * CLOCK_NS_PER_S);
    fprintf(stderr, "soak: %s: %s%s\n", what, strerror(-status),
            excused ? " (the machine stood still)" : "");
    if (!excused)
        atomic_fetch_add(&failed, 1);
}

static int open_stream(const char *stream, struct qclient **client)
{
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = socket_path,
                                      .stream = stream,
                                      .name = "soak",
                                      .connect_timeout_ms = 60000};
    return qclient_connect(&options, client);
}

// ---- the machine --------------------------------------------------------------------------------

// On a machine that runs nobody for a while everybody is late: that is no lost wake-up.
static atomic_ullong beat_ns, stalled_ns;
static atomic_uint stalls;

static void *heartbeat(void *argument)
{
    (void)argument;
    while (!atomic_load(&ending)) {
        uint64_t now = clock_now_ns(), before = atomic_exchange(&beat_ns, now);
        if (before && now - before > STILL_NS) {
            atomic_store(&stalled_ns, now);
            atomic_fetch_add(&stalls, 1);
        }
        poll(NULL, 0, 20);
    }
    return NULL;
}

static bool machine_stood_still(uint64_t within_ns)
{
    uint64_t now = clock_now_ns();
    return now - atomic_load(&beat_ns) > STILL_NS || now - atomic_load(&stalled_ns) < within_ns;
}

static void note_lateness(const struct qclient_result *result)
{
    if (clock_now_ns() - result->published_ns > LATE_NS && !machine_stood_still(CLOCK_NS_PER_S))
        atomic_fetch_add(&slow.late, 1);
}

// ---- readers of everything ----------------------------------------------------------------------

static void note_time(const struct qclient_result *result)
{
    unsigned at = atomic_fetch_add(&time_count, 1);
    uint64_t ns = result->inferred_ns - result->preprocessed_ns;
    if (at < TIMES_MAX)
        times[at] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static void *fast_reader(void *argument)
{
    struct qclient *client;
    struct qclient_result result;
    uint64_t before = 0;
    (void)argument;
    int status = open_stream("fast", &client);
    while (status == 0 && !atomic_load(&ending)) {
        status = qclient_next(client, &result, 5000);
        if (status == -ETIMEDOUT && machine_stood_still(10 * CLOCK_NS_PER_S)) {
            status = 0;
        } else if (status == 0) {
            if (before && result.sequence != before + 1 + result.lost)
                complain("a gap that was not counted", -EPROTO);
            before = result.sequence;
            atomic_fetch_add(&fast.read, 1);
            atomic_fetch_add(&fast.lost, result.lost);
            note_time(&result);
        }
    }
    if (status != 0)
        complain("reading fast", status);
    return NULL;
}

// On the bare futex: qclient_next looks every 40 ms by itself, and would hide a wake-up that is
// lost.
static void *slow_reader(void *argument)
{
    struct qclient *client;
    struct qclient_result result;
    (void)argument;
    int status = open_stream("slow", &client);
    while (status == 0 && !atomic_load(&ending)) {
        status = qclient_next(client, &result, 0);
        if (status == 0) {
            atomic_fetch_add(&slow.read, 1);
            note_lateness(&result);
        } else if (status == -EAGAIN) {
            status = ring_wait(&client->ring, 5 * (int64_t)CLOCK_NS_PER_S);
            if (status == -EINTR ||
                (status == -ETIMEDOUT && machine_stood_still(10 * CLOCK_NS_PER_S)))
                status = 0;
        }
    }
    if (status != 0)
        complain("reading slow", status);
    return NULL;
}

// The same through the fd for event loops.
static void *slow_poller(void *argument)
{
    struct qclient *client;
    struct qclient_result result;
    (void)argument;
    int status = open_stream("slow", &client);
    struct pollfd wait = {.fd = status == 0 ? qclient_fd(client) : -1, .events = POLLIN};
    while (status == 0 && !atomic_load(&ending)) {
        if (poll(&wait, 1, 5000) == 0 && !machine_stood_still(10 * CLOCK_NS_PER_S)) {
            status = -ETIMEDOUT;
            break;
        }
        status = qclient_dispatch(client);
        while (status == 0 && (status = qclient_next(client, &result, 0)) == 0)
            note_lateness(&result);
        if (status == -EAGAIN)
            status = 0;
    }
    if (status != 0)
        complain("polling slow", status);
    return NULL;
}

// ---- those that come and go ---------------------------------------------------------------------

static void visit(unsigned what)
{
    struct qclient *client;
    struct qclient_result result;
    static const char *const streams[3] = {"fast", "slow", "also"};
    int status = open_stream(streams[what % 3], &client);
    if (status != 0) {
        complain("connect", status);
        return;
    }
    atomic_fetch_add(&clients, 1);
    for (unsigned i = 0; i < (what >> 3) % 20; i++)
        qclient_next(client, &result, 20);
    if (what & 2) {
        struct pollfd wait = {.fd = qclient_fd(client), .events = POLLIN};
        poll(&wait, 1, 20);
        qclient_dispatch(client);
    }
    if (what & 4)
        qclient_latest(client, &result);
    qclient_close(client);
}

static void ask(const char *request)
{
    struct qclient_options options = {.size = sizeof(options), .socket = socket_path};
    char *answer;
    int status = qclient_request(&options, request, 60000, &answer);
    if (status != 0)
        complain(request, status);
    free(answer);
}

// A process that subscribes and is killed, wherever it is then.
static void visit_and_die(unsigned what)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "soak", socket_path, (char *)NULL);
        _exit(1);
    }
    if (child < 0)
        return;
    poll(NULL, 0, (int)(what % 30));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    atomic_fetch_add(&killed, 1);
}

static int victim(void)
{
    struct qclient *client;
    struct qclient_result result;
    if (open_stream("fast", &client) != 0)
        return 1;
    qclient_fd(client);
    for (;;)
        qclient_next(client, &result, 100);
}

static void *churner(void *argument)
{
    uint64_t state = 1000 + (uintptr_t)argument;
    while (!atomic_load(&ending)) {
        if (atomic_load(&pausing)) {
            atomic_fetch_add(&paused, 1);
            while (atomic_load(&pausing) && !atomic_load(&ending))
                poll(NULL, 0, 1);
            atomic_fetch_sub(&paused, 1);
        }
        state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned what = (unsigned)(state >> 40);
        if (what % 16 == 0)
            visit_and_die(what >> 4);
        else if (what % 16 == 1)
            ask(what & 64 ? "status" : "clients");
        else
            visit(what);
        poll(NULL, 0, 2);
    }
    return NULL;
}

// ---- reloads ------------------------------------------------------------------------------------

static void copy_file(const char *from, const char *to)
{
    char text[8192], name[300];
    FILE *in = fopen(from, "r");
    size_t size = in ? fread(text, 1, sizeof(text), in) : 0;
    if (in)
        fclose(in);
    snprintf(name, sizeof(name), "%s.new", to);
    FILE *out = fopen(name, "w");
    if (!out || fwrite(text, 1, size, out) != size)
        complain(name, -errno);
    if (out)
        fclose(out);
    rename(name, to);
}

static void reload(unsigned number)
{
    copy_file(configs[number % 2], config_path);
    ask("reload");
    atomic_fetch_add(&reloads, 1);
}

// ---- what the daemon holds ----------------------------------------------------------------------

static int ascending(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

// Until the daemon has let go of who left, and of a reload's leavings: as many descriptors as at
// the least so far, for 300 ms; or a minute, and then it is a leak.
static void let_go(void)
{
    static unsigned least = ~0u;
    unsigned before = 0;
    for (int i = 0, same = 0; i < 6000 && same < 30; i++) {
        unsigned now = sample_count(daemon_pid, "fd");
        same = now == before && (now <= least || least == ~0u) ? same + 1 : 0;
        before = now;
        poll(NULL, 0, 10);
    }
    least = before < least ? before : least;
}

static void take_sample(struct sample *sample, uint64_t published)
{
    atomic_store(&pausing, true);
    for (int i = 0; i < 60000 && atomic_load(&paused) < CHURNERS; i++)
        poll(NULL, 0, 1);
    let_go();
    unsigned count = atomic_load(&time_count);
    count = count < TIMES_MAX ? count : TIMES_MAX;
    qsort(times, count, sizeof(times[0]), ascending);
    sample_take(sample, daemon_pid, published);
    sample->infer_p50_us = count ? times[count / 2] / 1000.0 : 0;
    sample->infer_p99_us = count ? times[count - 1 - count / 100] / 1000.0 : 0;
    atomic_store(&time_count, 0);
    atomic_store(&pausing, false);
    printf("%9llu frames: %8.0f KiB unique, %3u descriptors, %2u threads, ",
           (unsigned long long)sample->published, sample->uss_kb, sample->fds, sample->threads);
    printf("inference %5.1f us median, %6.1f p99\n", sample->infer_p50_us, sample->infer_p99_us);
    fflush(stdout);
}

// ---- judging ------------------------------------------------------------------------------------

static bool judge(const struct sample *samples, uint64_t frames)
{
    bool flat = samples_memory_flat(samples, frames), fds_flat = samples_fds_flat(samples);
    bool stable = samples_times_stable(samples);
    bool whole = atomic_load(&fast.lost) == 0 && atomic_load(&fast.read) > 0;
    bool awake = atomic_load(&slow.late) == 0 && atomic_load(&slow.read) > 0;
    bool good = flat && fds_flat && stable && whole && awake && atomic_load(&failed) == 0;
    printf("readers: fast %lu read, %lu lost; slow %lu read, %lu late\n", atomic_load(&fast.read),
           atomic_load(&fast.lost), atomic_load(&slow.read), atomic_load(&slow.late));
    printf("%lu clients came and went, %lu were killed, %lu reloads; ", atomic_load(&clients),
           atomic_load(&killed), atomic_load(&reloads));
    printf("the machine stood still %u times\n", atomic_load(&stalls));
    printf("%s: memory %s, descriptors %s, ", good ? "SOUND" : "BROKEN", flat ? "flat" : "NOT FLAT",
           fds_flat ? "flat" : "NOT FLAT");
    printf("times %s, records %s, wake-ups %s, %lu errors\n", stable ? "stable" : "NOT STABLE",
           whole ? "all there" : "LOST", awake ? "all there" : "LOST", atomic_load(&failed));
    return good;
}

// ---- all ----------------------------------------------------------------------------------------

static uint64_t published(struct qclient *client)
{
    struct qclient_statistics stats = {.size = sizeof(stats)};
    return qclient_stats(client, &stats) == 0 ? stats.frames_published : 0;
}

static uint64_t published_by_both(struct qclient *const both[2])
{
    struct qclient_result result;
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        qclient_latest(both[i], &result); // who never looks at his socket is disconnected
        sum += published(both[i]);
    }
    return sum;
}

// What is published before the load begins, and while it pauses, is not of it.
static unsigned run(uint64_t frames, struct sample *samples)
{
    struct qclient *both[2];
    unsigned taken = 0, reloaded = 0;
    if (open_stream("fast", &both[0]) != 0 || open_stream("also", &both[1]) != 0)
        return 0;
    uint64_t idle = published_by_both(both);
    while (taken < SAMPLES && kill(daemon_pid, 0) == 0) {
        poll(NULL, 0, 10);
        uint64_t sum = published_by_both(both) - idle;
        while (reloaded < RELOADS && sum >= frames * (reloaded + 1) / RELOADS)
            reload(reloaded++);
        if (sum >= frames * (taken + 1) / SAMPLES) {
            sum = published_by_both(both) - idle;
            take_sample(&samples[taken++], sum);
            idle = published_by_both(both) - sum;
        }
    }
    qclient_close(both[0]);
    qclient_close(both[1]);
    return taken;
}

int main(int argc, char **argv)
{
    static void *(*const runs[])(void *) = {heartbeat, fast_reader, slow_reader, slow_poller,
                                            churner,   churner,     churner,     churner};
    struct sample samples[SAMPLES];
    pthread_t threads[sizeof(runs) / sizeof(runs[0])];
    socket_path = argc > 1 ? argv[1] : "";
    if (argc == 2)
        return victim();
    if (argc != 7) {
        fprintf(stderr, "usage: soak SOCKET PID FRAMES CONFIG-A CONFIG-B CONFIG\n");
        return 2;
    }
    daemon_pid = (pid_t)atol(argv[2]);
    uint64_t frames = strtoull(argv[3], NULL, 10);
    configs[0] = argv[4], configs[1] = argv[5], config_path = argv[6];
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        if (pthread_create(&threads[i], NULL, runs[i], (void *)i) != 0)
            return 2;
    unsigned count = run(frames, samples);
    atomic_store(&ending, true);
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        pthread_join(threads[i], NULL);
    if (count < SAMPLES) {
        printf("BROKEN: the daemon is gone\n");
        return 1;
    }
    return judge(samples, frames) ? 0 : 1;
}
