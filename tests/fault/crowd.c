// SPDX-License-Identifier: Apache-2.0
//
// crowd SOCKET STREAM CLIENTS RECORDS: that many clients in one process, each with an fd in one
// poll. Every one must read so many records without a gap. Prints how late the slowest record was
// read.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "qclient.h"

#define CLIENTS_MAX 400
#define LIMIT_NS (300 * CLOCK_NS_PER_S)

struct member {
    struct qclient *client;
    uint64_t before, read;
};

static struct member members[CLIENTS_MAX];
static struct pollfd fds[CLIENTS_MAX];
static uint64_t slowest_ns;

static int fail(int index, const char *what, int status)
{
    fprintf(stderr, "crowd: client %d: %s: %s\n", index, what, strerror(-status));
    return 1;
}

static int join(int index, const char *socket, const char *stream)
{
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = socket,
                                      .stream = stream,
                                      .name = "crowd",
                                      .connect_timeout_ms = 100000};
    int status = qclient_connect(&options, &members[index].client);
    if (status != 0)
        return fail(index, "connect", status);
    fds[index] = (struct pollfd){.fd = qclient_fd(members[index].client), .events = POLLIN};
    return fds[index].fd < 0 ? fail(index, "qclient_fd", fds[index].fd) : 0;
}

static int read_all(int index)
{
    struct member *member = &members[index];
    struct qclient_result result;
    int status = qclient_dispatch(member->client);
    if (status != 0)
        return fail(index, "dispatch", status);
    while ((status = qclient_next(member->client, &result, 0)) == 0) {
        if (member->before && result.sequence != member->before + 1)
            return fail(index, "a gap", -EPROTO);
        member->before = result.sequence;
        member->read++;
        uint64_t late = clock_now_ns() - result.published_ns;
        slowest_ns = late > slowest_ns ? late : slowest_ns;
    }
    return status == -EAGAIN ? 0 : fail(index, "next", status);
}

static int all_done(int count, uint64_t records)
{
    for (int i = 0; i < count; i++)
        if (members[i].read < records)
            return 0;
    return 1;
}

int main(int argc, char **argv)
{
    int count = argc == 5 ? atoi(argv[3]) : 0;
    if (count < 1 || count > CLIENTS_MAX) {
        fprintf(stderr, "usage: crowd SOCKET STREAM CLIENTS RECORDS\n");
        return 2;
    }
    uint64_t limit = clock_now_ns() + LIMIT_NS;
    for (int i = 0; i < count; i++)
        if (join(i, argv[1], argv[2]) != 0)
            return 1;
    printf("all in\n");
    fflush(stdout);
    while (!all_done(count, strtoull(argv[4], NULL, 10))) {
        if (clock_now_ns() > limit)
            return fail(-1, "not done", -ETIMEDOUT);
        poll(fds, (nfds_t)count, 1000);
        for (int i = 0; i < count; i++)
            if (fds[i].revents && read_all(i) != 0)
                return 1;
    }
    printf(
        "%d clients read %s records each without a gap; the latest was read %.1f ms after it was published\n",
        count, argv[4], (double)slowest_ns / CLOCK_NS_PER_MS);
    for (int i = 0; i < count; i++)
        qclient_close(members[i].client);
    return 0;
}
