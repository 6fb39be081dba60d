// SPDX-License-Identifier: Apache-2.0
//
// PGM (P5) and PPM (P6): "P6 width height maxval", white space and # comments between, one
// white-space byte, then the samples row by row: one byte each, or two (high first) when maxval is
// over 255.

#include <ctype.h>
#include <errno.h>

#include "imaging/decode_error.h"

struct pnm_cursor {
    const uint8_t *at, *end;
};

// The next number of the header, 0..99999999; -1 when there is none.
static int32_t number_next(struct pnm_cursor *c)
{
    while (c->at < c->end && (isspace(*c->at) || *c->at == '#')) {
        if (*c->at++ == '#')
            while (c->at < c->end && *c->at != '\n')
                c->at++;
    }
    if (c->at == c->end || !isdigit(*c->at))
        return -1;
    int32_t value = 0;
    for (int digits = 0; c->at < c->end && isdigit(*c->at); digits++) {
        if (digits == 8)
            return -1;
        value = value * 10 + (*c->at++ - '0');
    }
    return value;
}

static void samples_scale(const uint8_t *in, uint8_t *out, size_t count, uint32_t maxval)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value = maxval > 255 ? (uint32_t)in[2 * i] << 8 | in[2 * i + 1] : in[i];
        if (value > maxval)
            value = maxval;
        out[i] = (uint8_t)((2 * 255 * value + maxval) / (2 * maxval)); // rounded half up
    }
}

int pnm_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                     struct decode_error *error)
{
    struct pnm_cursor cursor = {data + 2, data + size};
    int32_t width = number_next(&cursor), height = number_next(&cursor),
            maxval = number_next(&cursor);
    if (width < 0 || height < 0 || maxval < 1 || maxval > 65535 || cursor.at == cursor.end ||
        !isspace(*cursor.at))
        return decode_fail(error, -EBADMSG, "PNM: broken header");
    cursor.at++;
    int result = decode_check_size("PNM", width, height, error);
    if (result < 0)
        return result;
    enum image_format format = data[1] == '5' ? IMAGE_GREY : IMAGE_RGB24;
    size_t samples = image_row_bytes(format, 0, width) * (size_t)height;
    size_t have = (size_t)(cursor.end - cursor.at), need = samples * (maxval > 255 ? 2 : 1);
    if (have < need)
        return decode_fail(error, -EBADMSG, "PNM: truncated: %zu of %zu bytes", have, need);
    uint8_t *pixels;
    result = picture_allocate(picture, format, width, height, &pixels, error);
    if (result < 0)
        return result;
    samples_scale(cursor.at, pixels, samples, (uint32_t)maxval);
    return 0;
}
