// SPDX-License-Identifier: Apache-2.0
//
// picture_to_yuyv PICTURE WIDTH HEIGHT   writes one YUYV frame (BT.601, limited range) to standard output.
//
// What a camera that looks at PICTURE would give: the largest centred part with the frame's aspect, nearest
// pixel. The virtual machine's tests feed it into the virtual camera.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "imaging/decode.h"

struct yuv {
    int y, u, v;
};

// Matrix of ITU-R BT.601 in 16.8 fixed point, as in the usual 8-bit studio-swing conversion.
static struct yuv yuv_from_rgb(int r, int g, int b)
{
    return (struct yuv){
        .y = ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16,
        .u = ((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128,
        .v = ((112 * r - 94 * g - 18 * b + 128) >> 8) + 128,
    };
}

static struct yuv pixel_at(const struct image *image, int32_t x, int32_t y)
{
    const uint8_t *row = image->planes[0] + (size_t)y * (size_t)image->strides[0];
    if (image->format == IMAGE_GREY)
        return yuv_from_rgb(row[x], row[x], row[x]);
    const uint8_t *p = row + 3 * (size_t)x;
    return yuv_from_rgb(p[0], p[1], p[2]);
}

static int frame_write(const struct image *image, int32_t width, int32_t height)
{
    // The crop: as wide or as high as the picture, with the frame's aspect.
    int64_t crop_w = image->width, crop_h = (int64_t)image->width * height / width;
    if (crop_h > image->height) {
        crop_h = image->height;
        crop_w = (int64_t)image->height * width / height;
    }
    int64_t left = (image->width - crop_w) / 2, top = (image->height - crop_h) / 2;
    for (int32_t y = 0; y < height; y++) {
        int32_t sy = (int32_t)(top + y * crop_h / height);
        for (int32_t x = 0; x < width; x += 2) {
            struct yuv a = pixel_at(image, (int32_t)(left + x * crop_w / width), sy);
            struct yuv b = pixel_at(image, (int32_t)(left + (x + 1) * crop_w / width), sy);
            putchar(a.y);
            putchar((a.u + b.u + 1) / 2);
            putchar(b.y);
            putchar((a.v + b.v + 1) / 2);
        }
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

int main(int argc, char **argv)
{
    int32_t width = argc == 4 ? atoi(argv[2]) : 0, height = argc == 4 ? atoi(argv[3]) : 0;
    if (width < 2 || width % 2 != 0 || height < 1 || width > 16384 || height > 16384) {
        fprintf(stderr, "usage: picture_to_yuyv PICTURE WIDTH HEIGHT (an even width)\n");
        return 2;
    }
    struct picture picture;
    struct decode_error error;
    if (picture_read(argv[1], &picture, &error) != 0) {
        fprintf(stderr, "picture_to_yuyv: %s\n", error.text);
        return 1;
    }
    int status = frame_write(&picture.image, width, height);
    picture_finish(&picture);
    return status == 0 ? 0 : 1;
}
