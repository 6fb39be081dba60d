// SPDX-License-Identifier: Apache-2.0
//
// libqclient with every call of its life failing one by one: connecting, reading, the fd for event
// loops, a reload's new labels, a restart of the daemon, a request. It says -errno or copes; a
// handle that was given goes on working once the shortage is over; nothing stays open.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qclient.h"
#include "tests/fault/inject.h"
#include "tests/unit/fake_daemon.h"
#include "tests/unit/fds_open.h"

#define CALLS_MAX 2000

static char path[80];
static struct fake fake;
static uint64_t daemon_id = 1;
static int failed_tests;
static const char *phase;
static unsigned call;
static int patience_ms = 60000;

static void complain(const char *what, int status)
{
    failed_tests++;
    fprintf(stderr, "FAIL %s, call %u (%s): %s: %d %s\n", phase, call, inject_name(), what, status,
            status < 0 ? strerror(-status) : "");
}

static struct qclient_options options(void)
{
    return (struct qclient_options){.size = sizeof(struct qclient_options),
                                    .socket = path,
                                    .connect_timeout_ms = patience_ms,
                                    .flags = QCLIENT_FROM_OLDEST};
}

// 0, or what connecting said. With an fd when there is one to be had.
static int open_client(struct qclient **client)
{
    struct qclient_options wanted = options();
    return qclient_connect(&wanted, client);
}

// A result comes, whatever went wrong before; `gone` may be said first.
static void check_works(struct qclient *client)
{
    struct qclient_result result;
    int status = -1;
    for (int i = 0; i < 40 && status != 0; i++) {
        fake_publish(&fake, 2);
        status = qclient_next(client, &result, 500);
    }
    if (status != 0)
        complain("gives no result any more", status);
    else if (result.hit_count != 2)
        complain("gives another result", (int)result.hit_count);
}

// ---- what is done while calls fail --------------------------------------------------------------

static struct qclient *connect_and_read(void)
{
    struct qclient *client;
    struct qclient_result result;
    int status = open_client(&client);
    if (status < 0 && client)
        complain("a handle although it failed", status);
    if (status > 0)
        complain("neither 0 nor -errno", status);
    if (status != 0)
        return NULL;
    for (int i = 0; i < 3; i++)
        qclient_next(client, &result, 10);
    qclient_latest(client, &result);
    return client;
}

static struct qclient *event_loop(void)
{
    struct qclient *client = connect_and_read();
    if (!client)
        return NULL;
    struct qclient_result result;
    int fd = qclient_fd(client);
    if (fd < 0 && fd < -4095)
        complain("qclient_fd", fd);
    for (int i = 0; i < 5; i++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, 10);
        qclient_dispatch(client);
        while (qclient_next(client, &result, 0) == 0)
            ;
    }
    return client;
}

static struct qclient *new_labels(void)
{
    struct qclient *client = connect_and_read();
    struct qclient_result result;
    inject_leave();
    fake_reload(&fake, "other");
    fake_publish(&fake, 2);
    inject_enter();
    for (int i = 0; client && i < 3; i++)
        qclient_next(client, &result, 10);
    if (client)
        qclient_label(client, 0);
    return client;
}

static struct qclient *restart(void)
{
    struct qclient *client = event_loop();
    struct qclient_result result;
    inject_leave();
    fake_finish(&fake, false);
    if (fake_start(&fake, path, ++daemon_id, FAKE_GOOD) != 0)
        exit(1);
    fake_publish(&fake, 2);
    inject_enter();
    for (int i = 0; client && i < 6; i++)
        qclient_next(client, &result, 20);
    if (client)
        qclient_dispatch(client);
    return client;
}

static struct qclient *request(void)
{
    struct qclient_options wanted = options();
    char *answer;
    int status = qclient_request(&wanted, "version", 1000, &answer);
    if (status == 0 && (!answer || answer[0] != '{'))
        complain("success without an answer", status);
    free(answer);
    return NULL;
}

// ---- failing ------------------------------------------------------------------------------------

static bool try_once(struct qclient *(*act)(void), enum inject_mode mode, unsigned fds)
{
    struct qclient *client;
    inject_enter();
    inject_arm(call, mode);
    patience_ms = 50;
    client = act();
    bool hit = inject_disarm();
    patience_ms = 60000;
    inject_leave();
    if (!client && act != request && open_client(&client) != 0)
        complain("can not connect, though nothing fails any more", 0);
    if (client)
        check_works(client);
    qclient_close(client);
    // The daemon notices in its own time, and may accept only now what has hung up long ago.
    unsigned now = fds_open();
    for (int i = 0; i < 30000 && now > fds; i++, now = fds_open())
        poll(NULL, 0, 2);
    if (now > fds)
        complain("descriptors are left open", (int)now - (int)fds);
    return hit;
}

static void torture(const char *name, struct qclient *(*act)(void))
{
    struct qclient *client;
    phase = name;
    if (open_client(&client) != 0) // the fake daemon keeps the newest client's progress
        complain("does not even connect", 0);
    qclient_close(client);
    unsigned fds = fds_open();
    for (int same = 0; same < 50; same++) { // until the daemon has noticed
        poll(NULL, 0, 2);
        same = fds_open() == fds ? same : 0;
        fds = fds_open();
    }
    for (int mode = INJECT_ONE; mode <= INJECT_FROM; mode++) {
        // each call once; that all fail from some call on is tried at every fourth
        for (call = 1; call < CALLS_MAX && failed_tests < 20; call += mode == INJECT_ONE ? 1 : 4)
            if (!try_once(act, (enum inject_mode)mode, fds))
                break;
        printf("%s: %u calls, %s\n", name, call,
               mode == INJECT_ONE ? "each once" : "all from one on");
        if (call < 4)
            complain("too few calls to be true", (int)call);
    }
}

int main(void)
{
    snprintf(path, sizeof(path), "/tmp/qedge-fault.%d", (int)getpid());
    if (fake_start(&fake, path, daemon_id, FAKE_GOOD) != 0)
        return 1;
    for (int i = 0; i < 4; i++)
        fake_publish(&fake, 2);
    torture("connect and read", connect_and_read);
    torture("event loop", event_loop);
    torture("new labels", new_labels);
    torture("restart", restart);
    torture("request", request);
    fake_finish(&fake, true);
    if (inject_bad_closes() > 0)
        complain("closed twice", (int)inject_bad_closes());
    return failed_tests != 0;
}
