// SPDX-License-Identifier: Apache-2.0
//
// Time. Everything in qedge is CLOCK_MONOTONIC nanoseconds in a uint64_t; V4L2 stamps frames with
// it too.

#ifndef QEDGE_COMMON_CLOCK_H
#define QEDGE_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S 1000000000ull
#define CLOCK_NS_PER_MS 1000000ull
#define CLOCK_NS_PER_US 1000ull

// Now, never 0, never going back. No system call (vDSO).
static inline uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

// The same clock as it was at the last timer tick, up to 10 ms ago: for the cost of a memory read.
static inline uint64_t clock_coarse_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline struct timespec clock_timespec(uint64_t ns)
{
    struct timespec value = {.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
    return value;
}

// Sleeps until the given moment; goes on after signals.
static inline void clock_sleep_until(uint64_t ns)
{
    struct timespec until = clock_timespec(ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
        if (clock_now_ns() >= ns)
            return;
    }
}

// CPU time of the calling thread or of the whole process, ns.
static inline uint64_t clock_cpu_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

#endif
