// SPDX-License-Identifier: Apache-2.0
#include "engine/flatbuf.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "FlatBuffers are little-endian");

static void fault(struct flat *flat, const char *what, uint32_t at)
{
    if (flat->fault)
        return;
    flat->fault = what;
    flat->fault_at = at;
}

static bool holds(const struct flat *flat, uint64_t at, uint64_t bytes)
{
    return at <= flat->size && bytes <= flat->size - at;
}

// The caller has checked that the bytes are there.
static uint32_t load_u32(const struct flat *flat, uint32_t at)
{
    uint32_t value;
    memcpy(&value, flat->data + at, sizeof(value));
    return value;
}

static uint16_t load_u16(const struct flat *flat, uint32_t at)
{
    uint16_t value;
    memcpy(&value, flat->data + at, sizeof(value));
    return value;
}

static struct flat_table table_at(struct flat *flat, uint32_t at)
{
    const struct flat_table absent = {0};
    if (!holds(flat, at, 4)) {
        fault(flat, "table outside the file", at);
        return absent;
    }
    int64_t vtable = (int64_t)at - (int32_t)load_u32(flat, at);
    if (vtable < 0 || !holds(flat, (uint64_t)vtable, 4)) {
        fault(flat, "vtable outside the file", at);
        return absent;
    }
    struct flat_table table = {.flat = flat, .at = at, .vtable = (uint32_t)vtable};
    table.vtable_size = load_u16(flat, table.vtable);
    table.size = load_u16(flat, table.vtable + 2);
    if (table.vtable_size < 4 || table.vtable_size % 2 ||
        !holds(flat, table.vtable, table.vtable_size)) {
        fault(flat, "vtable with a bad size", table.vtable);
        return absent;
    }
    if (table.size < 4 || !holds(flat, at, table.size)) {
        fault(flat, "table with a bad size", at);
        return absent;
    }
    return table;
}

// Position of a field's `bytes`, or 0 (where no field can be) when it is absent.
static uint32_t field_at(const struct flat_table *table, uint32_t field, uint32_t bytes)
{
    if (!table->flat || table->flat->fault)
        return 0;
    uint32_t entry = 4 + 2 * field;
    if (entry + 2 > table->vtable_size)
        return 0;
    uint32_t offset = load_u16(table->flat, table->vtable + entry);
    if (offset == 0)
        return 0;
    if (offset < 4 || offset + bytes > table->size) {
        fault(table->flat, "field outside its table", table->at);
        return 0;
    }
    return table->at + offset;
}

// Follows the offset stored at `at` (which was checked); 0 when it leaves the file.
static uint32_t follow(struct flat *flat, uint32_t at)
{
    uint32_t offset = load_u32(flat, at);
    if (offset == 0 || !holds(flat, (uint64_t)at + offset, 4)) {
        fault(flat, "offset outside the file, which may be cut short,", at);
        return 0;
    }
    return at + offset;
}

struct flat_table flat_root(struct flat *flat, const char *identifier)
{
    const struct flat_table absent = {0};
    if (!holds(flat, 0, 8)) {
        fault(flat, "file too short", 0);
        return absent;
    }
    if (memcmp(flat->data + 4, identifier, 4) != 0) {
        fault(flat, "wrong file identifier", 4);
        return absent;
    }
    uint32_t at = follow(flat, 0);
    return at ? table_at(flat, at) : absent;
}

bool flat_bool(const struct flat_table *table, uint32_t field, bool fallback)
{
    return flat_i8(table, field, fallback) != 0;
}

int8_t flat_i8(const struct flat_table *table, uint32_t field, int8_t fallback)
{
    uint32_t at = field_at(table, field, 1);
    return at ? (int8_t)table->flat->data[at] : fallback;
}

int32_t flat_i32(const struct flat_table *table, uint32_t field, int32_t fallback)
{
    uint32_t at = field_at(table, field, 4);
    return at ? (int32_t)load_u32(table->flat, at) : fallback;
}

uint64_t flat_u64(const struct flat_table *table, uint32_t field, uint64_t fallback)
{
    uint32_t at = field_at(table, field, 8);
    uint64_t value = fallback;
    if (at)
        memcpy(&value, table->flat->data + at, sizeof(value));
    return value;
}

float flat_f32(const struct flat_table *table, uint32_t field, float fallback)
{
    uint32_t at = field_at(table, field, 4);
    float value = fallback;
    if (at)
        memcpy(&value, table->flat->data + at, sizeof(value));
    return value;
}

struct flat_table flat_child(const struct flat_table *table, uint32_t field)
{
    const struct flat_table absent = {0};
    uint32_t at = field_at(table, field, 4);
    if (!at)
        return absent;
    at = follow(table->flat, at);
    return at ? table_at(table->flat, at) : absent;
}

struct flat_vector flat_list(const struct flat_table *table, uint32_t field, uint32_t element)
{
    struct flat_vector absent = {0};
    uint32_t at = field_at(table, field, 4);
    if (!at)
        return absent;
    at = follow(table->flat, at);
    if (!at)
        return absent;
    struct flat_vector list = {
        .flat = table->flat, .at = at + 4, .count = load_u32(table->flat, at)};
    if (!holds(list.flat, list.at, (uint64_t)list.count * element)) {
        fault(list.flat, "vector runs past the end of the file", at);
        return absent;
    }
    return list;
}

struct flat_table flat_list_table(const struct flat_vector *list, uint32_t index)
{
    const struct flat_table absent = {0};
    if (index >= list->count || list->flat->fault)
        return absent;
    uint32_t at = follow(list->flat, list->at + 4 * index);
    return at ? table_at(list->flat, at) : absent;
}

int32_t flat_list_i32(const struct flat_vector *list, uint32_t index)
{
    return index < list->count ? (int32_t)load_u32(list->flat, list->at + 4 * index) : 0;
}

int64_t flat_list_i64(const struct flat_vector *list, uint32_t index)
{
    int64_t value = 0;
    if (index < list->count)
        memcpy(&value, list->flat->data + list->at + 8 * (uint64_t)index, sizeof(value));
    return value;
}

float flat_list_f32(const struct flat_vector *list, uint32_t index)
{
    float value = 0;
    if (index < list->count)
        memcpy(&value, list->flat->data + list->at + 4 * (uint64_t)index, sizeof(value));
    return value;
}

const uint8_t *flat_list_bytes(const struct flat_vector *list)
{
    return list->count ? list->flat->data + list->at : NULL;
}

void flat_text(const struct flat_vector *string, char *text, uint32_t capacity)
{
    const uint8_t *bytes = flat_list_bytes(string);
    uint32_t n = string->count < capacity - 1 ? string->count : capacity - 1;
    for (uint32_t i = 0; i < n; i++)
        text[i] = bytes[i] < 32 || bytes[i] == 127 ? '?' : (char)bytes[i];
    text[n] = '\0';
}
