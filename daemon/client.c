// SPDX-License-Identifier: Apache-2.0

#include "daemon/client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "daemon/control.h"
#include "daemon/share.h"
#include "daemon/stream.h"

#define DRAIN_MAX 1000
#define MESSAGES_A_TURN 8 // so that one chatty client does not keep the others waiting
#define FDS_UNREAD_MAX 16 // descriptors on their way to one client

// Descriptors that lie unread in sockets count against what the daemon's user may have on its way
// (RLIMIT_NOFILE, in all): of a client that hoards them no other one would get any.
static bool takes_fds(struct client *client, unsigned fd_count)
{
    int unread = 1;
    if (ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread == 0)
        client->fds_unread = 0;
    client->fds_unread += fd_count;
    return client->fds_unread <= FDS_UNREAD_MAX;
}

// What can not be sent at once will not be sent: the client is too slow or gone.
static bool deliver(struct client *client, const void *message, const int *fds, unsigned fd_count)
{
    int status = fd_count == 0 || takes_fds(client, fd_count)
                     ? wire_send(client->fd, message, fds, fd_count)
                     : -EAGAIN;
    if (status == 0)
        return true;
    if (status == -EAGAIN)
        log_cause_say(&client->control->slow, LOG_LEVEL_NOTICE,
                      "client %s of user %u does not read its socket; disconnected", client->name,
                      (unsigned)client->peer.uid);
    client_close(client, 0);
    return false;
}

void client_error(struct client *client, uint32_t token, int status, const char *text)
{
    struct wire_error error;
    wire_init(&error, WIRE_ERROR, sizeof(error), token);
    error.error = status;
    wire_text_set(error.text, sizeof(error.text), text);
    deliver(client, &error, NULL, 0);
}

void client_answer(struct client *client, uint32_t token, int status, const char *text,
                   size_t length)
{
    union wire_message message;
    do {
        size_t part = length < WIRE_ANSWER_TEXT_MAX ? length : WIRE_ANSWER_TEXT_MAX;
        wire_init(&message.answer, WIRE_ANSWER, sizeof(message.answer), token);
        message.header.size = (uint32_t)(sizeof(message.answer) + part);
        message.answer.status = status;
        message.answer.more = part < length;
        memcpy(message.bytes + sizeof(message.answer), text, part);
        text += part;
        length -= part;
        if (!deliver(client, &message, NULL, 0))
            return;
    } while (length);
}

void client_send_labels(struct client *client, uint32_t generation, int labels_fd)
{
    struct wire_labels labels;
    wire_init(&labels, WIRE_LABELS, sizeof(labels), 0);
    labels.generation = generation;
    deliver(client, &labels, &labels_fd, 1);
}

void client_send_picture(struct client *client, const struct wire_picture *picture, int picture_fd,
                         int labels_fd)
{
    int fds[2] = {picture_fd, labels_fd};
    deliver(client, picture, fds, 2);
}

// ---- subscribing -----------------------------------------------------------

static void unsubscribe(struct client *client)
{
    struct stream *stream = client->stream;
    if (!stream)
        return;
    if (client->waker_fd >= 0)
        publisher_remove_waker(&stream->publisher, client->waker_fd);
    cleanup_close(&client->waker_fd);
    if (--stream->subscribers == 0)
        ring_set_wake(&stream->publisher.ring, false);
    client->stream = NULL;
}

