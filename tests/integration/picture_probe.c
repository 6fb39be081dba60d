// SPDX-License-Identifier: Apache-2.0
//
// For test scripts: looks into picture files with our own readers.
//   picture_probe compare A B TOLERANCE   "640 x 480: 512 differ, in 4 4 100 26" (x y width height)
//   picture_probe row FILE Y              its colours from left to right, "ffffff*80 ffff00*80 …"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imaging/decode.h"

static int load(const char *path, struct picture *picture)
{
    struct decode_error error;
    int status = picture_read(path, picture, &error);
    if (status < 0)
        fprintf(stderr, "%s\n", error.text);
    else if (picture->image.format != IMAGE_RGB24) {
        fprintf(stderr, "%s: %s\n", path, image_format_name(picture->image.format));
        status = -1;
    }
    return status;
}

static const uint8_t *pixel(const struct picture *picture, int x, int y)
{
    return picture->image.planes[0] + y * picture->image.strides[0] + 3 * x;
}

static int compare(const char *const *names, int tolerance)
{
    struct picture a, b;
    long differ = 0;
    if (load(names[0], &a) < 0 || load(names[1], &b) < 0)
        return 1;
    int width = a.image.width, height = a.image.height;
    int left = width, right = -1, top = height, bottom = -1;
    if (b.image.width != width || b.image.height != height) {
        printf("%d x %d and %d x %d\n", width, height, b.image.width, b.image.height);
        return 1;
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            int most = 0;
            for (int c = 0; c < 3; c++) {
                int d = abs(pixel(&a, x, y)[c] - pixel(&b, x, y)[c]);
                most = d > most ? d : most;
            }
            if (most <= tolerance)
                continue;
            differ++;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y > bottom ? y : bottom;
        }
    }
    printf("%d x %d: %ld differ, in %d %d %d %d\n", width, height, differ, differ ? left : 0,
           differ ? top : 0, differ ? right - left + 1 : 0, differ ? bottom - top + 1 : 0);
    picture_finish(&a);
    picture_finish(&b);
    return 0;
}

static int row(const char *name, int y)
{
    struct picture picture;
    if (load(name, &picture) < 0 || y < 0 || y >= picture.image.height)
        return 1;
    for (int x = 0, run = 1; x < picture.image.width; x++, run++) {
        const uint8_t *at = pixel(&picture, x, y);
        if (x + 1 == picture.image.width || memcmp(at, at + 3, 3) != 0) {
            printf("%02x%02x%02x*%d ", at[0], at[1], at[2], run);
            run = 0;
        }
    }
    printf("\n");
    picture_finish(&picture);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "compare") == 0)
        return compare((const char *const *)argv + 2, atoi(argv[4]));
    if (argc == 4 && strcmp(argv[1], "row") == 0)
        return row(argv[2], atoi(argv[3]));
    return 2;
}
