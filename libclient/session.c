// SPDX-License-Identifier: Apache-2.0
//
// The connection of one handle: connecting, the handshake, and what the daemon says afterwards.
// Nothing here waits. Everything the daemon sends is checked: the message by wire_receive(), the
// fds by the readers of the ring, the stats page and the labels. Anything wrong drops the
// connection with -EPROTO.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "libclient/client.h"

#define RETRY_MS_MIN 10
#define RETRY_MS_MAX 500
#define MESSAGES_PER_STEP 16 // so that a chatty daemon can not hold the caller

void session_init(struct qclient *client)
{
    client->state = SESSION_DOWN;
    client->socket = -1;
    client->epoll = -1;
    client->timer = -1;
    client->eventfd = -1;
    client->retry_ms = RETRY_MS_MIN;
}

void session_finish(struct qclient *client)
{
    cleanup_close(&client->socket);
    cleanup_close(&client->eventfd);
    cleanup_close(&client->timer);
    cleanup_close(&client->epoll);
    ring_reader_finish(&client->ring);
    stats_reader_finish(&client->stats);
    labels_reader_finish(&client->labels);
    labels_reader_finish(&client->labels_next);
    progress_finish(&client->progress);
}

static int epoll_add(struct qclient *client, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (client->epoll < 0)
        return 0;
    return epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void session_timer_set(struct qclient *client, bool kick)
{
    uint64_t when = 0; // disarmed
    if (client->timer < 0)
        return;
    if (kick)
        when = 1;
    else if (client->state == SESSION_DOWN && !client->ended)
        when = client->retry_ns;
    else if (client->state == SESSION_GREETING || client->state == SESSION_SUBSCRIBING)
        when = client->deadline_ns;
    struct itimerspec setting = {.it_value = clock_timespec(when)};
    timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &setting, NULL);
}

// Closing alone does not do for the eventfd: the daemon holds the same open file, so it would stay
// in the epoll set.
static void fd_retire(struct qclient *client, int *fd)
{
    if (*fd >= 0 && client->epoll >= 0)
        epoll_ctl(client->epoll, EPOLL_CTL_DEL, *fd, NULL);
    cleanup_close(fd);
}

static void down(struct qclient *client, int error)
{
    fd_retire(client, &client->socket);
    fd_retire(client, &client->eventfd);
    client->state = SESSION_DOWN;
    client->stream_awaited = false;
    client->error = error;
    client->retry_ns = clock_now_ns() + client->retry_ms * CLOCK_NS_PER_MS;
    client->retry_ms = client->retry_ms * 2 < RETRY_MS_MAX ? client->retry_ms * 2 : RETRY_MS_MAX;
    session_timer_set(client, false);
}

void session_drop(struct qclient *client, int gone)
{
    client->gone = gone;
    down(client, gone);
}

// A connection that had given a stream: its user must be told. One that had not just tries again.
static void fail(struct qclient *client, int error)
{
    bool in_order = client->goodbye || (client->has_ring && ring_closed(&client->ring));
    if (client->state == SESSION_LIVE)
        session_drop(client, in_order ? -EPIPE : -ECONNRESET);
    else
        down(client, error);
}

static int say(struct qclient *client, const void *message, const int *fd)
{
    int status = wire_send(client->socket, message, fd, fd ? 1 : 0);
    if (status != 0)
        fail(client, status);
    return status;
}

int session_socket_open(const struct sockaddr_un *address)
{
    cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return -errno;
    return steal_fd(&fd);
}

void session_hello_fill(struct wire_hello *hello, const struct client_settings *settings)
{
    wire_init(hello, WIRE_HELLO, sizeof(*hello), 0);
    hello->major = WIRE_MAJOR;
    hello->minor = WIRE_MINOR;
    memcpy(hello->name, settings->name, sizeof(hello->name));
}

static void open_socket(struct qclient *client, uint64_t now)
{
    struct wire_hello hello;
    int fd = session_socket_open(&client->settings.address);
    if (fd < 0) {
        down(client, fd);
        return;
    }
    client->socket = fd;
    client->state = SESSION_GREETING;
    client->deadline_ns = now + SESSION_HANDSHAKE_NS;
    client->goodbye = false;
    int status = epoll_add(client, fd);
    if (status != 0) {
        down(client, status);
        return;
    }
    session_hello_fill(&hello, &client->settings);
    if (say(client, &hello, NULL) == 0)
        session_timer_set(client, false);
}

static int subscribe(struct qclient *client)
{
    struct wire_subscribe message;
    wire_init(&message, WIRE_SUBSCRIBE, sizeof(message), 0);
    const int *fd = client->progress_wanted ? &client->progress.fd : NULL;
    message.flags = (client->epoll >= 0 ? WIRE_SUBSCRIBE_EVENTFD : 0) |
                    (fd ? WIRE_SUBSCRIBE_PROGRESS : 0);
    memcpy(message.stream, client->settings.stream, sizeof(message.stream));
    int status = say(client, &message, fd);
    client->stream_awaited = status == 0;
    return status;
}

void session_resubscribe(struct qclient *client)
{
    if (client->state == SESSION_LIVE)
        subscribe(client);
}

