// SPDX-License-Identifier: Apache-2.0
//
// What `qctl top` remembers of a stream from one look at it to the next: the daemon's sums at the
// last look, and the latencies of the intervals before.

#ifndef QEDGE_CTL_HISTORY_H
#define QEDGE_CTL_HISTORY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "ctl/stage_bar.h"

#define HISTORY_LENGTH 512

struct history {
    struct history *next;
    char *name; // the stream's
    bool seen;  // by the newest look
    long long daemon_pid;
    double uptime_s;
    long long count;                              // of frames, since the daemon's start
    double total_us, stages_us[STAGE_BAR_STAGES]; // sums, since then
    double interval_stages_us[STAGE_BAR_STAGES];  // sums, over the last interval
    float latency_us[HISTORY_LENGTH]; // means of the intervals, oldest first; NaN: no frame then
    size_t latency_count;
};

// One list; a zeroed one is empty.
struct histories {
    struct history *first;
};

// Takes a look at the answer to "status"; NULL: there was none, a gap for every stream. Streams
// that are no longer there are forgotten. 0 or -ENOMEM.
int histories_add(struct histories *histories, struct json_object *status);
// NULL: there is none of that name.
const struct history *histories_find(const struct histories *histories, const char *name);
void histories_finish(struct histories *histories);

#endif
