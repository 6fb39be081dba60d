// SPDX-License-Identifier: Apache-2.0

#include "daemon/rate_limit.h"

#include "common/clock.h"

void rate_limit_set(struct rate_limit *limit, double fps)
{
    limit->period_ns = fps > 0 ? (uint64_t)((double)CLOCK_NS_PER_S / fps) : 0;
    if (limit->due_ns > limit->last_ns + limit->period_ns)
        limit->due_ns = limit->last_ns + limit->period_ns;
}

bool rate_limit_admits(struct rate_limit *limit, uint64_t now_ns)
{
    if (now_ns > limit->last_ns)
        limit->between_ns = now_ns - limit->last_ns;
    limit->last_ns = now_ns;
    if (!limit->period_ns)
        return true;
    uint64_t between = limit->between_ns < limit->period_ns ? limit->between_ns : limit->period_ns;
    if (now_ns + between / 2 < limit->due_ns)
        return false;
    // moments that were missed are left out, not caught up
    limit->due_ns += limit->period_ns;
    if (limit->due_ns < now_ns)
        limit->due_ns = now_ns + limit->period_ns;
    return true;
}
