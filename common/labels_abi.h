// SPDX-License-Identifier: Apache-2.0
//
// The label table in shared memory: one memfd, sealed against every change. Same layout on 32 and
// 64 bit.
//
//   offset 0             struct labels_header                     64 bytes
//   64                   uint32 starts[count + 1]                 from text_offset on, ascending;
//                                                                 the last is text_size
//   text_offset          text of label 0, NUL, text of label 1, NUL …

#ifndef QEDGE_COMMON_LABELS_ABI_H
#define QEDGE_COMMON_LABELS_ABI_H

#include <stddef.h>
#include <stdint.h>

#define LABELS_MAGIC 0x314c4542414c4451ull // "QDLABEL1"
#define LABELS_MAJOR 1
#define LABELS_MINOR 0
#define LABELS_COUNT_MAX (1u << 20)
#define LABELS_SIZE_MAX (16u << 20) // bytes of the whole table

struct labels_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_size; // 64
    uint32_t count;
    uint32_t generation;
    uint32_t text_offset; // header_size + 4 * (count + 1)
    uint32_t text_size;
    uint32_t reserved[8];
};

_Static_assert(sizeof(struct labels_header) == 64, "labels header");
_Static_assert(offsetof(struct labels_header, header_size) == 12, "header_size");
_Static_assert(offsetof(struct labels_header, count) == 16, "count");
_Static_assert(offsetof(struct labels_header, generation) == 20, "generation");
_Static_assert(offsetof(struct labels_header, text_offset) == 24, "text_offset");
_Static_assert(offsetof(struct labels_header, text_size) == 28, "text_size");

#endif
