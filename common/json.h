// SPDX-License-Identifier: Apache-2.0
//
// A small bounded JSON writer into the caller's buffer. It never allocates and never writes past
// the end: when the buffer is full it goes on counting, so that json_write_finish can say how much
// was needed. Commas and nesting are kept by the writer; text is made valid UTF-8 (bad bytes become
// U+FFFD).
//
//     struct json_writer json;
//     json_write_init(&json, buffer, sizeof(buffer));
//     json_write_object_begin(&json);
//     json_write_key(&json, "fps");
//     json_write_double(&json, 29.97);
//     json_write_object_end(&json);
//     int length = json_write_finish(&json);

#ifndef QEDGE_COMMON_JSON_H
#define QEDGE_COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 32

struct json_writer {
    char *buffer;
    size_t capacity;
    size_t length;     // wanted so far; may be more than capacity
    uint32_t depth;    // open objects and arrays
    uint32_t has_item; // bit d: level d has an item already (a comma is due)
    bool after_key;
    bool misused; // nesting too deep or unbalanced
};

void json_write_init(struct json_writer *writer, char *buffer, size_t capacity);
void json_write_object_begin(struct json_writer *writer);
void json_write_object_end(struct json_writer *writer);
void json_write_array_begin(struct json_writer *writer);
void json_write_array_end(struct json_writer *writer);
void json_write_key(struct json_writer *writer, const char *key);
void json_write_string(struct json_writer *writer, const char *text); // NULL writes null
void json_write_string_n(struct json_writer *writer, const char *text, size_t length);
void json_write_u64(struct json_writer *writer, uint64_t value);
void json_write_i64(struct json_writer *writer, int64_t value);
void json_write_double(struct json_writer *writer,
                       double value); // up to 9 significant digits; NaN and Inf write null
void json_write_fixed(struct json_writer *writer, double value, int decimals); // 0..9 decimals
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);
// An already valid JSON value, as it is.
void json_write_raw(struct json_writer *writer, const char *json, size_t length);

// Key and value in one.
void json_write_member_string(struct json_writer *writer, const char *key, const char *text);
void json_write_member_u64(struct json_writer *writer, const char *key, uint64_t value);
void json_write_member_i64(struct json_writer *writer, const char *key, int64_t value);
void json_write_member_fixed(struct json_writer *writer, const char *key, double value,
                             int decimals);
void json_write_member_bool(struct json_writer *writer, const char *key, bool value);

// Ends the text with a NUL. Returns its length without the NUL; -ENOSPC when the buffer was too
// small (writer->length + 1 bytes are needed); -EINVAL when objects and arrays do not balance.
int json_write_finish(struct json_writer *writer);

#endif
