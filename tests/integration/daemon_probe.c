// SPDX-License-Identifier: Apache-2.0
//
// What shell scripts can not do to a daemon: catch its notifications, stop one of its threads, send
// it garbage, be deaf, and measure how soon a client learns that it is gone.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/stats_abi.h"
#include "common/wire.h"
#include "qclient.h"
#include "tests/unit/raw_message.h"

#define RUDE_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT) // whoever does not read is not waited for

static uint64_t random_state;

static uint32_t random_next(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

static int die(const char *what)
{
    fprintf(stderr, "daemon_probe: %s: %s\n", what, strerror(errno));
    return 1;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void make_hello(struct wire_hello *hello, const char *name)
{
    wire_init(hello, WIRE_HELLO, sizeof(*hello), 1);
    hello->major = WIRE_MAJOR;
    hello->minor = WIRE_MINOR;
    wire_text_set(hello->name, sizeof(hello->name), name);
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

// One message, right or wrong in one of many ways, now and then with descriptors that nobody asked
// for.
static void send_garbage(int fd)
{
    union wire_message message;
    size_t size = random_next() % 4 ? random_next() % 400 : random_next() % sizeof(message);
    for (size_t i = 0; i < size; i++)
        message.bytes[i] = (unsigned char)random_next();
    if (random_next() % 4) {
        static const uint16_t types[] = {
            WIRE_HELLO, WIRE_SUBSCRIBE, WIRE_REQUEST, WIRE_REPORT, WIRE_ANSWER, 0, 99};
        size_t sizes[] = {sizeof(message.hello), sizeof(message.subscribe), sizeof(message.request),
                          sizeof(message.report)};
        uint32_t kind = random_next() % 7;
        size = random_next() % 3 && kind < 4 ? sizes[kind] : size;
        message.header.magic = WIRE_MAGIC;
        message.header.type = types[kind];
        message.header.reserved = 0;
        message.header.size = random_next() % 5 ? (uint32_t)size : random_next();
        if (kind == 1)
            message.subscribe.flags &= 1;
        if (kind == 2 && random_next() % 2)
            strcpy(message.request.text, random_next() % 2 ? "status" : "clients");
        if (kind == 1 && random_next() % 2)
            memset(message.subscribe.stream, 0, sizeof(message.subscribe.stream));
    }
    raw_message_send(fd, &message, size, random_next() % 6 == 0 ? 3 : 0, RUDE_FLAGS);
}

// garbage SOCKET SEED COUNT: that many connections, each with some messages
static int garbage(char **words)
{
    random_state = strtoull(words[1], NULL, 10);
    for (long i = 0; i < atol(words[2]); i++) {
        int fd = connect_to(words[0]);
        if (fd < 0)
            return die("connect");
        struct wire_hello hello;
        make_hello(&hello, "garbage");
        if (random_next() % 3 && send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
            errno = 0;
        for (uint32_t k = random_next() % 6; k > 0; k--)
            send_garbage(fd);
        close(fd);
    }
    printf("%s connections, seed %s\n", words[2], words[1]);
    return 0;
}

// rude SOCKET: one wrong message a connection; after each the daemon must hang up
static int rude(char **words)
{
    static const char *const ways[] = {"no HELLO",     "one byte",        "wrong magic",
                                       "a wrong size", "an unknown type", "a daemon's message",
                                       "an endless text", "3 descriptors", "64 descriptors"};
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
        struct wire_hello hello;
        struct wire_request request;
        char answer[WIRE_MESSAGE_MAX];
        int fd = connect_to(words[0]);
        make_hello(&hello, "rude");
        wire_init(&request, WIRE_REQUEST, sizeof(request), 2);
        strcpy(request.text, "version");
        request.header.magic ^= way == 2;
        request.header.size += way == 3;
        request.header.type = way == 4 ? 99 : way == 5 ? WIRE_GOODBYE : WIRE_REQUEST;
        if (way == 6)
            memset(request.text, 'a', sizeof(request.text));
        if (fd < 0 || (way > 0 && send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0))
            return die("connect");
        unsigned count = way == 7 ? 3 : way == 8 ? RAW_FDS_MAX : 0;
        raw_message_send(fd, &request, way == 1 ? 1 : sizeof(request), count, RUDE_FLAGS);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got;
        do
            got = poll(&wait, 1, 5000) == 1 ? recv(fd, answer, sizeof(answer), 0) : -2;
        while (got > 0); // a welcome, perhaps
        if (got == -2) {
            fprintf(stderr, "daemon_probe: %s: still connected after 5 s\n", ways[way]);
            return 1;
        }
        close(fd);
    }
    return 0;
}

// deaf SOCKET: asks and asks and never reads; ends when the daemon has had enough
static int deaf(char **words)
{
    struct wire_hello hello;
    struct wire_request request;
    int fd = connect_to(words[0]);
    make_hello(&hello, "deaf");
    if (fd < 0 || send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
        return die("connect");
    wire_init(&request, WIRE_REQUEST, sizeof(request), 2);
    strcpy(request.text, "status");
    uint64_t limit = clock_now_ns() + 100 * CLOCK_NS_PER_S;
    while (clock_now_ns() < limit) {
        if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0) {
            printf("disconnected: %s\n", strerror(errno));
            return 0;
        }
    }
    fprintf(stderr, "daemon_probe: still connected after 100 s\n");
    return 1;
}

// hoard SOCKET: subscribes again and again and lets the answers' descriptors lie; ends when the
// daemon has had enough, and prints how many there were
static int hoard(char **words)
{
    struct wire_hello hello;
    struct wire_subscribe subscribe;
    union wire_message answer;
    int fd = connect_to(words[0]), fds[WIRE_FDS_MAX];
    unsigned fd_count, sum = 0;
    char name[24];
    snprintf(name, sizeof(name), "hoard %d", (int)getpid());
    make_hello(&hello, name);
    wire_init(&subscribe, WIRE_SUBSCRIBE, sizeof(subscribe), 2);
    if (fd < 0 || send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
        return die("connect");
    for (int i = 0; i < 100; i++)
        if (send(fd, &subscribe, sizeof(subscribe), MSG_NOSIGNAL) < 0)
            break;
    struct pollfd wait = {.fd = fd};
    if (poll(&wait, 1, 5000) != 1) {
        fprintf(stderr, "daemon_probe: still connected after 5 s\n");
        return 1;
    }
    while (wire_receive(fd, WIRE_FROM_DAEMON, &answer, fds, &fd_count) > 0)
        sum += fd_count;
    printf("%u descriptors\n", sum);
    return 0;
}

// Subscribes to the first stream with a wake-up descriptor. Is it welcome? Then fds are the stream's.
static bool subscribe_awake(const char *path, int *fds)
{
    struct wire_hello hello;
    struct wire_subscribe subscribe;
    union wire_message answer;
    unsigned fd_count;
    int fd = connect_to(path);
    make_hello(&hello, "hold");
    wire_init(&subscribe, WIRE_SUBSCRIBE, sizeof(subscribe), 2);
    subscribe.flags = WIRE_SUBSCRIBE_EVENTFD;
    bool good = fd >= 0 && send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) > 0 &&
                send(fd, &subscribe, sizeof(subscribe), MSG_NOSIGNAL) > 0;
    for (int k = 0; k < 2 && good; k++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, 60000);
        good = wire_receive(fd, WIRE_FROM_DAEMON, &answer, fds, &fd_count) > 0 &&
               answer.header.type == (k ? WIRE_STREAM : WIRE_WELCOME);
    }
    return good;
}

// hold SOCKET COUNT: subscribes so often with wake-up descriptors that it never reads, says how
// many were welcome, stays until killed
static int hold(char **words)
{
    int welcome = 0, refused = 0, fds[WIRE_FDS_MAX];
    for (long i = 0; i < atol(words[1]); i++)
        *(subscribe_awake(words[0], fds) ? &welcome : &refused) += 1;
    printf("%d welcome, %d refused\n", welcome, refused);
    fflush(stdout);
    return pause(); // until it is killed
}

// A process that moves what comes out of `from` into `to`, which is full: who splices holds a
// pipe's lock while it waits for room.
static void splice_for_ever(int from, int to)
{
    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fcntl(from, F_SETFL, 0);
    while (splice(from, NULL, to, NULL, 65536, 0) > 0)
        ;
    _exit(0);
}

static void fill_up(int fd)
{
    static const char bytes[65536];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, bytes, sizeof(bytes)) > 0 || write(fd, bytes, 1) > 0)
        ;
    fcntl(fd, F_SETFL, 0);
}

