// SPDX-License-Identifier: Apache-2.0
//
// The ring's layout in shared memory: the same on 32 and 64 bit, fixed widths, a static assert a field.
//
//   offset 0     struct ring_header      (RING_HEADER_SIZE bytes, reserved words zero)
//   header_size  slot 0: struct ring_slot (stride bytes, 64-byte aligned)
//                slot 1 …                 record of sequence s lives in slot s & (slots - 1)

#ifndef QEDGE_COMMON_RING_ABI_H
#define QEDGE_COMMON_RING_ABI_H

#include <stddef.h>
#include <stdint.h>

#define RING_MAGIC 0x31474e4952454451ull // "QDERING1"
#define RING_MAJOR 1
#define RING_MINOR 0
#define RING_HEADER_SIZE 256
#define RING_TOP_K 16

struct ring_hit {
    uint32_t label;
    float score;
};

struct ring_record {
    uint64_t sequence;
    uint64_t frame;
    uint64_t sensor_ns, dequeued_ns, started_ns, preprocessed_ns, inferred_ns, published_ns;
    uint32_t flags;      // RING_RECORD_*
    uint32_t generation; // model generation
    uint32_t hit_count;
    uint32_t reserved;
    struct ring_hit hits[RING_TOP_K];
    uint64_t check; // over all words before it: lets tests prove that no read was torn
};

enum { RING_RECORD_LAST = 1u << 0 };

struct ring_slot {
    uint64_t stamp; // 2 * sequence + 1 while it is written, 2 * sequence when whole, 0 = never written
    struct ring_record record;
};

struct ring_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_size;
    uint32_t slots;  // power of two
    uint32_t stride; // bytes from slot to slot
    uint64_t daemon_id;
    uint32_t state;  // RING_OPEN, RING_CLOSED
    uint32_t generation;
    uint64_t reserved0[3];
    uint64_t head;   // (own cache line) newest whole sequence
    uint32_t futex;  // low half of head, what sleepers wait on
    uint32_t reserved1;
};

enum { RING_OPEN = 1, RING_CLOSED = 2 };

#endif
