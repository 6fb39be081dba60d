// SPDX-License-Identifier: Apache-2.0
//
// What shell scripts can not do with a daemon: catch its notifications, stop one of its threads, take
// pictures, hold its percentiles against the records' own stamps, and measure how soon a client
// learns that it is gone.

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "qclient.h"

static int die(const char *what)
{
    fprintf(stderr, "daemon_probe: %s: %s\n", what, strerror(errno));
    return 1;
}

// notify SOCKET: prints every datagram, one a line, until killed
static int notify(char **words)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[4096];
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", words[0]);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return die(words[0]);
    for (;;) {
        ssize_t length = recv(fd, text, sizeof(text) - 1, 0);
        if (length < 0)
            return die("recv");
        for (ssize_t i = 0; i < length; i++)
            if (text[i] == '\n')
                text[i] = ' ';
        printf("%llu %.*s\n", (unsigned long long)(clock_now_ns() / CLOCK_NS_PER_MS), (int)length,
               text);
        fflush(stdout);
    }
}

// stall TID MS: that thread stands still for so long
static int stall(char **words)
{
    pid_t thread = (pid_t)atol(words[0]);
    if (ptrace(PTRACE_SEIZE, thread, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) < 0)
        return errno == EPERM ? 77 : die("ptrace");
    waitpid(thread, NULL, __WALL);
    puts("stalled");
    fflush(stdout);
    clock_sleep_until(clock_now_ns() + (uint64_t)atol(words[1]) * CLOCK_NS_PER_MS);
    ptrace(PTRACE_DETACH, thread, 0, 0);
    return 0;
}

// kill PID: reads results, kills the daemon with SIGKILL, prints after how many ms the client knew;
// then waits for the next daemon and prints what the first result of it says
static int kill_daemon(char **words)
{
    struct qclient_options options = {.size = sizeof(options), .connect_timeout_ms = 60000};
    struct qclient *client;
    struct qclient_result result;
    int status = qclient_connect(&options, &client);
    for (int i = 0; i < 3 && status == 0; i++)
        status = qclient_next(client, &result, 60000);
    if (status != 0) {
        fprintf(stderr, "daemon_probe: no results: %s\n", strerror(-status));
        return 1;
    }
    uint64_t killed = clock_now_ns();
    kill((pid_t)atol(words[0]), SIGKILL);
    do
        status = qclient_next(client, &result, 60000);
    while (status == 0);
    printf("told %s after %llu ms\n", strerror(-status),
           (unsigned long long)((clock_now_ns() - killed) / CLOCK_NS_PER_MS));
    fflush(stdout);
    status = qclient_next(client, &result, 60000);
    if (status != 0) {
        fprintf(stderr, "daemon_probe: not connected again: %s\n", strerror(-status));
        return 1;
    }
    printf("again: reconnected=%d sequence=%llu\n", (result.flags & QCLIENT_RECONNECTED) != 0,
           (unsigned long long)result.sequence);
    qclient_close(client);
    return 0;
}

// snapshot STREAM COUNT MS FILE: takes so many pictures, waiting so long for each; says what they
// are and writes the last one's pixels. Ends with 1 and the error's name when one can not be had.
static int take_snapshots(char **words)
{
    struct qclient_options options = {.size = sizeof(options), .stream = words[0]};
    for (long i = 0; i < atol(words[1]); i++) {
        struct qclient_picture *picture;
        int status = qclient_snapshot(&options, (int)atol(words[2]), &picture);
        if (status != 0) {
            printf("%s\n", strerrorname_np(-status));
            return 1;
        }
        const struct qclient_result *result = &picture->result;
        printf("%s format %u %dx%d %zu bytes, result %llu of frame %llu: %u hits, '%s'\n",
               picture->stream, picture->format, picture->width, picture->height, picture->bytes,
               (unsigned long long)result->sequence, (unsigned long long)result->frame,
               result->hit_count, picture->labels[0]);
        fflush(stdout);
        FILE *file = fopen(words[3], "w");
        if (!file || fwrite(picture->pixels, 1, picture->bytes, file) != picture->bytes ||
            fclose(file) != 0)
            return die(words[3]);
        qclient_picture_free(picture);
    }
    return 0;
}

// ---- percentiles ----

#define RAW_MAX 65536
static uint64_t raw[QCLIENT_STAGE_COUNT][RAW_MAX];

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int near_raw(const char *stage, const char *what, uint64_t got, uint64_t exact)
{
    double off = exact ? 100.0 * ((double)got / (double)exact - 1) : 0;
    printf("%s %s %llu ns, from the stamps %llu ns: %+.2f %%\n", stage, what,
           (unsigned long long)got, (unsigned long long)exact, off);
    // below 64 ns a bucket is one nanosecond wide
    return off >= -3 && off <= 3 ? 0 : 1;
}

