// SPDX-License-Identifier: Apache-2.0
//
// The stats page's layout in shared memory: one sealed memfd a stream, written by the daemon,
// mapped read-only by clients. Same layout on 32 and 64 bit.
//
//   offset 0    struct stats_header     64 bytes
//   64          uint64 counters[]       STATS_COUNTER_COUNT, padded to 64 bytes
//   128         struct stats_histogram  one a stage, in enum qclient_stage's order (READ is
//                                       the client's)
//   51200       struct stats_recent     the same stages over the last 10 s, brought up to date once
//                                       a second
//
// Histogram: values are nanoseconds. Values below 64 have a bucket each; above, every power of two
// is cut into 32 equal buckets, so a bucket is at most 1/32 of its value wide and its middle is
// within 1.6 % of every value in it. Values from 2^37 ns (137 s) on count in the last bucket.
//
// Recent: two blocks; `index & 1` is the one to read, and the other is written next. A reader that
// finds the same index after reading has a whole block: the writer comes back to it two seconds
// later.
//
// The other way round goes struct stats_progress: a memfd of the client's, in which it says how far
// it has read. The daemon read()s it when somebody asks (never maps it: its owner may do with it
// what it likes) and believes nothing in it but what it shows of that client.

#ifndef QEDGE_COMMON_STATS_ABI_H
#define QEDGE_COMMON_STATS_ABI_H

#include <stddef.h>
#include <stdint.h>

#define STATS_MAGIC 0x3154415453454451ull // "QDESTAT1"
#define STATS_MAJOR 1
#define STATS_MINOR 1
#define STATS_STAGES 6 // enum qclient_stage up to TOTAL
#define STATS_PROGRESS_MAGIC 0x31474f5250534451ull // "QDSPROG1"
#define STATS_SUB_BITS 5
#define STATS_MAX_BITS 37
#define STATS_BUCKETS ((STATS_MAX_BITS - STATS_SUB_BITS + 1) << STATS_SUB_BITS) // 1056

// The same order as enum qclient_stage.
enum stats_stage {
    STATS_STAGE_CAPTURE,
    STATS_STAGE_WAIT,
    STATS_STAGE_PREPROCESS,
    STATS_STAGE_INFER,
    STATS_STAGE_PUBLISH,
    STATS_STAGE_TOTAL,
};

enum stats_counter {
    STATS_FRAMES_IN = 0,
    STATS_FRAMES_DROPPED = 1,
    STATS_FRAMES_BAD = 2,
    STATS_FRAMES_PUBLISHED = 3,
    STATS_FRAMES_SKIPPED = 4, // let go by choice: max_fps or a budget. 0 in pages of minor 0
    STATS_FRAMES_GATED = 5,   // published without an inference of their own. 0 in pages of minor 0
    STATS_COUNTER_COUNT = 6,  // the page has room for 8
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

struct stats_brief {
    uint64_t count, sum_ns;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns; // each within 1.6 %
    uint64_t reserved;
};

struct stats_recent_block {
    uint64_t window_ns; // the time that the numbers are of; 0 = none yet
    uint64_t reserved[7];
    struct stats_brief stages[STATS_STAGES];
};

struct stats_recent {
    uint32_t index; // counts updates
    uint32_t reserved[15];
    struct stats_recent_block blocks[2];
};

struct stats_page {
    struct stats_header header;
    uint64_t counters[8];
    struct stats_histogram stages[STATS_STAGES];
    struct stats_recent recent;
};

struct stats_progress {
    uint64_t magic;
    uint64_t read_sequence; // newest result handed to the user, or the one before the first to come
    uint64_t lost;          // results overwritten before they were read, in all
    uint64_t read_ns;       // when the newest was read, 0 = none yet
    uint64_t attached;      // not 0: read_sequence belongs to the stream that was subscribed last
    uint64_t reserved[3];
    struct stats_histogram read; // published -> read
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
_Static_assert(sizeof(struct stats_brief) == 64, "brief");
_Static_assert(offsetof(struct stats_brief, p50_ns) == 16, "p50_ns");
_Static_assert(offsetof(struct stats_brief, max_ns) == 48, "max_ns");
_Static_assert(offsetof(struct stats_recent_block, stages) == 64, "recent stages");
_Static_assert(offsetof(struct stats_recent, blocks) == 64, "blocks");
_Static_assert(offsetof(struct stats_page, recent) == 51200, "recent");
_Static_assert(sizeof(struct stats_page) == 51200 + 64 + 2 * (64 + 64 * STATS_STAGES), "page");
_Static_assert(offsetof(struct stats_progress, read_sequence) == 8, "read_sequence");
_Static_assert(offsetof(struct stats_progress, lost) == 16, "lost");
_Static_assert(offsetof(struct stats_progress, read_ns) == 24, "read_ns");
_Static_assert(offsetof(struct stats_progress, attached) == 32, "attached");
_Static_assert(offsetof(struct stats_progress, read) == 64, "read");

#endif
