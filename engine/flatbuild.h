// SPDX-License-Identifier: Apache-2.0
//
// Writing a FlatBuffer, back to front as the format wants it: children first, then the table that
// refers to them. A reference is the distance of a thing from the end of the buffer, which does not
// change while the buffer grows at its front:
//
//     [ free ... | root, tables, vtables, vectors ... ]     reference 0 = "absent"
//                ^ used bytes from the end
//
// Errors stick: when memory runs out or the buffer passes 2 GiB, everything after is ignored and
// flat_builder_end says so. Same calls, same bytes.

#ifndef QEDGE_ENGINE_FLATBUILD_H
#define QEDGE_ENGINE_FLATBUILD_H

#include <stddef.h>
#include <stdint.h>

#define FLAT_FIELDS_MAX 16
#define FLAT_VTABLES_MAX 64

typedef uint32_t flat_ref;

struct flat_builder {
    uint8_t *memory; // capacity bytes; the last `used` are written
    size_t capacity, used;
    int rc; // 0 or the first error
    flat_ref fields[FLAT_FIELDS_MAX], table_end; // the table under construction
    uint32_t field_count;
    flat_ref vtables[FLAT_VTABLES_MAX]; // equal vtables are written once
    uint32_t vtable_count;
};

// A zeroed struct is an empty builder.
void flat_builder_finish(struct flat_builder *builder); // frees its memory

// Vectors: `count` elements of `element` bytes, the first of them aligned to `alignment` (4, 8 or
// 16).
flat_ref flat_put_vector(struct flat_builder *builder, const void *data, uint32_t count,
                         uint32_t element, uint32_t alignment);
flat_ref flat_put_refs(struct flat_builder *builder, const flat_ref *refs, uint32_t count);
flat_ref flat_put_text(struct flat_builder *builder, const char *text);

// One table at a time, between begin and end; its children exist already. Fields in any order, each
// once. A value equal to the schema's default (`fallback`) is left out, so is an absent reference.
void flat_table_begin(struct flat_builder *builder);
void flat_put_i8(struct flat_builder *builder, uint32_t field, int8_t value, int8_t fallback);
void flat_put_i32(struct flat_builder *builder, uint32_t field, int32_t value, int32_t fallback);
void flat_put_f32(struct flat_builder *builder, uint32_t field, float value, float fallback);
void flat_put_ref(struct flat_builder *builder, uint32_t field, flat_ref ref);
flat_ref flat_table_end(struct flat_builder *builder);

// Ends the buffer with its root. The bytes live until flat_builder_finish; 0, -ENOMEM or -EFBIG.
int flat_builder_end(struct flat_builder *builder, flat_ref root, const char *identifier,
                     const uint8_t **data, size_t *size);

#endif