// clutch SOCKET: takes wake-ups and holds on to whatever lock their descriptor has; stays until
// killed
static int clutch(char **words)
{
    int fds[WIRE_FDS_MAX], sink[2], ends[2];
    if (!subscribe_awake(words[0], fds) || pipe(ends) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, sink) != 0)
        return die("clutch");
    fill_up(sink[0]);
    fill_up(ends[1]);
    splice_for_ever(fds[3], sink[0]);
    splice_for_ever(fds[3], ends[1]);
    puts("clutched");
    fflush(stdout);
    return pause();
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

// greedy SOCKET STREAM: two snapshots asked for at once on one connection; prints both answers
static int greedy(char **words)
{
    struct wire_hello hello;
    struct wire_snapshot snapshot;
    union wire_message answer;
    int fd = connect_to(words[0]), fds[WIRE_FDS_MAX];
    unsigned fd_count;
    make_hello(&hello, "greedy");
    wire_init(&snapshot, WIRE_SNAPSHOT, sizeof(snapshot), 2);
    wire_text_set(snapshot.stream, sizeof(snapshot.stream), words[1]);
    if (fd < 0 || send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0 ||
        send(fd, &snapshot, sizeof(snapshot), MSG_NOSIGNAL) < 0 ||
        send(fd, &snapshot, sizeof(snapshot), MSG_NOSIGNAL) < 0)
        return die("greedy");
    for (int i = 0; i < 3; i++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, 60000);
        if (wire_receive(fd, WIRE_FROM_DAEMON, &answer, fds, &fd_count) < 0)
            return die("no answer");
        if (answer.header.type == WIRE_ERROR)
            printf("refused: %s\n", answer.error.text);
        else if (i > 0)
            printf("answer %u\n", answer.header.type);
        fflush(stdout);
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

// progress SOCKET: subscribes with things that are no progress memfd, and with memfds full
// of nonsense; stays until killed
static int progress(char **words)
{
    int pipes[2];
    if (pipe(pipes) != 0)
        return die("pipe");
    for (int i = 0; i < 4; i++) {
        struct wire_hello hello;
        struct wire_subscribe subscribe;
        union wire_message answer;
        int fd = connect_to(words[0]), fds[WIRE_FDS_MAX];
        unsigned fd_count;
        int given = i == 0   ? pipes[0]
                    : i == 1 ? open("/dev/zero", O_RDONLY)
                             : memfd_create("nonsense", MFD_ALLOW_SEALING);
        make_hello(&hello, "nonsense");
        wire_init(&subscribe, WIRE_SUBSCRIBE, sizeof(subscribe), 2);
        subscribe.flags = WIRE_SUBSCRIBE_PROGRESS;
        if (i == 3) {
            struct stats_progress page;
            memset(&page, 0xff, sizeof(page));
            page.magic = STATS_PROGRESS_MAGIC;
            if (write(given, &page, sizeof(page)) != (ssize_t)sizeof(page))
                return die("write");
        }
        if (fd < 0 || wire_send(fd, &hello, NULL, 0) != 0 ||
            wire_send(fd, &subscribe, &given, 1) != 0)
            return die("subscribe");
        int type = 0;
        for (int k = 0; k < 2; k++) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            poll(&wait, 1, 60000);
            type = wire_receive(fd, WIRE_FROM_DAEMON, &answer, fds, &fd_count) > 0
                       ? answer.header.type
                       : 0;
        }
        printf("%d %s\n", i, type == WIRE_STREAM ? "taken" : "refused");
    }
    fflush(stdout);
    return pause(); // until it is killed
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **words);
    } commands[] = {{"notify", 1, notify}, {"stall", 2, stall}, {"garbage", 3, garbage},
                    {"deaf", 1, deaf},     {"hold", 2, hold},   {"kill", 1, kill_daemon},
                    {"snapshot", 4, take_snapshots}, {"greedy", 2, greedy},
                    {"rude", 1, rude},   {"clutch", 1, clutch},
                    {"hoard", 1, hoard},
                    {"percentiles", 1, percentiles}, {"progress", 1, progress},
                    {"slow", 3, slow}};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (count == commands[i].arguments + 2 && strcmp(words[1], commands[i].name) == 0)
            return commands[i].run(words + 2);
    fprintf(stderr, "usage: daemon_probe notify|stall|garbage|rude|deaf|hoard|hold|clutch|kill|snapshot|greedy|"
                    "percentiles|progress|slow ...\n");
    return 2;
}
