// SPDX-License-Identifier: Apache-2.0
//
// How a stream and the whole daemon stand: one word, a reason, and a hint in plain words.
//
//   starting   its source is being opened for the first time
//   running    results come; a hint may still say what could be better
//   waiting    something outside will heal it: a camera to be plugged in, or freed by another program
//   degraded   results come, but fewer or worse than they should be
//   failed     somebody has to change something: permissions, settings, a camera that can not be used
//   finished   a recording came to its end

#ifndef QEDGE_DAEMON_HEALTH_H
#define QEDGE_DAEMON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct service;
struct stream;

struct stream_health {
    const char *state; // a word of the list above
    char reason[240], hint[200];
    char source[560];
    uint64_t missed; // frames that the device itself lost
};
void health_of_stream(const struct service *service, const struct stream *stream,
                      struct stream_health *health);

struct daemon_health {
    bool healthy;      // every stream is running or finished, the machine is not held back, budgets are held
    const char *state; // "running", "degraded", "failed" (no stream gives results)
    char reason[320], hint[200]; // of the worst
};
void health_of_daemon(const struct service *service, struct daemon_health *health);

#endif
