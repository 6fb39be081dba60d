// SPDX-License-Identifier: Apache-2.0
//
// max_fps: which frames of a source are one too many? Their mean rate is held, not the distance of
// two: of a camera's 30 frames a second 25 means five out of six.

#ifndef QEDGE_DAEMON_RATE_LIMIT_H
#define QEDGE_DAEMON_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
    uint64_t period_ns; // 0 = no limit
    uint64_t due_ns;
    uint64_t last_ns;    // of the frame before, admitted or not
    uint64_t between_ns; // how far the last two were apart
};

// fps: 0 = no limit. What it is already changes nothing.
void rate_limit_set(struct rate_limit *limit, double fps);
// A frame taken at now_ns: false when it is one too many. A frame that comes up to half a frame's
// time too early counts as on time: cameras are not that even.
bool rate_limit_admits(struct rate_limit *limit, uint64_t now_ns);
// When the next frame is wanted; 0 = at any time.
static inline uint64_t rate_limit_due(const struct rate_limit *limit)
{
    return limit->period_ns ? limit->due_ns : 0;
}

#endif
