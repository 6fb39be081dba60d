// SPDX-License-Identifier: Apache-2.0
//
// Until when a call waits: the user's milliseconds as a moment of clock_now_ns(), and back to what
// poll() takes.

#ifndef QEDGE_LIBCLIENT_DEADLINE_H
#define QEDGE_LIBCLIENT_DEADLINE_H

#include <stdint.h>

#include "common/clock.h"

// timeout_ms from now_ns on; below 0: never.
static inline uint64_t deadline_after(uint64_t now_ns, int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : now_ns + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
}

// What is left of it in milliseconds, begun ones counted: 0 (it is past) to 1000, so that who waits
// looks again each second.
static inline int deadline_poll_ms(uint64_t now_ns, uint64_t until_ns)
{
    if (until_ns <= now_ns)
        return 0;
    uint64_t left = until_ns - now_ns;
    return left < CLOCK_NS_PER_S ? (int)((left + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS) : 1000;
}

#endif
