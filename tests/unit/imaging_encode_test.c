// SPDX-License-Identifier: Apache-2.0
//
// Frames as RGB and as files: the right colours from every format, files that read back as what was
// written, and what is no picture refused.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/encode.h"

#define WIDTH 34 // even, and no multiple of 16
#define HEIGHT 22

// What the picture shows: left half one colour, right half another, and their codes in BT.601,
// limited range, by the definition (Y = 16 + 65.481 R + 128.553 G + 24.966 B …).
struct colour {
    uint8_t rgb[3], yuv[3];
};
static const struct colour red = {{255, 0, 0}, {81, 90, 240}};
static const struct colour sky = {{102, 204, 255}, {170, 166, 80}};

static const struct colour *colour_at(int x)
{
    return x < WIDTH / 2 ? &red : &sky;
}

// Writes one pixel's components wherever the format has them; halves by the pair's left pixel.
static void pixel_put(uint8_t *buffer, const struct image *image, int x, int y)
{
    const struct colour *colour = colour_at(x);
    uint8_t *plane[3];
    for (int p = 0; p < 3; p++)
        plane[p] = image->planes[p] ? buffer + (image->planes[p] - image->planes[0]) : NULL;
    int even_x = x / 2, rgb_at[3] = {0, 1, 2}, u = 1, v = 2;
    switch (image->format) {
    case IMAGE_GREY:
        plane[0][y * WIDTH + x] = colour->yuv[0];
        return;
    case IMAGE_BGR24:
    case IMAGE_XBGR32:
        rgb_at[0] = 2;
        rgb_at[2] = 0;
        // fall through
    case IMAGE_RGB24: {
        int pitch = image->format == IMAGE_XBGR32 ? 4 : 3;
        for (int c = 0; c < 3; c++)
            plane[0][(y * WIDTH + x) * pitch + c] = colour->rgb[rgb_at[c]];
        return;
    }
    case IMAGE_YUYV:
        plane[0][y * 2 * WIDTH + 2 * x] = colour->yuv[0];
        plane[0][y * 2 * WIDTH + 4 * even_x + 1] = colour->yuv[1];
        plane[0][y * 2 * WIDTH + 4 * even_x + 3] = colour->yuv[2];
        return;
    case IMAGE_UYVY:
        plane[0][y * 2 * WIDTH + 2 * x + 1] = colour->yuv[0];
        plane[0][y * 2 * WIDTH + 4 * even_x] = colour->yuv[1];
        plane[0][y * 2 * WIDTH + 4 * even_x + 2] = colour->yuv[2];
        return;
    case IMAGE_NV12:
    case IMAGE_NV21:
        plane[0][y * WIDTH + x] = colour->yuv[0];
        plane[1][y / 2 * WIDTH + 2 * even_x + (image->format == IMAGE_NV21)] = colour->yuv[1];
        plane[1][y / 2 * WIDTH + 2 * even_x + (image->format == IMAGE_NV12)] = colour->yuv[2];
        return;
    case IMAGE_YV12:
        u = 2;
        v = 1;
        // fall through
    default:
        plane[0][y * WIDTH + x] = colour->yuv[0];
        bool full = image->format == IMAGE_I444, tall = full || image->format == IMAGE_I422;
        size_t at = (size_t)((tall ? y : y / 2) * (full ? WIDTH : WIDTH / 2) + (full ? x : even_x));
        plane[u][at] = colour->yuv[1];
        plane[v][at] = colour->yuv[2];
    }
}

static void expect_near(const uint8_t *pixel, const uint8_t *wanted, int tolerance, int format)
{
    for (int c = 0; c < 3; c++) {
        if (abs(pixel[c] - wanted[c]) > tolerance)
            fail_msg("format %d: %d %d %d instead of %d %d %d", format, pixel[0], pixel[1],
                     pixel[2], wanted[0], wanted[1], wanted[2]);
    }
}

static void test_colours(void **state)
{
    (void)state;
    for (int format = IMAGE_GREY; format <= IMAGE_I444; format++) {
        uint8_t buffer[4 * WIDTH * HEIGHT];
        struct image image;
        struct picture picture;
        struct decode_error error = {""};
        if (format == IMAGE_JPEG)
            continue;
        assert_int_equal(image_from_buffer(&image, (enum image_format)format, WIDTH, HEIGHT, 0,
                                           buffer, sizeof(buffer)),
                         0);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                pixel_put(buffer, &image, x, y);
        assert_int_equal(picture_render(&image, &picture, &error), 0);
        assert_int_equal(picture.image.format, IMAGE_RGB24);
        assert_int_equal(picture.image.width, WIDTH);
        assert_int_equal(picture.image.height, HEIGHT);
        for (int x = 0; x < WIDTH; x++) {
            if (x >= WIDTH / 2 - 2 && x < WIDTH / 2 + 2)
                continue; // where halved chroma mixes both
            uint8_t grey[3] = {colour_at(x)->yuv[0], colour_at(x)->yuv[0], colour_at(x)->yuv[0]};
            expect_near(picture.image.planes[0] + 3 * (11 * WIDTH + x),
                        format == IMAGE_GREY ? grey : colour_at(x)->rgb, 2, format);
        }
        picture_finish(&picture);
    }
}

