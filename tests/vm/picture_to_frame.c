// SPDX-License-Identifier: Apache-2.0
//
// picture_to_frame PICTURE WIDTH HEIGHT FORMAT   writes one frame (YCbCr: BT.601, limited range) to
// standard output.
//
// What a camera that looks at PICTURE would give: the largest centred part with the frame's aspect,
// nearest pixel. FORMAT is V4L2's name: YUYV UYVY NV12 YU12 GREY RGB3 BGR3. The virtual machine's
// tests feed it into the virtual camera.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/decode.h"

struct pixel {
    int r, g, b;
};

// The picture as the camera sees it.
struct view {
    const struct image *image;
    int64_t left, top, crop_w, crop_h;
    int32_t width, height;
};

static struct view view_of(const struct image *image, int32_t width, int32_t height)
{
    struct view view = {.image = image, .width = width, .height = height, .crop_w = image->width,
                        .crop_h = (int64_t)image->width * height / width};
    if (view.crop_h > image->height) {
        view.crop_h = image->height;
        view.crop_w = (int64_t)image->height * width / height;
    }
    view.left = (image->width - view.crop_w) / 2;
    view.top = (image->height - view.crop_h) / 2;
    return view;
}

static struct pixel pixel_at(const struct view *view, int32_t x, int32_t y)
{
    size_t column = (size_t)(view->left + x * view->crop_w / view->width);
    size_t row = (size_t)(view->top + y * view->crop_h / view->height);
    const uint8_t *p = view->image->planes[0] + row * (size_t)view->image->strides[0];
    if (view->image->format == IMAGE_GREY)
        return (struct pixel){p[column], p[column], p[column]};
    p += 3 * column;
    return (struct pixel){p[0], p[1], p[2]};
}

// Matrix of ITU-R BT.601 in 16.8 fixed point, as in the usual 8-bit studio-swing conversion.
static int luma(struct pixel p)
{
    return ((66 * p.r + 129 * p.g + 25 * p.b + 128) >> 8) + 16;
}

// U (blue) or V of the mean of a block, 2 pixels wide and `rows` high.
static int chroma(const struct view *view, int32_t x, int32_t y, int32_t rows, bool blue)
{
    int sum = 0;
    for (int32_t i = 0; i < 2 * rows; i++) {
        struct pixel p = pixel_at(view, x + i % 2, y + i / 2);
        sum += blue ? -38 * p.r - 74 * p.g + 112 * p.b : 112 * p.r - 94 * p.g - 18 * p.b;
    }
    return ((sum / (2 * rows) + 128) >> 8) + 128;
}

static void write_packed(const struct view *view, bool luma_first)
{
    for (int32_t y = 0; y < view->height; y++)
        for (int32_t x = 0; x < view->width; x++) {
            int c = chroma(view, x & ~1, y, 1, x % 2 == 0), l = luma(pixel_at(view, x, y));
            putchar(luma_first ? l : c);
            putchar(luma_first ? c : l);
        }
}

static void write_planar(const struct view *view, bool pairs)
{
    for (int32_t y = 0; y < view->height; y++)
        for (int32_t x = 0; x < view->width; x++)
            putchar(luma(pixel_at(view, x, y)));
    for (int plane = 0; plane < (pairs ? 1 : 2); plane++)
        for (int32_t y = 0; y < view->height; y += 2)
            for (int32_t x = 0; x < view->width; x += 2) {
                putchar(chroma(view, x, y, 2, pairs || plane == 0));
                if (pairs)
                    putchar(chroma(view, x, y, 2, false));
            }
}

// Three bytes a pixel, or one: the luma over the whole range, as monochrome cameras give it.
static void write_plain(const struct view *view, const char *format)
{
    for (int32_t y = 0; y < view->height; y++)
        for (int32_t x = 0; x < view->width; x++) {
            struct pixel p = pixel_at(view, x, y);
            if (format[0] == 'G') {
                putchar((77 * p.r + 150 * p.g + 29 * p.b + 128) >> 8);
                continue;
            }
            putchar(format[0] == 'R' ? p.r : p.b);
            putchar(p.g);
            putchar(format[0] == 'R' ? p.b : p.r);
        }
}

static int frame_write(const struct view *view, const char *format)
{
    if (strcmp(format, "YUYV") == 0 || strcmp(format, "UYVY") == 0)
        write_packed(view, format[0] == 'Y');
    else if (strcmp(format, "NV12") == 0 || strcmp(format, "YU12") == 0)
        write_planar(view, format[0] == 'N');
    else if (strcmp(format, "GREY") == 0 || strcmp(format, "RGB3") == 0 ||
             strcmp(format, "BGR3") == 0)
        write_plain(view, format);
    else
        return -1;
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

int main(int argc, char **argv)
{
    int32_t width = argc == 5 ? atoi(argv[2]) : 0, height = argc == 5 ? atoi(argv[3]) : 0;
    if (width < 2 || width % 2 != 0 || height < 2 || height % 2 != 0 || width > 16384 ||
        height > 16384) {
        fprintf(stderr, "usage: picture_to_frame PICTURE WIDTH HEIGHT FORMAT (even sizes)\n");
        return 2;
    }
    struct picture picture;
    struct decode_error error;
    if (picture_read(argv[1], &picture, &error) != 0) {
        fprintf(stderr, "picture_to_frame: %s\n", error.text);
        return 1;
    }
    struct view view = view_of(&picture.image, width, height);
    int status = frame_write(&view, argv[4]);
    picture_finish(&picture);
    return status == 0 ? 0 : 1;
}
