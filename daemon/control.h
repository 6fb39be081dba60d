// SPDX-License-Identifier: Apache-2.0
//
// The control socket on the libuv loop: accepts, checks who it is, keeps the list of clients,
// answers requests. It never blocks and no client can make it do so.

#ifndef QEDGE_DAEMON_CONTROL_H
#define QEDGE_DAEMON_CONTROL_H

#include <stdint.h>
#include <uv.h>

#include "common/log.h"
#include "daemon/client.h"
#include "daemon/listener.h"

struct service;
struct stream;

struct control {
    struct service *service;
    uv_poll_t poll;
    uv_timer_t look; // runs while clients wait for pictures
    struct listener listener;
    int spare_fd; // given up for a moment to turn clients away when there are no more descriptors
    bool resting; // not even that helped: not listening until the next tick
    struct client *clients;
    uint32_t count, max;
    uint32_t refused_count; // connections that only stay to be told no
    uint64_t next_id;
    // each said once, and another one not soon: a hostile client must not fill the log
    struct log_cause full, refused, slow;
};

// 0; else -errno with one line in error.
int control_open(struct control *control, struct service *service, char *error, size_t error_size);
// No new connections; the socket file is removed when it is ours.
void control_stop_listening(struct control *control);
// All clients are told why, and let go.
void control_close(struct control *control);
// Once a second: lets go of those who connected but never said hello.
void control_tick(struct control *control, uint64_t now_ns);

// Subscribers of a stream that goes away, or that has new labels.
void control_drop_stream(struct control *control, const struct stream *stream);
void control_send_labels(struct control *control, const struct stream *stream, uint32_t generation,
                         int labels_fd);
// Answers a request that took its time; the client may be gone.
void control_answer(struct control *control, uint64_t client_id, uint32_t token, int status,
                    const char *text, size_t length);

// ---- for client.c ----
uv_loop_t *control_loop(struct control *control);
struct stream *control_find_stream(struct control *control, const char *name); // "" = the first
uint64_t control_daemon_id(const struct control *control);
void control_request(struct control *control, struct client *client, uint32_t token,
                     const char *text);
void control_forget(struct control *control, struct client *client);

#endif
