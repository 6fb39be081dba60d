// SPDX-License-Identifier: Apache-2.0
#include "engine/flatbuild.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT_MAX 16

static int grow(struct flat_builder *b, size_t bytes)
{
    if (b->rc == 0 && (bytes > INT32_MAX || b->used + bytes > INT32_MAX))
        b->rc = -EFBIG;
    if (b->rc < 0 || b->used + bytes <= b->capacity)
        return b->rc;
    size_t capacity = b->capacity ? b->capacity : 1024;
    while (capacity < b->used + bytes)
        capacity *= 2;
    uint8_t *memory = malloc(capacity);
    if (!memory)
        return b->rc = -ENOMEM;
    if (b->used)
        memcpy(memory + capacity - b->used, b->memory + b->capacity - b->used, b->used);
    free(b->memory);
    b->memory = memory;
    b->capacity = capacity;
    return 0;
}

static uint8_t *at(struct flat_builder *b, flat_ref ref)
{
    return b->memory + b->capacity - ref;
}

// Puts bytes in front of what is there. NULL data = zeros.
static void push(struct flat_builder *b, const void *data, size_t bytes)
{
    if (bytes == 0 || grow(b, bytes) < 0)
        return;
    b->used += bytes;
    if (data)
        memcpy(at(b, (flat_ref)b->used), data, bytes);
    else
        memset(at(b, (flat_ref)b->used), 0, bytes);
}

// Zeros, so that after `bytes` more the position is a multiple of `alignment`. The end of the
// buffer is one of ALIGNMENT_MAX: flat_builder_end sees to that.
static void align(struct flat_builder *b, size_t bytes, size_t alignment)
{
    push(b, NULL, (alignment - (b->used + bytes) % alignment) % alignment);
}

static void push_u16(struct flat_builder *b, uint16_t value)
{
    push(b, &value, sizeof(value));
}

static void push_u32(struct flat_builder *b, uint32_t value)
{
    push(b, &value, sizeof(value));
}

void flat_builder_finish(struct flat_builder *b)
{
    free(b->memory);
    *b = (struct flat_builder){0};
}

flat_ref flat_put_vector(struct flat_builder *b, const void *data, uint32_t count, uint32_t element,
                         uint32_t alignment)
{
    size_t bytes = (size_t)count * element;
    align(b, bytes, alignment);
    push(b, data, bytes);
    push_u32(b, count);
    return (flat_ref)b->used;
}

flat_ref flat_put_refs(struct flat_builder *b, const flat_ref *refs, uint32_t count)
{
    align(b, 0, 4);
    for (uint32_t i = count; i-- > 0;)
        push_u32(b, (uint32_t)b->used + 4 - refs[i]);
    push_u32(b, count);
    return (flat_ref)b->used;
}

// The length does not count the zero at the end.
flat_ref flat_put_text(struct flat_builder *b, const char *text)
{
    size_t length = strlen(text);
    align(b, length + 1, 4);
    push(b, text, length + 1);
    push_u32(b, (uint32_t)length);
    return (flat_ref)b->used;
}

void flat_table_begin(struct flat_builder *b)
{
    memset(b->fields, 0, sizeof(b->fields));
    b->field_count = 0;
    align(b, 0, 4);
    b->table_end = (flat_ref)b->used;
}

static void put_scalar(struct flat_builder *b, uint32_t field, const void *value, size_t bytes)
{
    align(b, bytes, bytes);
    push(b, value, bytes);
    b->fields[field] = (flat_ref)b->used;
    if (field >= b->field_count)
        b->field_count = field + 1;
}

void flat_put_i8(struct flat_builder *b, uint32_t field, int8_t value, int8_t fallback)
{
    if (value != fallback)
        put_scalar(b, field, &value, sizeof(value));
}

void flat_put_i32(struct flat_builder *b, uint32_t field, int32_t value, int32_t fallback)
{
    if (value != fallback)
        put_scalar(b, field, &value, sizeof(value));
}

void flat_put_f32(struct flat_builder *b, uint32_t field, float value, float fallback)
{
    if (value != fallback)
        put_scalar(b, field, &value, sizeof(value));
}

void flat_put_ref(struct flat_builder *b, uint32_t field, flat_ref ref)
{
    if (!ref)
        return;
    align(b, 4, 4);
    uint32_t offset = (uint32_t)b->used + 4 - ref;
    put_scalar(b, field, &offset, sizeof(offset));
}

// An earlier vtable with the same bytes as the one just written at `ref`, which is then taken back.
static flat_ref share_vtable(struct flat_builder *b, flat_ref ref, size_t bytes, size_t used_before)
{
    for (uint32_t i = 0; i < b->vtable_count; i++) {
        uint16_t size;
        memcpy(&size, at(b, b->vtables[i]), sizeof(size));
        if (size == bytes && memcmp(at(b, b->vtables[i]), at(b, ref), bytes) == 0) {
            b->used = used_before;
            return b->vtables[i];
        }
    }
    if (b->vtable_count < FLAT_VTABLES_MAX)
        b->vtables[b->vtable_count++] = ref;
    return ref;
}

flat_ref flat_table_end(struct flat_builder *b)
{
    align(b, 4, 4);
    push_u32(b, 0); // where the vtable is: known in a moment
    flat_ref table = (flat_ref)b->used;
    size_t bytes = 4 + 2 * (size_t)b->field_count, before = b->used;
    align(b, bytes, 4);
    for (uint32_t i = b->field_count; i-- > 0;)
        push_u16(b, b->fields[i] ? (uint16_t)(table - b->fields[i]) : 0);
    push_u16(b, (uint16_t)(table - b->table_end));
    push_u16(b, (uint16_t)bytes);
    if (b->rc < 0)
        return 0;
    flat_ref vtable = share_vtable(b, (flat_ref)b->used, bytes, before);
    int32_t offset = (int32_t)(vtable - table);
    memcpy(at(b, table), &offset, sizeof(offset));
    return table;
}

int flat_builder_end(struct flat_builder *b, flat_ref root, const char *identifier,
                     const uint8_t **data, size_t *size)
{
    align(b, 8, ALIGNMENT_MAX);
    push(b, identifier, 4);
    push_u32(b, (uint32_t)b->used + 4 - root);
    if (b->rc < 0)
        return b->rc;
    *data = at(b, (flat_ref)b->used);
    *size = b->used;
    return 0;
}
