// SPDX-License-Identifier: Apache-2.0
//
// Inside of libqclient. One handle is a small state machine over one socket:
//
//     DOWN ──connect, HELLO──▶ GREETING ──WELCOME, SUBSCRIBE──▶ SUBSCRIBING ──STREAM──▶ LIVE
//      ▲                          │                                 │                    │
//      └──── retry_at (10 ms, doubling to 500 ms) ◀── error, malformed, silence, hang-up ┘
//
// session.c moves it and never waits; results.c reads the ring, waits, and says once that the
// daemon went away; client.c makes the handle and its fd for event loops. One thread at a time uses
// a handle (qclient.h). The old ring stays readable after a hang-up until it is drained: nothing
// that was published is dropped.

#ifndef QEDGE_LIBCLIENT_CLIENT_H
#define QEDGE_LIBCLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "common/labels.h"
#include "common/ring.h"
#include "common/stats.h"
#include "common/stats_window.h"
#include "common/wire.h"
#include "qclient.h"

#define SESSION_HANDSHAKE_NS                                                                       \
    (2000 * 1000000ull) // a daemon that says nothing for that long counts as gone
#define SESSION_LOOK_NS                                                                            \
    (20 * 1000000ull) // the socket of a live stream is looked at that often at most

struct client_settings {
    struct sockaddr_un address;
    char stream[WIRE_NAME_MAX];
    char name[WIRE_NAME_MAX];
    int connect_timeout_ms;
    uint32_t flags; // QCLIENT_FROM_OLDEST, QCLIENT_NO_RECONNECT
};

// How far this handle has read, and how late: in a memfd that the daemon may look into.
struct progress {
    int fd; // -1: there was none to be had, and the daemon gets reports instead
    struct stats_progress *page;
    struct stats_window *window;
    uint64_t ticked_ns;
    struct stats_summary recent;
    uint64_t recent_ns; // what `recent` is of
};

enum session_state { SESSION_DOWN, SESSION_GREETING, SESSION_SUBSCRIBING, SESSION_LIVE };

struct qclient {
    struct client_settings settings;
    union wire_message message; // receive buffer

    enum session_state state;
    int socket;
    uint64_t deadline_ns; // GREETING, SUBSCRIBING: until then or down
    uint64_t retry_ns;    // DOWN: not before
    uint64_t looked_ns;   // when the socket was looked at last
    unsigned retry_ms;
    int error;    // why it went down, -errno
    bool goodbye; // the daemon said that it stops the stream in order

    bool has_ring;
    bool stream_awaited; // a SUBSCRIBE is not answered yet
    struct ring_reader ring;
    struct stats_reader stats;
    uint64_t daemon_id;
    uint64_t
        ring_inode; // of the ring's memfd: another ring has another one while this one is mapped
    uint64_t subscriptions;

    struct labels_reader labels; // what qclient_label() reads
    uint32_t labels_generation;
    struct labels_reader labels_next; // takes over with the first result it belongs to
    uint32_t labels_next_generation;
    bool has_labels_next;

    int gone;         // -ECONNRESET or -EPIPE not said yet, 0 = nothing to say
    int ended;        // with QCLIENT_NO_RECONNECT: said, and said again for ever
    bool reconnected; // the next result is the first of a new connection
    bool has_result;
    uint32_t generation;    // of the last result
    uint32_t labels_missed; // generation whose labels were looked for in vain
    uint64_t lost_pending;
    uint64_t lost_total;
    struct progress progress;
    bool progress_wanted; // the daemon takes progress memfds
    uint64_t reported_ns;
    unsigned fruitless; // wake-ups in a row that brought nothing

    int epoll;   // -1 until qclient_fd()
    int timer;   // in epoll: retry, handshake deadline, or a kick to the handle's own user
    int eventfd; // in epoll: the daemon's signal
};

// ---- options.c ----
// Checks the options and fills in the defaults. 0, -EINVAL, -ENAMETOOLONG.
int client_settings_init(struct client_settings *settings, const struct qclient_options *options);

// ---- progress.c ----
// 0 or -ENOMEM.
int progress_init(struct progress *progress);
void progress_finish(struct progress *progress); // takes a zeroed one too
// The reader stands before `next` of a new ring.
void progress_attach(struct progress *progress, uint64_t next, uint64_t lost);
// A result was handed out. No system call.
void progress_note(struct progress *progress, const struct ring_record *record, uint64_t lost,
                   uint64_t now_ns);
// Brings `recent` up to date when that is due.
void progress_tick(struct progress *progress, uint64_t now_ns);

// ---- session.c (none of these waits) ----
void session_init(struct qclient *client);
void session_finish(struct qclient *client);
// Handles what arrived, connects when it is time to. What happened is in client->state and
// client->gone.
void session_step(struct qclient *client, uint64_t now_ns);
// The stream ended or the daemon went: says `gone` (-ECONNRESET, -EPIPE) to the user soon.
void session_drop(struct qclient *client, int gone);
// Asks for the stream again, now with an eventfd.
void session_resubscribe(struct qclient *client);
// Sets the timer in the epoll set for the present state; kick: make the fd readable now.
void session_timer_set(struct qclient *client, bool kick);
// The socket is connecting or connected: -errno or the fd. Used by request.c too.
int session_socket_open(const struct sockaddr_un *address);
void session_hello_fill(struct wire_hello *hello, const struct client_settings *settings);

// ---- request.c ----
// Until a message waits, a second at most. 0 (look again), -ETIMEDOUT past until_ns, or -EINTR.
int request_wait(int socket, uint64_t until_ns);

// ---- client.c ----
// While not LIVE: waits for the socket, or for the time to try again, a second at most and not past
// until_ns. 0 (look again) or -EINTR.
int client_handshake_wait(struct qclient *client, uint64_t now_ns, uint64_t until_ns);

// ---- results.c ----
// What the user sees of a record: `lost` is 0, and of the flags only the record's own are set.
void client_result_fill(const struct ring_record *record, struct qclient_result *result);
// Puts the records of a new ring behind those of the old one. Takes *ring; fd is the ring's,
// borrowed.
void client_ring_replace(struct qclient *client, struct ring_reader *ring, int fd,
                         uint64_t daemon_id);
// What is to be said once (or for ever, with QCLIENT_NO_RECONNECT): client->gone, which is not 0.
// The ring counts as drained.
int client_gone_say(struct qclient *client);

#endif