// *read_fd goes to the client; the other end stays here and gets a few bytes after every publish.
static int make_waker(struct client *client, struct stream *stream, int *read_fd)
{
    int ends[2], least = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    // one wake-up says as much as many; and the client has nothing to tell us here
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    shutdown(ends[1], SHUT_RD);
    int status = publisher_add_waker(&stream->publisher, ends[1]);
    if (status < 0) {
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    client->waker_fd = ends[1];
    *read_fd = ends[0];
    return 0;
}

// Only memfds have seals. Reading from one never blocks, whatever its owner does with it.
static bool take_progress(struct client *client, int *fd)
{
    if (*fd < 0)
        return true;
    if (fcntl(*fd, F_GET_SEALS) < 0)
        return false;
    cleanup_close(&client->progress_fd);
    client->progress_fd = steal_fd(fd);
    return true;
}

// fd: its progress memfd or -1; taken over when it is good.
static void on_subscribe(struct client *client, const struct wire_subscribe *subscribe, int *fd)
{
    uint32_t token = subscribe->header.token;
    struct stream *stream = control_find_stream(client->control, subscribe->stream);
    if (!take_progress(client, fd)) {
        client_close(client, 0);
        return;
    }
    if (!stream) {
        client_error(client, token, -ENODEV, "no such stream");
        return;
    }
    unsubscribe(client);
    // before it gets the fd: from then on it may sleep on the ring
    client->stream = stream;
    stream->subscribers++;
    ring_set_wake(&stream->publisher.ring, true);
    cleanup_fd int waker = -1;
    if (subscribe->flags & WIRE_SUBSCRIBE_EVENTFD) {
        int status = make_waker(client, stream, &waker);
        if (status < 0) {
            unsubscribe(client);
            client_error(client, token, status, "no descriptors left for a wake-up");
            return;
        }
    }
    struct wire_stream answer;
    wire_init(&answer, WIRE_STREAM, sizeof(answer), token);
    answer.generation = stream->generation;
    answer.flags = waker >= 0 ? WIRE_SUBSCRIBE_EVENTFD : 0;
    answer.daemon_id = control_daemon_id(client->control);
    wire_text_set(answer.stream, sizeof(answer.stream), stream->config.name);
    int fds[WIRE_FDS_MAX] = {stream->publisher.ring.fd, stream->publisher.stats.fd,
                             stream->labels_fd, waker};
    deliver(client, &answer, fds, waker >= 0 ? 4 : 3);
}

// ---- how far it is ----

void client_get_progress(const struct client *client, uint64_t now_ns,
                         struct client_progress *progress)
{
    struct stats_progress page = {0};
    *progress = (struct client_progress){.read_sequence = client->read_sequence,
                                         .lost = client->lost};
    if (client->progress_fd >= 0 &&
        pread(client->progress_fd, &page, sizeof(page), 0) == (ssize_t)sizeof(page) &&
        page.magic == STATS_PROGRESS_MAGIC && page.attached) {
        progress->known = true;
        progress->read_sequence = page.read_sequence;
        progress->lost = page.lost;
        progress->quiet_ns = page.read_ns && page.read_ns < now_ns ? now_ns - page.read_ns : 0;
        stats_histogram_summarize(&page.read, &progress->read);
    }
    if (!client->stream || (!progress->known && progress->read_sequence == 0))
        return;
    uint64_t head = ring_head(&client->stream->tail);
    uint64_t slots = (uint64_t)client->stream->config.ring_slots;
    if (head > progress->read_sequence)
        progress->lag = head - progress->read_sequence;
    if (progress->lag >= slots) // the slot of the next record is always in the making
        progress->lost += progress->lag + 1 - slots + RING_OVERRUN_MARGIN(slots);
}

// ---- messages --------------------------------------------------------------

static const char *refusal_text(int refusal)
{
    return refusal == -EACCES ? "not allowed: your user is not in the group that may connect"
                              : "too many clients";
}

static void on_hello(struct client *client, const struct wire_hello *hello)
{
    struct wire_welcome welcome;
    if (client->refusal) {
        client_error(client, hello->header.token, client->refusal, refusal_text(client->refusal));
        client_close(client, 0);
        return;
    }
    if (hello->major != WIRE_MAJOR) {
        client_error(client, hello->header.token, -EPROTO,
                     "this qedged speaks another major version");
        client_close(client, 0);
        return;
    }
    wire_text_set(client->name, sizeof(client->name), hello->name);
    client->greeted = true;
    wire_init(&welcome, WIRE_WELCOME, sizeof(welcome), hello->header.token);
    welcome.major = WIRE_MAJOR;
    welcome.minor = WIRE_MINOR;
    deliver(client, &welcome, NULL, 0);
}

static void on_message(struct client *client, const union wire_message *message, int *fds)
{
    if (!client->greeted && message->header.type != WIRE_HELLO) {
        client_close(client, 0);
        return;
    }
    switch (message->header.type) {
    case WIRE_HELLO: on_hello(client, &message->hello); break;
    case WIRE_SUBSCRIBE: on_subscribe(client, &message->subscribe, &fds[0]); break;
    case WIRE_REQUEST:
        control_request(client->control, client, message->header.token, message->request.text);
        break;
    case WIRE_SNAPSHOT: share_ask(client, &message->snapshot); break;
    case WIRE_REPORT:
        client->read_sequence = message->report.read_sequence;
        client->lost = message->report.lost;
        break;
    default: client_close(client, 0); break;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct client *client = poll->data;
    static union wire_message message; // the loop is one thread, and 16 KiB is much for a stack
    int fds[WIRE_FDS_MAX];
    unsigned fd_count;
    if (status < 0 || !(events & (UV_READABLE | UV_DISCONNECT))) {
        client_close(client, 0);
        return;
    }
    for (int i = 0; i < MESSAGES_A_TURN && !client->closing; i++) {
        int size = wire_receive(client->fd, WIRE_FROM_CLIENT, &message, fds, &fd_count);
        if (size == -EAGAIN)
            return;
        if (size < 0) {
            if (size == -EPROTO)
                log_debug("client %s (pid %d): malformed message; disconnected", client->name,
                          (int)client->peer.pid);
            client_close(client, 0);
            return;
        }
        on_message(client, &message, fds);
        cleanup_close(&fds[0]);
    }
}

// ---- life ------------------------------------------------------------------

static void on_closed(uv_handle_t *handle);

struct client *client_create(struct control *control, int fd, const struct peer *peer)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client || uv_poll_init(control_loop(control), &client->poll, fd) < 0) {
        free(client);
        close(fd);
        return NULL;
    }
    client->control = control;
    client->fd = fd;
    client->peer = *peer;
    client->waker_fd = -1;
    client->progress_fd = -1;
    client->connected_ns = clock_now_ns();
    snprintf(client->name, sizeof(client->name), "?");
    client->poll.data = client;
    if (uv_poll_start(&client->poll, UV_READABLE | UV_DISCONNECT, on_readable) < 0) {
        client->closing = true; // it was in no list yet
        uv_close((uv_handle_t *)&client->poll, on_closed);
        return NULL;
    }
    return client;
}

// What the client still sent is taken out first: closing over unread messages would reach it as
// "connection reset" before it has read our last words.
static void close_gently(int fd)
{
    char byte;
    shutdown(fd, SHUT_RD);
    for (int i = 0; i < DRAIN_MAX && recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0; i++)
        ;
    close(fd);
}

static void on_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    close_gently(client->fd);
    cleanup_close(&client->progress_fd);
    free(client);
}

void client_close(struct client *client, uint32_t reason)
{
    if (client->closing)
        return;
    client->closing = true;
    if (reason && client->greeted) {
        struct wire_goodbye goodbye;
        wire_init(&goodbye, WIRE_GOODBYE, sizeof(goodbye), 0);
        goodbye.reason = reason;
        wire_send(client->fd, &goodbye, NULL,
                  0); // best effort: the end of the connection says it as well
    }
    unsubscribe(client);
    control_forget(client->control, client);
    uv_poll_stop(&client->poll);
    uv_close((uv_handle_t *)&client->poll, on_closed);
}
