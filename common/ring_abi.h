// SPDX-License-Identifier: Apache-2.0
//
// The ring's layout in shared memory: the same on 32 and 64 bit, fixed widths, a static assert a
// field.
//
//   offset 0     struct ring_header      (RING_HEADER_SIZE bytes, reserved words zero)
//   header_size  slot 0: struct ring_slot (stride bytes, 64-byte aligned)
//                slot 1 …                 record of sequence s lives in slot s & (slots - 1)
//
// Words that change while readers look (stamps, head, event, state) are 32 bit each: a 32-bit
// reader has no 64-bit load that works on read-only memory, and two halves under the rules of
// common/ring.c are enough.

#ifndef QEDGE_COMMON_RING_ABI_H
#define QEDGE_COMMON_RING_ABI_H

#include <stddef.h>
#include <stdint.h>

#define RING_MAGIC 0x31474e4952454451ull // "QDERING1"
#define RING_MAJOR 1
#define RING_MINOR 0
#define RING_HEADER_SIZE 256
#define RING_SLOT_STRIDE 256
#define RING_SLOTS_MIN 8
#define RING_SLOTS_MAX 65536
#define RING_TOP_K 16

struct ring_hit {
    uint32_t label;
    float score;
};

// Times are CLOCK_MONOTONIC nanoseconds. Only the first hit_count hits are copied; a reader gets
// zeros after them.
struct ring_record {
    uint64_t sequence;
    uint64_t frame;
    uint64_t sensor_ns, dequeued_ns, started_ns, preprocessed_ns, inferred_ns, published_ns;
    uint32_t flags;      // RING_RECORD_*
    uint32_t generation; // model generation
    uint32_t hit_count;  // 0..RING_TOP_K
    uint32_t reserved;
    uint64_t check; // ring_record_check(): lets tests prove that no read was torn
    struct ring_hit hits[RING_TOP_K];
};

enum {
    RING_RECORD_LAST = 1u << 0,
    RING_RECORD_THROTTLED = 1u << 1, // published while the machine was slow or short of volts
    RING_RECORD_GATED = 1u << 2, // not inferred: nothing had changed, the last inference's hits
};

// The stamp is a 64-bit number in two halves: 2 * sequence + 1 while the slot is written, 2 *
// sequence when it is whole, 0 = never written.
struct ring_slot {
    uint32_t stamp_low;
    uint32_t stamp_high;
    struct ring_record record;
};

struct ring_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_size;
    uint32_t slots;  // power of two
    uint32_t stride; // bytes from slot to slot
    uint64_t daemon_id;
    uint32_t state; // RING_OPEN, RING_CLOSED
    uint32_t generation;
    uint64_t reserved0[3];
    // Second cache line: written with every record.
    uint32_t head_high_first; // newest whole sequence: its high half is written before and after
                              // the low one
    uint32_t head_low;
    uint32_t head_high_last;
    uint32_t event; // counts publishes and the close: the futex that sleepers wait on
    uint32_t reserved1[12];
    uint64_t reserved2[16];
};

enum { RING_OPEN = 1, RING_CLOSED = 2 };

_Static_assert(sizeof(struct ring_hit) == 8 && sizeof(float) == 4, "hit");
_Static_assert(offsetof(struct ring_hit, score) == 4, "score");
_Static_assert(offsetof(struct ring_record, sequence) == 0, "sequence");
_Static_assert(offsetof(struct ring_record, frame) == 8, "frame");
_Static_assert(offsetof(struct ring_record, sensor_ns) == 16, "sensor_ns");
_Static_assert(offsetof(struct ring_record, dequeued_ns) == 24, "dequeued_ns");
_Static_assert(offsetof(struct ring_record, started_ns) == 32, "started_ns");
_Static_assert(offsetof(struct ring_record, preprocessed_ns) == 40, "preprocessed_ns");
_Static_assert(offsetof(struct ring_record, inferred_ns) == 48, "inferred_ns");
_Static_assert(offsetof(struct ring_record, published_ns) == 56, "published_ns");
_Static_assert(offsetof(struct ring_record, flags) == 64, "flags");
_Static_assert(offsetof(struct ring_record, generation) == 68, "generation");
_Static_assert(offsetof(struct ring_record, hit_count) == 72, "hit_count");
_Static_assert(offsetof(struct ring_record, reserved) == 76, "reserved");
_Static_assert(offsetof(struct ring_record, check) == 80, "check");
_Static_assert(offsetof(struct ring_record, hits) == 88, "hits");
_Static_assert(sizeof(struct ring_record) == 216, "record");
_Static_assert(offsetof(struct ring_slot, stamp_low) == 0, "stamp_low");
_Static_assert(offsetof(struct ring_slot, stamp_high) == 4, "stamp_high");
_Static_assert(offsetof(struct ring_slot, record) == 8, "record");
_Static_assert(sizeof(struct ring_slot) <= RING_SLOT_STRIDE && RING_SLOT_STRIDE % 64 == 0,
               "stride");
_Static_assert(offsetof(struct ring_header, magic) == 0, "magic");
_Static_assert(offsetof(struct ring_header, major) == 8, "major");
_Static_assert(offsetof(struct ring_header, minor) == 10, "minor");
_Static_assert(offsetof(struct ring_header, header_size) == 12, "header_size");
_Static_assert(offsetof(struct ring_header, slots) == 16, "slots");
_Static_assert(offsetof(struct ring_header, stride) == 20, "stride");
_Static_assert(offsetof(struct ring_header, daemon_id) == 24, "daemon_id");
_Static_assert(offsetof(struct ring_header, state) == 32, "state");
_Static_assert(offsetof(struct ring_header, generation) == 36, "generation");
_Static_assert(offsetof(struct ring_header, reserved0) == 40, "reserved0");
_Static_assert(offsetof(struct ring_header, head_high_first) == 64, "head_high_first");
_Static_assert(offsetof(struct ring_header, head_low) == 68, "head_low");
_Static_assert(offsetof(struct ring_header, head_high_last) == 72, "head_high_last");
_Static_assert(offsetof(struct ring_header, event) == 76, "event");
_Static_assert(offsetof(struct ring_header, reserved1) == 80, "reserved1");
_Static_assert(offsetof(struct ring_header, reserved2) == 128, "reserved2");
_Static_assert(sizeof(struct ring_header) == RING_HEADER_SIZE, "header");

#endif
