// SPDX-License-Identifier: Apache-2.0
//
// The stats page's layout in shared memory: one sealed memfd a stream, written by the daemon,
// mapped read-only by clients. Same layout on 32 and 64 bit.
//
//   offset 0    struct stats_header     64 bytes
//   64          uint64 counters[]       STATS_COUNTER_COUNT, padded to 64 bytes
//   128         struct stats_histogram  one a stage, enum qclient_stage order
//
// Histogram: values are nanoseconds. Values below 64 have a bucket each; above, every power of two
// is cut into 32 equal buckets, so a bucket is at most 1/32 of its value wide and its middle is
// within 1.6 % of every value in it. Values from 2^37 ns (137 s) on count in the last bucket.

#ifndef QEDGE_COMMON_STATS_ABI_H
#define QEDGE_COMMON_STATS_ABI_H

#include <stddef.h>
#include <stdint.h>

#define STATS_MAGIC 0x3154415453454451ull // "QDESTAT1"
#define STATS_MAJOR 1
#define STATS_MINOR 0
#define STATS_STAGES 6 // enum qclient_stage
#define STATS_SUB_BITS 5
#define STATS_MAX_BITS 37
#define STATS_BUCKETS ((STATS_MAX_BITS - STATS_SUB_BITS + 1) << STATS_SUB_BITS) // 1056

enum stats_counter {
    STATS_FRAMES_IN = 0,
    STATS_FRAMES_DROPPED = 1,
    STATS_FRAMES_BAD = 2,
    STATS_FRAMES_PUBLISHED = 3,
    STATS_COUNTER_COUNT = 4, // the page has room for 8
};

struct stats_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_size; // 64
    uint32_t size;        // of the whole page
    uint32_t stages;
    uint32_t buckets;
    uint32_t reserved[9];
};

struct stats_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t reserved[5];
    uint64_t buckets[STATS_BUCKETS];
};

struct stats_page {
    struct stats_header header;
    uint64_t counters[8];
    struct stats_histogram stages[STATS_STAGES];
};

_Static_assert(sizeof(struct stats_header) == 64, "stats header");
_Static_assert(offsetof(struct stats_header, major) == 8, "major");
_Static_assert(offsetof(struct stats_header, minor) == 10, "minor");
_Static_assert(offsetof(struct stats_header, header_size) == 12, "header_size");
_Static_assert(offsetof(struct stats_header, size) == 16, "size");
_Static_assert(offsetof(struct stats_header, stages) == 20, "stages");
_Static_assert(offsetof(struct stats_header, buckets) == 24, "buckets");
_Static_assert(STATS_BUCKETS == 1056, "buckets");
_Static_assert(offsetof(struct stats_histogram, sum_ns) == 8, "sum_ns");
_Static_assert(offsetof(struct stats_histogram, max_ns) == 16, "max_ns");
_Static_assert(offsetof(struct stats_histogram, buckets) == 64, "buckets");
_Static_assert(sizeof(struct stats_histogram) == 64 + 8 * STATS_BUCKETS, "histogram");
_Static_assert(offsetof(struct stats_page, counters) == 64, "counters");
_Static_assert(offsetof(struct stats_page, stages) == 128, "stages");

#endif
