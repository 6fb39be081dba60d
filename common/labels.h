// SPDX-License-Identifier: Apache-2.0
//
// A model's class labels as a table in a sealed memfd: the daemon makes one a model generation,
// every client of the stream maps the same one (common/labels_abi.h).

#ifndef QEDGE_COMMON_LABELS_H
#define QEDGE_COMMON_LABELS_H

#include <stddef.h>
#include <stdint.h>

// Makes the table of `count` labels (0 is fine: a model without labels; a NULL entry counts as "").
// Returns the fd (the caller's, close-on-exec, sealed against everything) or -errno: -E2BIG past
// LABELS_COUNT_MAX or LABELS_SIZE_MAX.
int labels_create(const char *const *labels, uint32_t count, uint32_t generation);

struct labels_reader {
    const void *map;
    size_t size;
    uint32_t count;
    uint32_t generation;
};
// Maps and checks the whole table once: it can not change afterwards. fd is borrowed. 0, -EPROTO or
// another -errno; on failure nothing is held and *reader is an empty table.
int labels_reader_init(struct labels_reader *reader, int fd);
void labels_reader_finish(
    struct labels_reader *reader); // takes a zeroed one; leaves an empty table
// "" when the index is out of range. Valid until finish.
const char *labels_text(const struct labels_reader *reader, uint32_t index);

#endif