static void make_rgb(uint8_t *pixels, int width, int height, struct image *image)
{
    for (int i = 0; i < 3 * width * height; i++)
        pixels[i] = (uint8_t)(i * 7 + i / 97);
    assert_int_equal(image_from_buffer(image, IMAGE_RGB24, width, height, 0, pixels,
                                       (size_t)(3 * width * height)),
                     0);
}

static void test_png(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 200}, {300, 70}};
    for (int i = 0; i < 3; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        uint8_t *pixels = malloc((size_t)(3 * width * height));
        struct image image;
        struct encoded file;
        struct picture back;
        make_rgb(pixels, width, height, &image);
        assert_int_equal(png_encode(&image, &file, NULL), 0);
        assert_int_equal(picture_decode(file.data, file.size, &back, NULL), 0);
        assert_int_equal(back.image.width, width);
        assert_int_equal(back.image.height, height);
        assert_memory_equal(back.memory, pixels, (size_t)(3 * width * height));
        picture_finish(&back);
        encoded_finish(&file);
        free(pixels);
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    uint8_t pixels[3 * 64 * 40];
    struct image image;
    struct encoded file;
    struct picture back, again;
    struct decode_error error = {""};
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 64; x++)
            memcpy(pixels + 3 * (64 * y + x), x < 32 ? red.rgb : sky.rgb, 3);
    assert_int_equal(image_from_buffer(&image, IMAGE_RGB24, 64, 40, 0, pixels, sizeof(pixels)), 0);
    assert_int_equal(jpeg_encode(&image, 92, &file, &error), 0);
    assert_int_equal(picture_decode(file.data, file.size, &back, &error), 0);
    for (int i = 0; i < 64 * 40; i++)
        expect_near((const uint8_t *)back.memory + 3 * i, pixels + 3 * i, 4, IMAGE_JPEG);
    // a camera's JPEG as a frame
    struct image jpeg = {.format = IMAGE_JPEG,
                         .planes = {file.data},
                         .size = {file.size},
                         .width = 64,
                         .height = 40};
    assert_int_equal(picture_render(&jpeg, &again, &error), 0);
    assert_int_equal(again.image.width, 64);
    expect_near((const uint8_t *)again.memory, red.rgb, 4, IMAGE_JPEG);
    picture_finish(&again);
    jpeg.size[0] = file.size / 2;
    assert_int_equal(picture_render(&jpeg, &again, &error), -EBADMSG);
    assert_null(again.memory);
    assert_string_not_equal(error.text, "");
    picture_finish(&back);
    encoded_finish(&file);
}

// Noise in the worst quality for it: larger than the picture itself.
static void test_jpeg_is_large(void **state)
{
    (void)state;
    uint8_t *pixels = malloc(3 * 130 * 110);
    struct image image;
    struct encoded file;
    struct picture back;
    uint32_t noise = 1;
    for (int i = 0; i < 3 * 130 * 110; i++) {
        noise = noise * 1664525 + 1013904223;
        pixels[i] = (uint8_t)(noise >> 24);
    }
    assert_int_equal(image_from_buffer(&image, IMAGE_RGB24, 130, 110, 0, pixels, 3 * 130 * 110), 0);
    assert_int_equal(jpeg_encode(&image, 100, &file, NULL), 0);
    assert_true(file.size > 3 * 130 * 110);
    assert_int_equal(picture_decode(file.data, file.size, &back, NULL), 0);
    picture_finish(&back);
    encoded_finish(&file);
    free(pixels);
}

static void test_sizes(void **state)
{
    (void)state;
    size_t bytes = 2 * 5000 * 10;
    uint8_t *buffer = malloc(bytes);
    struct image image;
    struct picture picture;
    struct encoded file;
    memset(buffer, 128, bytes);
    assert_int_equal(image_from_buffer(&image, IMAGE_YUYV, 5000, 10, 0, buffer, bytes), 0);
    assert_int_equal(picture_render(&image, &picture, NULL), 0);
    assert_int_equal(picture.image.width, 4096);
    assert_int_equal(picture.image.height, 8);
    picture_finish(&picture);
    image.size[0] = bytes - 1; // the last row is not all there
    assert_int_equal(picture_render(&image, &picture, NULL), -EMSGSIZE);
    assert_null(picture.memory);
    assert_int_equal(png_encode(&image, &file, NULL), -EINVAL); // not RGB
    assert_int_equal(jpeg_encode(&image, 90, &file, NULL), -EINVAL);
    assert_null(file.data);
    image.width = 0;
    assert_true(picture_render(&image, &picture, NULL) < 0);
    free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours), cmocka_unit_test(test_png),
        cmocka_unit_test(test_jpeg),    cmocka_unit_test(test_jpeg_is_large),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
