// SPDX-License-Identifier: Apache-2.0
//
// first_result SOCKET QEDGED CONFIG   prints the microseconds from exec of the daemon to its first
// result.
//
// CONFIG must name SOCKET and a replay or pattern source. The end is the record's own publishing
// time, so that this reader's waiting does not count.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "include/qclient.h"

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int first_result_wait(const char *socket, struct qclient_result *result)
{
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = socket,
                                      .connect_timeout_ms = 10000,
                                      .flags = QCLIENT_FROM_OLDEST};
    struct qclient *client;
    int status = qclient_connect(&options, &client);
    if (status != 0)
        return status;
    status = qclient_next(client, result, 10000);
    qclient_close(client);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: first_result SOCKET QEDGED CONFIG\n");
        return 2;
    }
    uint64_t start = now_ns();
    pid_t child = fork();
    if (child == 0) {
        execl(argv[2], argv[2], "--config", argv[3], (char *)NULL);
        _exit(127);
    }
    struct qclient_result result = {0};
    int status = first_result_wait(argv[1], &result);
    if (child > 0) {
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
    }
    if (status != 0 || result.sequence != 1) {
        fprintf(stderr, "first_result: %s\n",
                status != 0 ? strerror(-status) : "the first record was missed");
        return 1;
    }
    printf("%.0f\n", (double)(result.published_ns - start) / 1000);
    return 0;
}
