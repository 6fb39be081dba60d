// SPDX-License-Identifier: Apache-2.0

#include "common/stats_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// 32 bits are enough: only differences count, and they may wrap.
struct snapshot {
    uint32_t buckets[STATS_BUCKETS];
    uint64_t sum_ns;
};

struct stats_window {
    unsigned histograms;
    unsigned taken; // snapshots so far, the empty first one included
    uint64_t taken_ns[STATS_WINDOW_TICKS];
    struct snapshot snapshots[]; // tick t, histogram h: [t % STATS_WINDOW_TICKS * histograms + h]
};

int stats_window_create(unsigned histograms, uint64_t now_ns, struct stats_window **window)
{
    size_t count = (size_t)histograms * STATS_WINDOW_TICKS;
    *window = calloc(1, sizeof(**window) + count * sizeof(struct snapshot));
    if (!*window)
        return -ENOMEM;
    (*window)->histograms = histograms;
    (*window)->taken = 1;
    (*window)->taken_ns[0] = now_ns;
    return 0;
}

void stats_window_destroy(struct stats_window *window)
{
    free(window);
}

static uint64_t clip(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

static void summarize(const struct stats_histogram *now, const struct snapshot *then,
                      struct snapshot *keep, struct stats_summary *summary)
{
    uint64_t buckets[STATS_BUCKETS], total = 0;
    unsigned highest = 0;
    uint64_t sum_ns = stats_load(&now->sum_ns);
    memset(summary, 0, sizeof(*summary));
    summary->sum_ns = sum_ns - then->sum_ns;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        uint32_t count = (uint32_t)stats_load(&now->buckets[i]);
        buckets[i] = count - then->buckets[i];
        total += buckets[i];
        highest = buckets[i] ? i : highest;
        keep->buckets[i] = count; // may be the place of `then`, which has been used
    }
    keep->sum_ns = sum_ns;
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
        summarize(&histograms[i], &window->snapshots[then * window->histograms + i],
                  &window->snapshots[keep * window->histograms + i], &summaries[i]);
    window->taken_ns[keep] = now_ns;
    window->taken++;
    if (window->taken == 2 * STATS_WINDOW_TICKS) // only its remainder and "full" matter
        window->taken = STATS_WINDOW_TICKS;
    return window_ns;
}
