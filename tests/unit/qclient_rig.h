// SPDX-License-Identifier: Apache-2.0
//
// For tests of libqclient's handle: where the fake daemon (fake_daemon.h) listens, clients of it,
// and an event loop around one. Each test program includes it once.

#ifndef QEDGE_TESTS_UNIT_QCLIENT_RIG_H
#define QEDGE_TESTS_UNIT_QCLIENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "qclient.h"
#include "tests/unit/fake_daemon.h"

static char socket_folder[] = "/tmp/qclient_test.XXXXXX";
static char socket_path[100]; // in it; whether a daemon listens is the test's business

// Of the group of tests: a folder of its own.
static inline int socket_folder_make(void **state)
{
    (void)state;
    if (!mkdtemp(socket_folder))
        return -errno;
    snprintf(socket_path, sizeof(socket_path), "%s/sock", socket_folder);
    return 0;
}

static inline int socket_folder_remove(void **state)
{
    (void)state;
    unlink(socket_path);
    return rmdir(socket_folder);
}

static inline struct qclient_options options_make(uint32_t flags)
{
    struct qclient_options options = {
        .size = sizeof(options), .socket = socket_path, .flags = flags};
    return options;
}

// Connected; a minute is waited for that.
static inline struct qclient *client_make(uint32_t flags)
{
    struct qclient_options options = options_make(flags);
    struct qclient *client;
    // A handshake that a busy machine does not finish is tried again.
    options.connect_timeout_ms = 60000;
    int status = qclient_connect(&options, &client);
    if (status != 0)
        print_error("qclient_connect: %s\n", strerror(-status));
    assert_int_equal(status, 0);
    return client;
}

static inline bool readable(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, timeout_ms) == 1;
}

// Waits until dispatch and next give something else than "nothing yet", as an event loop would.
static inline int loop_next(struct qclient *client, struct qclient_result *result)
{
    for (int i = 0; i < 400; i++) {
        if (!readable(qclient_fd(client), 60000))
            return -ETIMEDOUT;
        int status = qclient_dispatch(client);
        if (status == 0)
            status = qclient_next(client, result, 0);
        if (status != -EAGAIN)
            return status;
    }
    return -ETIMEDOUT;
}

#endif
