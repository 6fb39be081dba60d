// SPDX-License-Identifier: Apache-2.0

#include "common/json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_write_init(struct json_writer *writer, char *buffer, size_t capacity)
{
    memset(writer, 0, sizeof(*writer));
    writer->buffer = buffer;
    writer->capacity = capacity;
}

static void put(struct json_writer *writer, const char *bytes, size_t count)
{
    if (writer->length < writer->capacity) {
        size_t room = writer->capacity - writer->length;
        memcpy(writer->buffer + writer->length, bytes, count < room ? count : room);
    }
    writer->length += count;
}

static void put_text(struct json_writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

// Before every value: the comma that is due, unless a key has just been written.
static void value_begin(struct json_writer *writer)
{
    uint32_t bit = 1u << writer->depth;
    if (!writer->after_key && (writer->has_item & bit))
        put(writer, ",", 1);
    writer->has_item |= bit;
    writer->after_key = false;
}

static void nest(struct json_writer *writer, const char *bracket)
{
    value_begin(writer);
    put_text(writer, bracket);
    if (writer->depth + 1 >= JSON_DEPTH_MAX) {
        writer->misused = true;
        return;
    }
    writer->depth++;
    writer->has_item &= ~(1u << writer->depth);
}

static void unnest(struct json_writer *writer, const char *bracket)
{
    put_text(writer, bracket);
    if (writer->depth == 0 || writer->after_key)
        writer->misused = true;
    else
        writer->depth--;
}

void json_write_object_begin(struct json_writer *writer)
{
    nest(writer, "{");
}

void json_write_object_end(struct json_writer *writer)
{
    unnest(writer, "}");
}

void json_write_array_begin(struct json_writer *writer)
{
    nest(writer, "[");
}

void json_write_array_end(struct json_writer *writer)
{
    unnest(writer, "]");
}

// Bytes of the well-formed UTF-8 sequence at text (RFC 3629: no overlong forms, no surrogates), 0
// when there is none.
static size_t utf8_sequence(const unsigned char *text, size_t left)
{
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    size_t size = first >= 0xc2 && first <= 0xdf   ? 2
                  : (first & 0xf0) == 0xe0         ? 3
                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                   : 0;
    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

static void put_escaped(struct json_writer *writer, unsigned char byte)
{
    char escape[8];
    switch (byte) {
    case '"':
        put(writer, "\\\"", 2);
        break;
    case '\\':
        put(writer, "\\\\", 2);
        break;
    case '\n':
        put(writer, "\\n", 2);
        break;
    case '\t':
        put(writer, "\\t", 2);
        break;
    default:
        snprintf(escape, sizeof(escape), "\\u%04x", byte);
        put_text(writer, escape);
    }
}

void json_write_string_n(struct json_writer *writer, const char *text, size_t length)
{
    value_begin(writer);
    put(writer, "\"", 1);
    for (size_t at = 0; at < length;) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t size = utf8_sequence(here, length - at);
        if (size == 0) {
            put(writer, "\xef\xbf\xbd", 3);
            size = 1;
        } else if (size == 1 && (*here < 0x20 || *here == '"' || *here == '\\' || *here == 0x7f)) {
            put_escaped(writer, *here);
        } else {
            put(writer, (const char *)here, size);
        }
        at += size;
    }
    put(writer, "\"", 1);
}

void json_write_string(struct json_writer *writer, const char *text)
{
    if (text)
        json_write_string_n(writer, text, strlen(text));
    else
        json_write_null(writer);
}

void json_write_key(struct json_writer *writer, const char *key)
{
    if (writer->after_key)
        writer->misused = true;
    json_write_string(writer, key);
    put(writer, ":", 1);
    writer->after_key = true;
}

void json_write_raw(struct json_writer *writer, const char *json, size_t length)
{
    value_begin(writer);
    put(writer, json, length);
}

void json_write_u64(struct json_writer *writer, uint64_t value)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    json_write_raw(writer, text, (size_t)length);
}

void json_write_i64(struct json_writer *writer, int64_t value)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%lld", (long long)value);
    json_write_raw(writer, text, (size_t)length);
}

static void number_write(struct json_writer *writer, const char *format, int digits, double value)
{
    char text[352]; // the largest double has 309 digits before the point
    if (!isfinite(value)) {
        json_write_null(writer);
        return;
    }
    int length = snprintf(text, sizeof(text), format, digits, value);
    char *comma = strchr(text, ','); // a locale with a decimal comma must not break the JSON
    if (comma)
        *comma = '.';
    json_write_raw(writer, text, (size_t)length);
}

void json_write_double(struct json_writer *writer, double value)
{
    number_write(writer, "%.*g", 9, value);
}

void json_write_fixed(struct json_writer *writer, double value, int decimals)
{
    number_write(writer, "%.*f", decimals < 0 ? 0 : decimals > 9 ? 9 : decimals, value);
}

void json_write_bool(struct json_writer *writer, bool value)
{
    json_write_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

void json_write_null(struct json_writer *writer)
{
    json_write_raw(writer, "null", 4);
}

void json_write_member_string(struct json_writer *writer, const char *key, const char *text)
{
    json_write_key(writer, key);
    json_write_string(writer, text);
}

void json_write_member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, key);
    json_write_u64(writer, value);
}

void json_write_member_i64(struct json_writer *writer, const char *key, int64_t value)
{
    json_write_key(writer, key);
    json_write_i64(writer, value);
}

void json_write_member_fixed(struct json_writer *writer, const char *key, double value,
                             int decimals)
{
    json_write_key(writer, key);
    json_write_fixed(writer, value, decimals);
}

void json_write_member_bool(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, key);
    json_write_bool(writer, value);
}

int json_write_finish(struct json_writer *writer)
{
    if (writer->capacity > 0)
        writer->buffer[writer->length < writer->capacity ? writer->length : writer->capacity - 1] =
            '\0';
    if (writer->misused || writer->depth != 0)
        return -EINVAL;
    if (writer->length >= writer->capacity || writer->length > INT_MAX)
        return -ENOSPC;
    return (int)writer->length;
}
