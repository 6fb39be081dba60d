// SPDX-License-Identifier: Apache-2.0
//
// Pictures from memory: JPEG (also as a camera's frame, scaled), PNG, BMP, PNM; and the frame
// containers Y4M and MJPEG. What is accepted must lie in its buffers and go through the conversion.
// The first byte chooses: 0 picture, 1 camera frame, 2 Y4M, 3 MJPEG; the rest is the file.

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "imaging/convert.h"
#include "imaging/decode.h"
#include "imaging/framefile.h"

#define PIXELS_MAX (2 << 20) // bigger ones are only slow
#define FRAMES_MAX 50

static struct jpeg_decoder *decoder;

static void fuzz_start(void)
{
    fuzz_require(jpeg_decoder_create(&decoder) == 0);
}

static void use(const struct image *image)
{
    static uint8_t input[24 * 20 * 3];
    struct convert_target target = {.width = 24,
                                    .height = 20,
                                    .channels = 3,
                                    .fit = CONVERT_LETTERBOX,
                                    .mean = {127, 127, 127},
                                    .std = {128, 128, 128},
                                    .output = CONVERT_UINT8,
                                    .scale = 1,
                                    .zero_point = 0};
    struct convert *convert = NULL;
    fuzz_require(image_check(image) == 0);
    if (convert_create(image, &target, &convert) == 0)
        fuzz_require(convert_run(convert, image, input) == 0);
    convert_destroy(convert);
}

// What the header promises, for kinds that are decoded into memory of that size.
static int is_big(const uint8_t *data, size_t size)
{
    uint64_t width = 0, height = 0;
    if (size > 24 && data[0] == 0x89) {
        width = (uint64_t)data[16] << 24 | data[17] << 16 | data[18] << 8 | data[19];
        height = (uint64_t)data[20] << 24 | data[21] << 16 | data[22] << 8 | data[23];
    } else if (size > 2 && data[0] == 0xff) {
        size_t at = 0;
        struct image image = {0};
        mjpeg_next(data, size, &at, &image, NULL);
        width = (uint64_t)image.width, height = (uint64_t)image.height;
        if (width == 0) // not whole: then its sizes are looked for by hand
            for (size_t i = 2; i + 9 < size; i++)
                if (data[i] == 0xff && (data[i + 1] & 0xf0) == 0xc0) {
                    uint64_t h = (uint64_t)(data[i + 5] << 8 | data[i + 6]);
                    uint64_t w = (uint64_t)(data[i + 7] << 8 | data[i + 8]);
                    if (w * h > width * height)
                        width = w, height = h;
                }
    }
    return width * height > PIXELS_MAX;
}

static void try_picture(const uint8_t *data, size_t size)
{
    struct picture picture = {0};
    struct decode_error error = {{0}};
    if (is_big(data, size))
        return;
    if (picture_decode(data, size, &picture, &error) == 0) {
        use(&picture.image);
        picture_finish(&picture);
    } else {
        fuzz_require(error.text[0] && !strchr(error.text, '\n') && !picture.memory);
    }
}

static void try_jpeg(const uint8_t *data, size_t size, int32_t least)
{
    struct image image;
    struct decode_error error = {{0}};
    if (is_big(data, size))
        return;
    if (jpeg_decode(decoder, data, size, least, least, &image, &error) == 0)
        use(&image);
    else
        fuzz_require(error.text[0] && !strchr(error.text, '\n'));
}

static void try_y4m(const uint8_t *data, size_t size)
{
    struct y4m_stream stream;
    struct decode_error error = {{0}};
    size_t at = 0;
    if (y4m_parse_header(data, size, &stream, &at, &error) != 0) {
        fuzz_require(error.text[0] && !strchr(error.text, '\n'));
        return;
    }
    for (int i = 0; i < FRAMES_MAX; i++) {
        struct image image;
        size_t before = at;
        int status = y4m_next(&stream, data, size, &at, &image, &error);
        if (status == 1)
            return;
        fuzz_require(at > before && at <= size);
        if (status == 0)
            use(&image);
    }
}

static void try_mjpeg(const uint8_t *data, size_t size)
{
    struct decode_error error = {{0}};
    size_t at = 0;
    for (int i = 0; i < FRAMES_MAX; i++) {
        struct image image;
        size_t before = at;
        int status = mjpeg_next(data, size, &at, &image, &error);
        if (status == 1)
            return;
        fuzz_require(at > before && at <= size);
        if (status == 0)
            try_jpeg(image.planes[0], image.size[0], 1 + i);
    }
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    switch (data[0] & 3) {
    case 0: try_picture(data + 1, size - 1); break;
    case 1: try_jpeg(data + 1, size - 1, data[0] >> 2); break;
    case 2: try_y4m(data + 1, size - 1); break;
    case 3: try_mjpeg(data + 1, size - 1); break;
    }
}