static int compare_stage(const char *stage, const struct qclient_latency *latency, uint64_t *values,
                         size_t count, bool recent)
{
    static const char *const names[] = {"p50", "p90", "p99", "p999"};
    static const double shares[] = {0.5, 0.9, 0.99, 0.999};
    const uint64_t got[] = {latency->p50_ns, latency->p90_ns, latency->p99_ns, latency->p999_ns};
    int bad = latency->count != count;
    qsort(values, count, sizeof(*values), by_value);
    for (int i = 0; i < 4; i++)
        bad += near_raw(stage, names[i], got[i], values[(size_t)(shares[i] * (double)count)]);
    bad += near_raw(stage, "max", latency->max_ns, values[count - 1]);
    if (!recent && latency->max_ns != values[count - 1])
        bad++;
    if (bad)
        fprintf(stderr, "daemon_probe: %s: %llu values counted, %zu seen, or too far off\n", stage,
                (unsigned long long)latency->count, count);
    return bad;
}

static uint64_t first_ns; // when the first frame came

static size_t collect(struct qclient *client)
{
    struct qclient_result result;
    size_t count = 0;
    while (count < RAW_MAX && qclient_next(client, &result, 60000) == 0) {
        const uint64_t stamps[] = {result.sensor_ns,       result.dequeued_ns, result.started_ns,
                                   result.preprocessed_ns, result.inferred_ns, result.published_ns};
        if (result.sequence != count + 1)
            return 0;
        first_ns = count == 0 ? result.sensor_ns : first_ns;
        for (int i = 0; i < 5; i++)
            raw[i][count] = stamps[i + 1] - stamps[i];
        raw[QCLIENT_STAGE_TOTAL][count++] = result.published_ns - result.sensor_ns;
    }
    return count;
}

// Until the last seconds, which the loop sums up once a second, have all `count` frames. False: the
// machine was too slow to make them so soon, or stood still.
static bool wait_recent(struct qclient *client, size_t count, struct qclient_statistics *stats)
{
    uint64_t before = clock_now_ns(), now, limit = first_ns + 9 * CLOCK_NS_PER_S;
    bool slow = before - first_ns > 5 * CLOCK_NS_PER_S;
    do {
        clock_sleep_until(before + 50 * CLOCK_NS_PER_MS);
        qclient_stats(client, stats);
        now = clock_now_ns();
        slow = slow || now - before > CLOCK_NS_PER_S;
        before = now;
    } while (stats->recent[QCLIENT_STAGE_TOTAL].count < count && now < limit);
    slow = slow && stats->recent[QCLIENT_STAGE_TOTAL].count != count;
    if (slow)
        puts("slow: the last seconds do not hold all frames; their percentiles are not compared");
    return !slow;
}

// percentiles SOCKET: reads a stream from its first record to its end, computes the percentiles of
// every stage from the records' own stamps and holds them against the stats page: since the start,
// and the last seconds (the stream must be younger than those)
static int percentiles(char **words)
{
    static const char *const names[] = {"capture", "wait",    "preprocess",
                                        "infer",   "publish", "total"};
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = words[0],
                                      .flags = QCLIENT_FROM_OLDEST | QCLIENT_NO_RECONNECT};
    struct qclient_statistics stats = {.size = sizeof(stats)};
    struct qclient *client;
    int bad = 0;
    if (qclient_connect(&options, &client) != 0)
        return die("connect");
    size_t count = collect(client);
    if (count < 1000) {
        fprintf(stderr, "daemon_probe: %zu results without a gap, at least 1000 expected\n", count);
        return 1;
    }
    bool in_time = wait_recent(client, count, &stats);
    for (int i = 0; i <= QCLIENT_STAGE_TOTAL; i++) {
        bad += compare_stage(names[i], &stats.stages[i], raw[i], count, false);
        bad += in_time && compare_stage(names[i], &stats.recent[i], raw[i], count, true);
    }
    if (stats.stages[QCLIENT_STAGE_READ].count != count)
        bad++;
    printf("%zu results, window %.1f s\n", count, (double)stats.recent_ns / CLOCK_NS_PER_S);
    qclient_close(client);
    return bad ? 1 : 0;
}

// slow SOCKET MS COUNT: takes MS for each of COUNT results, prints their sequences, then reads no
// more and stays until killed
static int slow(char **words)
{
    struct qclient_options options = {.size = sizeof(options), .socket = words[0], .name = "slow"};
    struct qclient_result result;
    struct qclient *client;
    if (qclient_connect(&options, &client) != 0)
        return die("connect");
    for (long i = 0; i < atol(words[2]); i++) {
        if (qclient_next(client, &result, 60000) != 0)
            return die("next");
        printf("\"sequence\": %llu\n", (unsigned long long)result.sequence);
        clock_sleep_until(clock_now_ns() + (uint64_t)atol(words[1]) * CLOCK_NS_PER_MS);
    }
    puts("done");
    fflush(stdout);
    return pause();
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **words);
    } commands[] = {{"notify", 1, notify}, {"stall", 2, stall}, {"kill", 1, kill_daemon},
                    {"snapshot", 4, take_snapshots}, {"percentiles", 1, percentiles}, {"slow", 3, slow}};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (count == commands[i].arguments + 2 && strcmp(words[1], commands[i].name) == 0)
            return commands[i].run(words + 2);
    fprintf(stderr, "usage: daemon_probe notify|stall|kill|snapshot|percentiles|slow ...\n");
    return 2;
}
