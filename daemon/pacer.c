// SPDX-License-Identifier: Apache-2.0

#include "daemon/pacer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

void pacer_init(struct pacer *pacer, double fps, int wake_fd)
{
    pacer->period_ns = fps > 0 ? (uint64_t)((double)CLOCK_NS_PER_S / fps) : 0;
    pacer->due_ns = clock_now_ns();
    pacer->wake_fd = wake_fd;
}

int pacer_wait(struct pacer *pacer, int wait_ms)
{
    uint64_t now = clock_now_ns();
    if (!pacer->period_ns) {
        pacer->due_ns = now;
        return 0;
    }
    if (now >= pacer->due_ns)
        return 0;
    uint64_t limit = (uint64_t)wait_ms * CLOCK_NS_PER_MS, rest = pacer->due_ns - now;
    struct timespec wait = clock_timespec(rest < limit ? rest : limit);
    struct pollfd wake = {.fd = pacer->wake_fd, .events = POLLIN};
    uint64_t count;
    if (ppoll(&wake, 1, &wait, NULL) == 1 && read(pacer->wake_fd, &count, sizeof(count)) < 0)
        return -EAGAIN;
    return clock_now_ns() >= pacer->due_ns ? 0 : -EAGAIN;
}

uint64_t pacer_take(struct pacer *pacer)
{
    uint64_t now = clock_now_ns();
    pacer->due_ns += pacer->period_ns;
    if (pacer->due_ns + pacer->period_ns < now)
        pacer->due_ns = now;
    return now;
}

void pacer_describe(const struct pacer *pacer, char *text, size_t size)
{
    if (pacer->period_ns)
        snprintf(text, size, "%.4g fps", (double)CLOCK_NS_PER_S / (double)pacer->period_ns);
    else
        snprintf(text, size, "max fps");
}