static int on_welcome(struct qclient *client, const struct wire_welcome *welcome)
{
    if (client->state != SESSION_GREETING || welcome->major != WIRE_MAJOR)
        return -EPROTO;
    client->state = SESSION_SUBSCRIBING;
    client->progress_wanted = client->progress.fd >= 0 && welcome->minor >= 1;
    return subscribe(client);
}

// Labels take over with the first result they belong to, so that texts in the user's hands stay
// valid until then.
static int labels_take(struct qclient *client, int fd, uint32_t generation)
{
    struct labels_reader labels;
    int status = labels_reader_init(&labels, fd);
    if (status != 0)
        return status;
    if (!client->has_result) {
        labels_reader_finish(&client->labels);
        client->labels = labels;
        client->labels_generation = generation;
        return 0;
    }
    labels_reader_finish(&client->labels_next);
    client->labels_next = labels;
    client->labels_next_generation = generation;
    client->has_labels_next = true;
    return 0;
}

// The daemon's eventfd is only ever read, and without blocking whatever it turns out to be.
static int eventfd_take(struct qclient *client, int *fd)
{
    int flags = fcntl(*fd, F_GETFL);
    if (flags < 0 || fcntl(*fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -EPROTO;
    fd_retire(client, &client->eventfd);
    int status = epoll_add(client, *fd);
    if (status != 0)
        return status;
    client->eventfd = steal_fd(fd);
    return 0;
}

static int on_stream(struct qclient *client, const struct wire_stream *stream, int *fds)
{
    struct ring_reader ring;
    struct stats_reader stats;
    if (!client->stream_awaited)
        return -EPROTO;
    bool first = client->subscriptions == 0;
    bool from_oldest = !first || (client->settings.flags & QCLIENT_FROM_OLDEST);
    int status = ring_reader_init(&ring, fds[0], from_oldest);
    if (status != 0)
        return status;
    status = stats_reader_init(&stats, fds[1]);
    bool labels_known =
        client->state == SESSION_LIVE && stream->generation == client->labels_generation;
    if (status == 0 && !labels_known)
        status = labels_take(client, fds[2], stream->generation);
    if (status == 0 && client->epoll >= 0 && (stream->flags & WIRE_SUBSCRIBE_EVENTFD))
        status = eventfd_take(client, &fds[3]);
    if (status != 0) {
        stats_reader_finish(&stats);
        ring_reader_finish(&ring);
        return status;
    }
    stats_reader_finish(&client->stats);
    client->stats = stats;
    client->stream_awaited = false;
    client->reconnected = client->reconnected || (!first && client->state == SESSION_SUBSCRIBING);
    client_ring_replace(client, &ring, fds[0], stream->daemon_id);
    client->subscriptions++;
    client->state = SESSION_LIVE;
    client->retry_ms = RETRY_MS_MIN;
    session_timer_set(client, true); // records may be there already: let the user look
    return 0;
}

static int on_error(struct qclient *client, const struct wire_error *error)
{
    // Told no while asking again for an eventfd: the stream is as good as gone.
    return client->state == SESSION_LIVE && !client->stream_awaited ? -EPROTO : error->error;
}

// 0 or -errno: drop the connection. Closes the fds it does not keep.
static int on_message(struct qclient *client, int *fds)
{
    const union wire_message *message = &client->message;
    switch (message->header.type) {
    case WIRE_WELCOME:
        return on_welcome(client, &message->welcome);
    case WIRE_STREAM:
        return on_stream(client, &message->stream, fds);
    case WIRE_LABELS:
        return client->state == SESSION_LIVE
                   ? labels_take(client, fds[0], message->labels.generation)
                   : -EPROTO;
    case WIRE_GOODBYE:
        client->goodbye = message->goodbye.reason != WIRE_GOODBYE_TOO_SLOW;
        return -ECONNRESET;
    case WIRE_ERROR:
        return on_error(client, &message->error);
    default:
        return -EPROTO;
    }
}

static void receive_all(struct qclient *client)
{
    int fds[WIRE_FDS_MAX];
    unsigned count;
    for (int i = 0; i < MESSAGES_PER_STEP && client->socket >= 0; i++) {
        int status = wire_receive(client->socket, WIRE_FROM_DAEMON, &client->message, fds, &count);
        if (status == -EAGAIN)
            return;
        if (status >= 0)
            status = on_message(client, fds);
        for (unsigned k = 0; k < WIRE_FDS_MAX; k++)
            cleanup_close(&fds[k]);
        if (status < 0 && client->socket >= 0)
            fail(client, status);
    }
}

void session_step(struct qclient *client, uint64_t now_ns)
{
    client->looked_ns = now_ns;
    if (client->gone || client->ended)
        return; // the user hears of that first
    if (client->state == SESSION_DOWN && now_ns >= client->retry_ns)
        open_socket(client, now_ns);
    if (client->state != SESSION_DOWN)
        receive_all(client);
    if ((client->state == SESSION_GREETING || client->state == SESSION_SUBSCRIBING) &&
        now_ns >= client->deadline_ns)
        down(client, -ETIMEDOUT);
}
