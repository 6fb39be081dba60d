// SPDX-License-Identifier: Apache-2.0
//
// YUV4MPEG2: one text line "YUV4MPEG2 W640 H480 F30:1 C420jpeg XCOLORRANGE=FULL\n" (tags in any
// order, unknown ones skipped), then frames: a line "FRAME...\n" and the planes Y, U, V without
// padding.

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "imaging/decode_error.h"
#include "imaging/framefile.h"

#define LINE_MAX_BYTES 1024

struct token {
    const char *text;
    size_t length;
};

static bool token_is(struct token token, const char *text)
{
    return token.length == strlen(text) && memcmp(token.text, text, token.length) == 0;
}

// A positive number at the start of the token, taken off it; -1 when there is none below 10^9.
static int64_t number_take(struct token *token)
{
    int64_t value = 0;
    size_t digits = 0;
    while (digits < token->length && token->text[digits] >= '0' && token->text[digits] <= '9') {
        value = value * 10 + (token->text[digits++] - '0');
        if (digits == 10)
            return -1;
    }
    token->text += digits;
    token->length -= digits;
    return digits == 0 ? -1 : value;
}

static enum image_format colour_format(struct token token)
{
    static const struct {
        const char *name;
        enum image_format format;
    } names[] = {
        {"420", IMAGE_I420},      {"420jpeg", IMAGE_I420}, {"420mpeg2", IMAGE_I420},
        {"420paldv", IMAGE_I420}, {"422", IMAGE_I422},     {"444", IMAGE_I444},
        {"mono", IMAGE_GREY},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (token_is(token, names[i].name))
            return names[i].format;
    return IMAGE_NONE;
}

static int size_read(struct token value, int64_t *size, const char *what,
                     struct decode_error *error)
{
    *size = number_take(&value);
    if (*size < 1 || value.length != 0)
        return decode_fail(error, -EBADMSG, "Y4M: broken %s", what);
    return 0;
}

static int rate_read(struct token value, double *rate, struct decode_error *error)
{
    int64_t above = number_take(&value), below = -1;
    if (value.length > 1 && value.text[0] == ':') {
        value.text++;
        value.length--;
        below = number_take(&value);
    }
    if (above < 0 || below < 0 || value.length != 0)
        return decode_fail(error, -EBADMSG, "Y4M: broken frame rate");
    *rate = above > 0 && below > 0 ? (double)above / (double)below : 0; // 0:0 = unknown
    return 0;
}

struct header {
    int64_t width, height;
    enum image_format format;
    enum image_range range;
    double rate;
};

static int tag_read(struct header *header, struct token token, struct decode_error *error)
{
    struct token value = {token.text + 1, token.length - 1};
    switch (token.text[0]) {
    case 'W':
        return size_read(value, &header->width, "width", error);
    case 'H':
        return size_read(value, &header->height, "height", error);
    case 'F':
        return rate_read(value, &header->rate, error);
    case 'C':
        header->format = colour_format(value);
        if (header->format == IMAGE_NONE)
            return decode_fail(error, -ENOTSUP, "Y4M: colour format C%.*s",
                               (int)(value.length < 40 ? value.length : 40), value.text);
        return 0;
    case 'X':
        if (token_is(value, "COLORRANGE=FULL"))
            header->range = IMAGE_FULL;
        return 0;
    default:
        return 0;
    }
}

// Length of the line at `data` without its end; -1 when no end is near.
static int64_t line_length(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size < LINE_MAX_BYTES ? size : LINE_MAX_BYTES);
    return end == NULL ? -1 : end - data;
}

static size_t frame_size(const struct header *header)
{
    size_t bytes = 0;
    for (int p = 0; p < image_plane_count(header->format); p++)
        bytes += image_row_bytes(header->format, p, (int32_t)header->width) *
                 (size_t)image_plane_rows(header->format, p, (int32_t)header->height);
    return bytes;
}

int y4m_parse_header(const uint8_t *data, size_t size, struct y4m_stream *stream, size_t *offset,
                     struct decode_error *error)
{
    struct header header = {.format = IMAGE_I420, .range = IMAGE_LIMITED};
    int64_t length = line_length(data, size);
    if (length < 0)
        return decode_fail(error, -EBADMSG, "Y4M: header line without an end");
    const char *at = (const char *)data + 9, *end = (const char *)data + length;
    while (at < end) {
        if (*at != ' ')
            return decode_fail(error, -EBADMSG, "Y4M: broken header");
        at++;
        const char *space = memchr(at, ' ', (size_t)(end - at));
        struct token token = {at, (size_t)((space == NULL ? end : space) - at)};
        at += token.length;
        if (token.length == 0)
            continue;
        int result = tag_read(&header, token, error);
        if (result < 0)
            return result;
    }
    int result = decode_check_size("Y4M", header.width, header.height, error);
    if (result < 0)
        return result;
    *stream = (struct y4m_stream){
        .like = {.format = header.format,
                 .range = header.range,
                 .width = (int32_t)header.width,
                 .height = (int32_t)header.height},
        .frame_bytes = frame_size(&header),
        .rate = header.rate,
    };
    *offset = (size_t)length + 1;
    return 0;
}

// Behind a broken frame line: the next thing that looks like one. Pixels lie right before it, so
// that it need not start a line; in the worst case it is pixels itself, and the frame after it is
// found broken.
static void resync(const uint8_t *data, size_t size, size_t *offset)
{
    size_t at = *offset + 1;
    while (at < size) {
        const uint8_t *found = memmem(data + at, size - at, "FRAME", 5);
        if (found == NULL)
            break;
        at = (size_t)(found - data);
        if (size - at > 5 && (data[at + 5] == '\n' || data[at + 5] == ' ')) {
            *offset = at;
            return;
        }
        at += 5;
    }
    *offset = size;
}

int y4m_next(const struct y4m_stream *stream, const uint8_t *data, size_t size, size_t *offset,
             struct image *image, struct decode_error *error)
{
    size_t at = *offset;
    if (at >= size)
        return 1;
    int64_t length = line_length(data + at, size - at);
    if (length < 5 || memcmp(data + at, "FRAME", 5) != 0) {
        resync(data, size, offset);
        return decode_fail(error, -EBADMSG, "Y4M: no FRAME line at byte %zu", at);
    }
    at += (size_t)length + 1;
    if (size - at < stream->frame_bytes) {
        *offset = size;
        return decode_fail(error, -EBADMSG, "Y4M: truncated frame: %zu of %zu bytes", size - at,
                           stream->frame_bytes);
    }
    const struct image *like = &stream->like;
    int result = image_from_buffer(image, like->format, like->width, like->height, 0, data + at,
                                   stream->frame_bytes);
    image->range = like->range;
    *offset = at + stream->frame_bytes;
    return result;
}
