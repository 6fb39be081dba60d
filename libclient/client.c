// SPDX-License-Identifier: Apache-2.0
//
// The handle: connecting, closing, the one fd for event loops.

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "libclient/client.h"
#include "libclient/deadline.h"

uint32_t qclient_version(void)
{
    return QCLIENT_VERSION_MAJOR << 16 | QCLIENT_VERSION_MINOR;
}

// ---- connecting ----

// Errors that waiting may heal: no daemon yet, or one that is just starting or stopping.
static bool may_heal(int error)
{
    return error == -ENOENT || error == -ECONNREFUSED || error == -ECONNRESET || error == -EPIPE ||
           error == -EAGAIN || error == -ETIMEDOUT;
}

int client_handshake_wait(struct qclient *client, uint64_t now_ns, uint64_t until_ns)
{
    bool down = client->state == SESSION_DOWN;
    uint64_t own = down ? client->retry_ns : client->deadline_ns;
    struct pollfd fd = {.fd = client->socket, .events = POLLIN};
    int count = poll(&fd, down ? 0 : 1, deadline_poll_ms(now_ns, own < until_ns ? own : until_ns));
    return count < 0 && errno == EINTR ? -EINTR : 0;
}

static int connect_first(struct qclient *client)
{
    int timeout_ms = client->settings.connect_timeout_ms;
    uint64_t now = clock_now_ns();
    uint64_t until = deadline_after(now, timeout_ms);
    for (;;) {
        client->gone = 0; // a stream that came and went before anybody knew of it
        session_step(client, now);
        if (client->state == SESSION_LIVE)
            return 0;
        if (client->state == SESSION_DOWN && (!may_heal(client->error) || now >= until))
            return timeout_ms > 0 && may_heal(client->error) ? -ETIMEDOUT : client->error;
        // A handshake that has begun gets its own time even when the user does not want to wait for
        // a daemon.
        bool down = client->state == SESSION_DOWN;
        int status = client_handshake_wait(client, now, down ? until : client->deadline_ns);
        if (status != 0)
            return status;
        now = clock_now_ns();
    }
}

int qclient_connect(const struct qclient_options *options, struct qclient **client)
{
    *client = NULL;
    struct qclient *made = calloc(1, sizeof(*made));
    if (!made)
        return -ENOMEM;
    session_init(made);
    int status = client_settings_init(&made->settings, options);
    if (status == 0)
        status = progress_init(&made->progress);
    if (status == 0)
        status = connect_first(made);
    if (status != 0) {
        qclient_close(made);
        return status;
    }
    *client = made;
    return 0;
}

void qclient_close(struct qclient *client)
{
    if (!client)
        return;
    session_finish(client);
    free(client);
}

// ---- event loops ----

static int event_fds_open(struct qclient *client)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return -errno;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    if (timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) != 0 ||
        (client->socket >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, client->socket, &event) != 0)) {
        int status = -errno;
        if (timer >= 0)
            close(timer);
        close(epoll);
        return status;
    }
    client->epoll = epoll;
    client->timer = timer;
    return 0;
}

int qclient_fd(struct qclient *client)
{
    if (client->epoll >= 0)
        return client->epoll;
    int status = event_fds_open(client);
    if (status != 0)
        return status;
    session_timer_set(client, client->state == SESSION_LIVE); // records may be waiting already
    session_resubscribe(client);
    return client->epoll;
}

// Empties what wakes an event loop: an eventfd gives its count at once, a socket a word for every
// publish.
static void drain(int fd)
{
    char bytes[4096];
    for (int i = 0; i < 32 && fd >= 0; i++) {
        if (read(fd, bytes, sizeof(bytes)) < (ssize_t)sizeof(bytes))
            return;
    }
}

int qclient_dispatch(struct qclient *client)
{
    drain(client->eventfd);
    drain(client->timer);
    if (client->ended)
        return client->ended;
    session_step(client, clock_now_ns());
    bool unread = client->has_ring && ring_head(&client->ring) >= client->ring.next;
    return client->gone && !unread ? client_gone_say(client) : 0;
}
