// SPDX-License-Identifier: Apache-2.0
//
// The stats page of a stream: counters and latency histograms in constant memory
// (common/stats_abi.h). Writing is one or three relaxed atomic adds: any thread of the daemon, no
// lock, no system call, no malloc. Reading disturbs nobody. Counters are only ever added to; a
// reader sees each one whole, but not all of them at one moment.

#ifndef QEDGE_COMMON_STATS_H
#define QEDGE_COMMON_STATS_H

#include <stdint.h>

#include "common/stats_abi.h"

struct stats_writer {
    int fd; // the memfd, sealed against everything but reading
    struct stats_page *page;
};

// Creates the memfd, maps it writable, then seals it. name: for /proc/PID/maps only. 0 or -errno;
// on failure nothing is held.
int stats_writer_init(struct stats_writer *writer, const char *name);
void stats_writer_finish(struct stats_writer *writer); // takes a zeroed or half-built one too
// Any thread.
void stats_count(struct stats_writer *writer, enum stats_counter counter, uint64_t amount);
// stage: 0..STATS_STAGES-1. Any thread.
void stats_record(struct stats_writer *writer, unsigned stage, uint64_t duration_ns);

struct stats_reader {
    const struct stats_page *page;
};

// Checks seals, size and header before use; fd is borrowed and may be closed afterwards. 0, -EPROTO
// or another -errno.
int stats_reader_init(struct stats_reader *reader, int fd);
void stats_reader_finish(struct stats_reader *reader);
// A reader of the writer's own page (in the daemon); not to be finished.
struct stats_reader stats_writer_reader(const struct stats_writer *writer);

uint64_t stats_counter(const struct stats_reader *reader, enum stats_counter counter);

struct stats_summary {
    uint64_t count;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns; // within 1.6 %; never more than max_ns; 0: count is 0
    uint64_t max_ns;                          // exact; recent: within 1.6 %
    uint64_t mean_ns, sum_ns;
};
// Since the start.
void stats_summarize(const struct stats_reader *reader, unsigned stage,
                     struct stats_summary *summary);
// The last seconds as the daemon's loop has summed them up, all stages at one moment. Returns the
// length of the time they are of in ns, 0 when there is nothing yet (the summaries are then zero).
uint64_t stats_recent(const struct stats_reader *reader,
                      struct stats_summary summaries[STATS_STAGES]);
// For the loop, one thread: what stats_recent() finds from now on.
void stats_recent_set(struct stats_writer *writer, uint64_t window_ns,
                      const struct stats_summary summaries[STATS_STAGES]);

// ---- one histogram ----
// Counts a value: a few relaxed atomic adds. Any thread.
void stats_histogram_add(struct stats_histogram *histogram, uint64_t duration_ns);
// The same where only one thread ever counts: without the price of atomic adds.
void stats_histogram_add_alone(struct stats_histogram *histogram, uint64_t duration_ns);
void stats_histogram_summarize(const struct stats_histogram *histogram,
                               struct stats_summary *summary);
// The smallest value that at least `share` (0..1) of the values do not exceed lies in the bucket
// whose middle this returns: value number floor(share * total) of the sorted ones, from 0. 0 when
// total, the sum of all buckets, is 0.
uint64_t stats_percentile(const uint64_t buckets[STATS_BUCKETS], uint64_t total, double share);
// index: 0..STATS_BUCKETS-1; the value is the bucket's middle.
unsigned stats_bucket_index(uint64_t duration_ns);
uint64_t stats_bucket_value(unsigned index);
// A word of shared memory that its writer may be changing.
uint64_t stats_load(const uint64_t *word);

#endif
