// SPDX-License-Identifier: Apache-2.0
//
// BMP: a 14-byte file header (magic, size, offset of the pixels), an info header of 40 bytes or
// more, masks or palette, then rows padded to 4 bytes, the bottom row first unless the height is
// negative.

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "imaging/decode_error.h"

#define FILE_HEADER 14
#define INFO_HEADER 40
#define BI_RGB 0
#define BI_BITFIELDS 3

struct bmp {
    const uint8_t *pixels;
    size_t stride;
    int32_t width, height;
    int bits;
    bool bottom_up;
    bool grey;               // every palette colour is a grey
    uint8_t palette[256][3]; // R G B; colours the file lacks are black
};

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t read_u16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static int palette_read(struct bmp *bmp, const uint8_t *data, size_t size, size_t at,
                        uint32_t colours, struct decode_error *error)
{
    if (colours == 0)
        colours = 256;
    if (colours > 256 || at > size || (size - at) / 4 < colours)
        return decode_fail(error, -EBADMSG, "BMP: palette of %u colours does not fit", colours);
    bmp->grey = true;
    for (uint32_t i = 0; i < colours; i++) {
        const uint8_t *bgr = data + at + (size_t)4 * i;
        for (int c = 0; c < 3; c++)
            bmp->palette[i][c] = bgr[2 - c];
        bmp->grey = bmp->grey && bgr[0] == bgr[1] && bgr[1] == bgr[2];
    }
    return 0;
}

// 32-bit pictures may spell out the masks; we read the usual order only.
static int masks_check(const uint8_t *data, size_t size, int bits, struct decode_error *error)
{
    size_t at = FILE_HEADER + INFO_HEADER;
    if (bits != 32 || size < at + 12)
        return decode_fail(error, -ENOTSUP, "BMP: bit fields in a %d bit picture", bits);
    if (read_u32(data + at) != 0xff0000 || read_u32(data + at + 4) != 0xff00 ||
        read_u32(data + at + 8) != 0xff)
        return decode_fail(error, -ENOTSUP, "BMP: bit fields other than B G R X bytes");
    return 0;
}

static int bmp_parse(struct bmp *bmp, const uint8_t *data, size_t size, struct decode_error *error)
{
    if (size < FILE_HEADER + INFO_HEADER)
        return decode_fail(error, -EBADMSG, "BMP: truncated header");
    uint32_t offset = read_u32(data + 10), header = read_u32(data + 14);
    if (header < INFO_HEADER || header > size - FILE_HEADER)
        return decode_fail(error, header == 12 ? -ENOTSUP : -EBADMSG,
                           "BMP: info header of %u bytes", header);
    int32_t width = (int32_t)read_u32(data + 18);
    int64_t height = (int32_t)read_u32(data + 22);
    uint32_t planes = read_u16(data + 26), compression = read_u32(data + 30);
    bmp->bits = (int)read_u16(data + 28);
    bmp->bottom_up = height > 0;
    int result = decode_check_size("BMP", width, height < 0 ? -height : height, error);
    if (result < 0)
        return result;
    bmp->width = width;
    bmp->height = (int32_t)(height < 0 ? -height : height);
    if (planes != 1 || (bmp->bits != 8 && bmp->bits != 24 && bmp->bits != 32))
        return decode_fail(error, -ENOTSUP, "BMP: %u planes of %d bit", planes, bmp->bits);
    if (compression != BI_RGB && compression != BI_BITFIELDS)
        return decode_fail(error, -ENOTSUP, "BMP: compression %u", compression);
    if (compression == BI_BITFIELDS && (result = masks_check(data, size, bmp->bits, error)) < 0)
        return result;
    if (bmp->bits == 8 && (result = palette_read(bmp, data, size, FILE_HEADER + (size_t)header,
                                                 read_u32(data + 46), error)) < 0)
        return result;

    bmp->stride = ((size_t)width * (size_t)bmp->bits / 8 + 3) & ~(size_t)3;
    if (offset < FILE_HEADER + INFO_HEADER || offset > size ||
        (size - offset) / bmp->stride < (size_t)bmp->height)
        return decode_fail(error, -EBADMSG,
                           "BMP: truncated: %d rows of %zu bytes at offset %u do not fit in %zu",
                           bmp->height, bmp->stride, offset, size);
    bmp->pixels = data + offset;
    return 0;
}

static void row_from_palette(const struct bmp *bmp, const uint8_t *in, uint8_t *out)
{
    for (int32_t x = 0; x < bmp->width; x++) {
        const uint8_t *rgb = bmp->palette[in[x]];
        if (bmp->grey)
            out[x] = rgb[0];
        else
            memcpy(out + (size_t)3 * (size_t)x, rgb, 3);
    }
}

static void row_from_bgr(const struct bmp *bmp, const uint8_t *in, uint8_t *out)
{
    size_t step = (size_t)bmp->bits / 8;
    for (size_t x = 0; x < (size_t)bmp->width; x++)
        for (size_t c = 0; c < 3; c++)
            out[3 * x + c] = in[step * x + 2 - c];
}

int bmp_read_picture(const uint8_t *data, size_t size, struct picture *picture,
                     struct decode_error *error)
{
    struct bmp bmp = {0};
    int result = bmp_parse(&bmp, data, size, error);
    if (result < 0)
        return result;
    uint8_t *pixels;
    enum image_format format = bmp.bits == 8 && bmp.grey ? IMAGE_GREY : IMAGE_RGB24;
    result = picture_allocate(picture, format, bmp.width, bmp.height, &pixels, error);
    if (result < 0)
        return result;
    size_t out_stride = (size_t)picture->image.strides[0];
    for (int32_t y = 0; y < bmp.height; y++) {
        const uint8_t *in =
            bmp.pixels + bmp.stride * (size_t)(bmp.bottom_up ? bmp.height - 1 - y : y);
        uint8_t *out = pixels + out_stride * (size_t)y;
        if (bmp.bits == 8)
            row_from_palette(&bmp, in, out);
        else
            row_from_bgr(&bmp, in, out);
    }
    return 0;
}
