// SPDX-License-Identifier: Apache-2.0
//
// One connection. Everything that comes from it is checked by common/wire.c before it is looked at;
// the daemon never waits for it: what can not be sent at once ends the connection.

#ifndef QEDGE_DAEMON_CLIENT_H
#define QEDGE_DAEMON_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/stats.h"
#include "common/wire.h"
#include "daemon/listener.h"

struct control;
struct stream;

struct client {
    uv_poll_t poll;
    struct client *next; // in the control's list
    struct control *control;
    uint64_t id; // never used twice
    int fd;
    struct peer peer;
    char name[WIRE_NAME_MAX];
    bool greeted, closing;
    int refusal; // 0, or -errno that answers its HELLO, after which it is let go
    uint64_t connected_ns;
    struct stream *stream;        // NULL: not subscribed
    int waker_fd;                 // our end of its wake-up, -1 = none
    unsigned fds_unread;          // sent since it was last seen to have read everything
    int progress_fd;              // where it says how far it is, -1 = it sends reports
    uint64_t read_sequence, lost; // as it reports
    struct stream *snapshot_of;   // whose picture it waits for; NULL: none
    uint32_t snapshot_token;
    uint64_t snapshot_asked_ns;
};

// How far a client is: what it says, held against what the ring holds.
struct client_progress {
    bool known;             // it says; false: only what it has reported, if anything
    uint64_t read_sequence; // the newest it has read, or after which it began
    uint64_t lag;           // results published and not read
    uint64_t lost;          // overwritten before they were read, those it will find missing included
    uint64_t quiet_ns;      // since it read its last result; 0 = not known
    struct stats_summary read; // published -> read; count 0 = it does not say
};
void client_get_progress(const struct client *client, uint64_t now_ns,
                         struct client_progress *progress);

// Takes over fd. NULL when there is no memory (fd is closed).
struct client *client_create(struct control *control, int fd, const struct peer *peer);
// Ends it: GOODBYE first when reason is not 0. It leaves the list now; its memory is freed by the
// loop later.
void client_close(struct client *client, uint32_t reason);
// Sends an answer's text in as many parts as it needs; `status` 0 or -errno.
void client_answer(struct client *client, uint32_t token, int status, const char *text,
                   size_t length);
void client_error(struct client *client, uint32_t token, int status, const char *text);
// New labels of its stream. Before the first record of that generation is published.
void client_send_labels(struct client *client, uint32_t generation, int labels_fd);
// The picture that it asked for.
void client_send_picture(struct client *client, const struct wire_picture *picture, int picture_fd,
                         int labels_fd);

#endif
