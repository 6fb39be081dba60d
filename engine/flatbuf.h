// SPDX-License-Identifier: Apache-2.0
//
// Reading a FlatBuffer that nobody vouches for.
//
//   root offset ─▶ table ─▶ vtable          every arrow is an offset from the file: it is checked
//                    ├─▶ vector of scalars  against the buffer before it is followed
//                    ├─▶ vector of tables
//                    └─▶ string
//
// Nothing is assumed about alignment: all numbers are copied out byte-wise. The first thing found
// wrong is kept in `fault` and from then on every accessor answers as if the field were absent, so
// a reader may read on and look at `fault` once at the end of a stage. Loops over a vector end: a
// vector's count was checked against the buffer. The buffer is borrowed.

#ifndef QEDGE_ENGINE_FLATBUF_H
#define QEDGE_ENGINE_FLATBUF_H

#include <stdbool.h>
#include <stdint.h>

struct flat {
    const uint8_t *data;
    uint32_t size;     // at most INT32_MAX
    const char *fault; // NULL while all is well
    uint32_t fault_at; // byte of the buffer where it was seen
};

// An absent table has flat == NULL: all its fields are absent too.
struct flat_table {
    struct flat *flat;
    uint32_t at, vtable;
    uint16_t vtable_size, size;
};

// An absent vector has count 0. `at` is the first element.
struct flat_vector {
    struct flat *flat;
    uint32_t at, count;
};

// The root table; `identifier` is the four letters at byte 4. Absent when they differ.
struct flat_table flat_root(struct flat *flat, const char *identifier);

// Scalars of a table; `fallback` when the field is absent (the schema's default).
bool flat_bool(const struct flat_table *table, uint32_t field, bool fallback);
int8_t flat_i8(const struct flat_table *table, uint32_t field, int8_t fallback);
int32_t flat_i32(const struct flat_table *table, uint32_t field, int32_t fallback);
uint64_t flat_u64(const struct flat_table *table, uint32_t field, uint64_t fallback);
float flat_f32(const struct flat_table *table, uint32_t field, float fallback);

struct flat_table flat_child(const struct flat_table *table, uint32_t field);
// `element` is the size of one element in bytes: 1, 4 or 8. Strings are vectors of bytes.
struct flat_vector flat_list(const struct flat_table *table, uint32_t field, uint32_t element);

// Elements; an index past the end answers 0 or the absent table.
struct flat_table flat_list_table(const struct flat_vector *list, uint32_t index);
int32_t flat_list_i32(const struct flat_vector *list, uint32_t index);
int64_t flat_list_i64(const struct flat_vector *list, uint32_t index);
float flat_list_f32(const struct flat_vector *list, uint32_t index);
// The bytes of a vector of `count` elements; NULL when it is empty.
const uint8_t *flat_list_bytes(const struct flat_vector *list);

// Copies a string into `text` (capacity >= 1), always ended, control characters replaced by '?'.
void flat_text(const struct flat_vector *string, char *text, uint32_t capacity);

#endif
