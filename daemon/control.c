// SPDX-License-Identifier: Apache-2.0

#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cleanup.h"
#include "daemon/baseline.h"
#include "daemon/bench.h"
#include "daemon/reload.h"
#include "daemon/service.h"
#include "daemon/status_json.h"
#include "daemon/stream.h"

#define HELLO_WITHIN (5 * CLOCK_NS_PER_S)
#define ACCEPTS_A_TURN 16
#define REFUSED_MAX 32
#define SAY_EVERY (10 * CLOCK_NS_PER_S) // of what clients can bring about as often as they like

uv_loop_t *control_loop(struct control *control)
{
    return &control->service->loop;
}

uint64_t control_daemon_id(const struct control *control)
{
    return control->service->daemon_id;
}

struct stream *control_find_stream(struct control *control, const char *name)
{
    struct service *service = control->service;
    for (uint32_t i = 0; i < service->stream_count; i++)
        if (!name[0] || strcmp(service->streams[i]->config.name, name) == 0)
            return service->streams[i];
    return NULL;
}

// ---- accepting -------------------------------------------------------------

// Without a word that it could rely on: for those who come faster than they can be told.
static void turn_away(int fd, int status, const char *text)
{
    struct wire_error error;
    wire_init(&error, WIRE_ERROR, sizeof(error), 0);
    error.error = status;
    wire_text_set(error.text, sizeof(error.text), text);
    wire_send(fd, &error, NULL, 0);
    close(fd);
}

// 0, or why not.
static int judge(struct control *control, int fd, struct peer *peer)
{
    if (!listener_may_connect(&control->listener, fd, peer)) {
        log_cause_say(&control->refused, LOG_LEVEL_NOTICE, "user %u refused: not in the group %s",
                      (unsigned)peer->uid, control->service->config->socket_group);
        return -EACCES;
    }
    if (control->count >= control->max) {
        log_cause_say(&control->full, LOG_LEVEL_WARNING,
                      "%u clients are connected: more are refused (max_clients)", control->max);
        return -EBUSY;
    }
    return 0;
}

// Is it accepted?
static bool welcome(struct control *control, int fd)
{
    struct peer peer = {0};
    int refusal = judge(control, fd, &peer);
    if (refusal && control->refused_count >= REFUSED_MAX) {
        turn_away(fd, refusal, "refused");
        return false;
    }
    struct client *client = client_create(control, fd, &peer);
    if (!client) {
        log_cause_say(&control->full, LOG_LEVEL_WARNING, "a client is refused: no memory");
        return false;
    }
    client->refusal = refusal;
    client->id = ++control->next_id;
    client->next = control->clients;
    control->clients = client;
    *(refusal ? &control->refused_count : &control->count) += 1;
    return !refusal;
}

// Without descriptors a waiting connection can not even be refused, and the loop would spin on it:
// one descriptor is kept for that.
static void refuse_for_want_of_fds(struct control *control, int status)
{
    log_cause_say(&control->full, LOG_LEVEL_WARNING, "no client can be accepted: %s",
                  strerror(-status));
    cleanup_close(&control->spare_fd);
    int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        turn_away(fd, -EMFILE, "the daemon has no descriptors left");
    } else if (errno != EAGAIN) {
        uv_poll_stop(&control->poll);
        control->resting = true;
    }
    control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct control *control = poll->data;
    bool accepted = false;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && status >= 0; i++) {
        int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            accepted = welcome(control, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            refuse_for_want_of_fds(control, -errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            // there would be a descriptor for the next one: one who got the last of them, and comes
            // again and again because it was not enough, is no sign that the trouble has passed
            if (accepted && errno == EAGAIN)
                log_cause_clear(&control->full, "clients are accepted again");
            return;
        }
    }
}

// ---- life ------------------------------------------------------------------

int control_open(struct control *control, struct service *service, char *error, size_t error_size)
{
    *control = (struct control){.service = service,
                                .max = (uint32_t)service->config->max_clients,
                                .spare_fd = -1,
                                .full = {.every_ns = SAY_EVERY},
                                .refused = {.every_ns = SAY_EVERY},
                                .slow = {.every_ns = SAY_EVERY}};
    int status = listener_open(&control->listener, service->config->socket,
                               service->config->socket_group, error, error_size);
    if (status < 0)
        return status;
    control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uv_timer_init(&service->loop, &control->look);
    control->look.data = control;
    status = uv_poll_init(&service->loop, &control->poll, control->listener.fd);
    if (status == 0) {
        control->poll.data = control;
        status = uv_poll_start(&control->poll, UV_READABLE, on_connection);
    }
    if (status < 0) {
        snprintf(error, error_size, "control socket: %s", uv_strerror(status));
        listener_close(&control->listener);
    }
    return status;
}

