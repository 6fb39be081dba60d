// SPDX-License-Identifier: Apache-2.0
//
// One look of `qctl top` at the daemon: its answers to "status" and "clients" as rows.

#ifndef QEDGE_CTL_TOP_SAMPLE_H
#define QEDGE_CTL_TOP_SAMPLE_H

#include <json-c/json.h>
#include <stddef.h>

#include "ctl/ctl.h"
#include "ctl/history.h"

// Texts belong to the sample's JSON. What is not known is -1 or NULL.
struct top_stream {
    size_t position; // in the daemon's order
    const char *name, *state;
    double fps_in, fps_out;
    double p50_us, p99_us;            // sensor to published, over the last seconds
    long long dropped, gated, errors; // gated: -1 without a gate
    long long lag;                    // of the client that is furthest behind
    const struct history *history;    // NULL only when there was no memory for it
};

struct top_client {
    size_t position;
    size_t twin; // 0, 1, ... of a process' handles of one name and stream
    const char *name, *stream, *state;
    long long pid, lag, lost;
    long long reads; // results that it took, since it connected
    double rate;     // results read a second, since the look before; -1 at the first one
    double p99_us;   // published to read, since it connected
    double quiet_s;
};

struct top_sample {
    struct json_object *status, *clients; // NULL: no answer
    char *why;                            // then: the daemon's words or NULL
    int error;                            // and -errno; else 0
    double taken_s;                       // CLOCK_MONOTONIC
    struct top_stream *streams;
    struct top_client *client_rows; // without this process
    size_t stream_count, client_count;
};

// Asks, within timeout_ms each, and makes rows. before: the look before this one, or NULL; the rows
// do not point into it. -EINTR in error: a signal came first. The caller finishes it in any case.
void top_sample_take(struct top_sample *sample, const struct ctl_settings *settings, int timeout_ms,
                     struct histories *histories, const struct top_sample *before);
// Takes a zeroed one, too; leaves it zeroed.
void top_sample_finish(struct top_sample *sample);

#endif
