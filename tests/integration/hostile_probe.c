// SPDX-License-Identifier: Apache-2.0
//
// Clients that wish a daemon ill: they send garbage, hoard what they are given, are deaf, hold on to
// what they share with it.

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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/stats_abi.h"
#include "common/wire.h"
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
    fprintf(stderr, "hostile_probe: %s: %s\n", what, strerror(errno));
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
            fprintf(stderr, "hostile_probe: %s: still connected after 5 s\n", ways[way]);
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
    fprintf(stderr, "hostile_probe: still connected after 100 s\n");
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
        fprintf(stderr, "hostile_probe: still connected after 5 s\n");
        return 1;
    }
    while (wire_receive(fd, WIRE_FROM_DAEMON, &answer, fds, &fd_count) > 0)
        sum += fd_count;
    printf("%u descriptors\n", sum);
    return 0;
}

// Subscribes to the first stream with a wake-up descriptor. Is it welcome? Then fds are the
// stream's.
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
    } commands[] = {{"garbage", 3, garbage}, {"rude", 1, rude}, {"deaf", 1, deaf},
                    {"hoard", 1, hoard}, {"hold", 2, hold}, {"clutch", 1, clutch},
                    {"greedy", 2, greedy}, {"progress", 1, progress}};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (count == commands[i].arguments + 2 && strcmp(words[1], commands[i].name) == 0)
            return commands[i].run(words + 2);
    fprintf(stderr, "usage: hostile_probe garbage|rude|deaf|hoard|hold|clutch|greedy|progress ...\n");
    return 2;
}
