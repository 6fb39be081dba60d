// SPDX-License-Identifier: Apache-2.0
//
// What happened in a few histograms over the last ten seconds: the difference between their counts
// now and their counts ten ticks ago. The owner's timer ticks it once a second; the threads that
// count know nothing of it. Memory: at most 42 KiB a histogram, where latencies of all sizes were
// counted; usually half.

#ifndef QEDGE_COMMON_STATS_WINDOW_H
#define QEDGE_COMMON_STATS_WINDOW_H

#include <stdint.h>

#include "common/stats.h"

#define STATS_WINDOW_TICKS 10

struct stats_window;

// histograms: how many. From now_ns on; what was counted before is not in it when the histograms
// are empty now. 0 or -ENOMEM.
int stats_window_create(unsigned histograms, uint64_t now_ns, struct stats_window **window);
void stats_window_destroy(struct stats_window *window); // takes NULL
// Sums up what was counted since the tick STATS_WINDOW_TICKS ago (since create, while there were
// fewer) and remembers the present counts. summaries: one a histogram; all values within 1.6 %,
// max_ns too. Returns the time they are of, ns.
uint64_t stats_window_tick(struct stats_window *window, const struct stats_histogram *histograms,
                           uint64_t now_ns, struct stats_summary *summaries);

#endif
