// SPDX-License-Identifier: Apache-2.0

#include "common/stats_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUP 32 // buckets: an octave of latencies, or half of one

// Ordered by groups of buckets first, so that a group that nothing was ever counted in is made of
// pages that nothing was ever written to, which take no memory: most are.
struct stats_window {
    unsigned histograms;
    unsigned taken; // snapshots so far, the empty first one included
    uint64_t taken_ns[STATS_WINDOW_TICKS];
    uint64_t *sums_ns; // [tick % STATS_WINDOW_TICKS][histogram]
    // [bucket / GROUP][tick % STATS_WINDOW_TICKS][histogram][bucket % GROUP]
    // 32 bits are enough: only differences count, and they may wrap.
    uint32_t counts[];
};

_Static_assert(STATS_BUCKETS % GROUP == 0, "whole groups");

static uint32_t *counts_of(struct stats_window *window, unsigned group, unsigned tick,
                           unsigned histogram)
{
    size_t row = ((size_t)group * STATS_WINDOW_TICKS + tick) * window->histograms + histogram;
    return window->counts + row * GROUP;
}

int stats_window_create(unsigned histograms, uint64_t now_ns, struct stats_window **window)
{
    size_t snapshots = (size_t)histograms * STATS_WINDOW_TICKS;
    struct stats_window *fresh = calloc(1, sizeof(*fresh) + snapshots * STATS_BUCKETS *
                                                                sizeof(fresh->counts[0]));
    uint64_t *sums_ns = calloc(snapshots, sizeof(*sums_ns));
    if (!fresh || !sums_ns) {
        free(fresh);
        free(sums_ns);
        return -ENOMEM;
    }
    fresh->histograms = histograms;
    fresh->taken = 1;
    fresh->taken_ns[0] = now_ns;
    fresh->sums_ns = sums_ns;
    *window = fresh;
    return 0;
}

void stats_window_destroy(struct stats_window *window)
{
    if (window)
        free(window->sums_ns);
    free(window);
}

static uint64_t clip(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

// What one histogram counted since tick `then`; its present counts become those of tick `keep`,
// which may be the same. Returns all of it.
static uint64_t take(struct stats_window *window, unsigned histogram,
                     const struct stats_histogram *now, unsigned then, unsigned keep,
                     uint64_t *buckets, unsigned *highest)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        uint32_t *old = counts_of(window, i / GROUP, then, histogram) + i % GROUP;
        uint32_t *kept = counts_of(window, i / GROUP, keep, histogram) + i % GROUP;
        uint32_t count = (uint32_t)stats_load(&now->buckets[i]);
        buckets[i] = count - *old;
        total += buckets[i];
        *highest = buckets[i] ? i : *highest;
        if (*kept != count) // a page of zeros is not written to
            *kept = count;
    }
    return total;
}

static void summarize(struct stats_window *window, unsigned histogram,
                      const struct stats_histogram *now, unsigned then, unsigned keep,
                      struct stats_summary *summary)
{
    uint64_t buckets[STATS_BUCKETS], sum_ns = stats_load(&now->sum_ns);
    unsigned highest = 0;
    uint64_t total = take(window, histogram, now, then, keep, buckets, &highest);
    memset(summary, 0, sizeof(*summary));
    summary->sum_ns = sum_ns - window->sums_ns[then * window->histograms + histogram];
    window->sums_ns[keep * window->histograms + histogram] = sum_ns;
    if (total == 0) {
        summary->sum_ns = 0;
        return;
    }
    uint64_t ever = stats_load(&now->max_ns), middle = stats_bucket_value(highest);
    summary->count = total;
    summary->max_ns = middle < ever ? middle : ever;
    summary->p50_ns = clip(stats_percentile(buckets, total, 0.50), summary->max_ns);
    summary->p90_ns = clip(stats_percentile(buckets, total, 0.90), summary->max_ns);
    summary->p99_ns = clip(stats_percentile(buckets, total, 0.99), summary->max_ns);
    summary->p999_ns = clip(stats_percentile(buckets, total, 0.999), summary->max_ns);
    summary->mean_ns = summary->sum_ns / total;
}

uint64_t stats_window_tick(struct stats_window *window, const struct stats_histogram *histograms,
                           uint64_t now_ns, struct stats_summary *summaries)
{
    unsigned keep = window->taken % STATS_WINDOW_TICKS;
    unsigned then = window->taken < STATS_WINDOW_TICKS ? 0 : keep;
    uint64_t window_ns = now_ns - window->taken_ns[then];
    for (unsigned i = 0; i < window->histograms; i++)
        summarize(window, i, &histograms[i], then, keep, &summaries[i]);
    window->taken_ns[keep] = now_ns;
    window->taken++;
    if (window->taken == 2 * STATS_WINDOW_TICKS) // only its remainder and "full" matter
        window->taken = STATS_WINDOW_TICKS;
    return window_ns;
}