void control_stop_listening(struct control *control)
{
    if (control->listener.fd < 0)
        return;
    uv_poll_stop(&control->poll);
    uv_close((uv_handle_t *)&control->poll, NULL);
    listener_close(&control->listener);
}

void control_close(struct control *control)
{
    control_stop_listening(control);
    while (control->clients)
        client_close(control->clients, WIRE_GOODBYE_STOPPING);
    cleanup_close(&control->spare_fd);
}

void control_forget(struct control *control, struct client *client)
{
    bench_forget_client(control->service, client->id);
    baseline_forget_client(control->service, client->id);
    struct client **link = &control->clients;
    while (*link && *link != client)
        link = &(*link)->next;
    if (*link) {
        *link = client->next;
        *(client->refusal ? &control->refused_count : &control->count) -= 1;
    }
}

void control_tick(struct control *control, uint64_t now_ns)
{
    struct client *next;
    if (control->spare_fd < 0)
        control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (control->resting && control->listener.fd >= 0)
        control->resting = uv_poll_start(&control->poll, UV_READABLE, on_connection) < 0;
    for (struct client *client = control->clients; client; client = next) {
        next = client->next;
        if (!client->greeted && now_ns - client->connected_ns > HELLO_WITHIN)
            client_close(client, 0);
    }
}

void control_drop_stream(struct control *control, const struct stream *stream)
{
    struct client *next;
    for (struct client *client = control->clients; client; client = next) {
        next = client->next;
        if (client->stream == stream || client->snapshot_of == stream)
            client_close(client, WIRE_GOODBYE_STREAM_REMOVED);
    }
}

void control_send_labels(struct control *control, const struct stream *stream, uint32_t generation,
                         int labels_fd)
{
    struct client *next;
    for (struct client *client = control->clients; client; client = next) {
        next = client->next;
        if (client->stream == stream)
            client_send_labels(client, generation, labels_fd);
    }
}

// ---- requests --------------------------------------------------------------

void control_answer(struct control *control, uint64_t client_id, uint32_t token, int status,
                    const char *text, size_t length)
{
    for (struct client *client = control->clients; client; client = client->next) {
        if (client->id == client_id) {
            client_answer(client, token, status, text, length);
            return;
        }
    }
}

static bool may_change(struct client *client, uint32_t token)
{
    if (client->peer.uid == 0 || client->peer.uid == geteuid())
        return true;
    client_error(client, token, -EPERM, "only root and the daemon's own user may do that");
    return false;
}

static void request_baseline(struct control *control, struct client *client, uint32_t token,
                             const char *text)
{
    const char *error = "";
    if (!may_change(client, token))
        return;
    int status = baseline_start(control->service, client->id, token, text, &error);
    if (status < 0)
        client_error(client, token, status, error);
}

static void request_bench(struct control *control, struct client *client, uint32_t token,
                          const char *text)
{
    const char *error = "";
    if (!may_change(client, token))
        return;
    int status = bench_start(control->service, client->id, token, text, &error);
    if (status < 0)
        client_error(client, token, status, error);
}

static void request_reload(struct control *control, struct client *client, uint32_t token)
{
    if (!may_change(client, token))
        return;
    int status = reload_start(control->service, client->id, token);
    if (status < 0)
        client_error(client, token, status,
                     status == -EBUSY ? "a reload is under way"
                                      : "no memory for a thread that loads");
}

void control_request(struct control *control, struct client *client, uint32_t token,
                     const char *text)
{
    if (strcmp(text, "reload") == 0) {
        request_reload(control, client, token);
        return;
    }
    if (strncmp(text, "baseline ", 9) == 0) {
        request_baseline(control, client, token, text + 9);
        return;
    }
    if (strncmp(text, "bench ", 6) == 0) {
        request_bench(control, client, token, text + 6);
        return;
    }
    char *answer = NULL;
    int length = status_json_make(control->service, text, &answer);
    if (length == -EINVAL)
        client_error(client, token, -EINVAL,
                     "no such request; known: status, streams, clients, power, baseline SECONDS, "
                     "bench SECONDS alone|beside [STREAM], reload, version");
    else if (length < 0)
        client_error(client, token, length, "no memory for an answer");
    else
        client_answer(client, token, 0, answer, (size_t)length);
    free(answer);
}
