// SPDX-License-Identifier: Apache-2.0
//
// Pictures for the imaging tests: every format, in buffers of exactly the size that image.h asks
// for, so that a sanitizer sees a read beyond them. Written without the code under test.

#ifndef QEDGE_TESTS_IMAGING_SUPPORT_H
#define QEDGE_TESTS_IMAGING_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imaging/image.h"

static const enum image_format support_formats[] = {
    IMAGE_GREY, IMAGE_RGB24, IMAGE_BGR24, IMAGE_XBGR32, IMAGE_YUYV, IMAGE_UYVY,
    IMAGE_NV12, IMAGE_NV21,  IMAGE_I420,  IMAGE_YV12,   IMAGE_I422, IMAGE_I444,
};
#define SUPPORT_FORMATS (sizeof(support_formats) / sizeof(support_formats[0]))

static inline uint32_t support_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline bool support_is_rgb(enum image_format format)
{
    return format == IMAGE_RGB24 || format == IMAGE_BGR24 || format == IMAGE_XBGR32;
}

// Pixels that share a chroma sample, across and down.
static inline int support_chroma_wide(enum image_format format)
{
    return support_is_rgb(format) || format == IMAGE_GREY || format == IMAGE_I444 ? 1 : 2;
}

static inline int support_chroma_high(enum image_format format)
{
    return format == IMAGE_NV12 || format == IMAGE_NV21 || format == IMAGE_I420 ||
                   format == IMAGE_YV12
               ? 2
               : 1;
}

// Component k (R G B or Y U V) at its own sample position.
static inline uint8_t *support_sample(const struct image *image, int k, int x, int y)
{
    static const int xbgr[3] = {2, 1, 0};
    size_t line[3];
    for (int p = 0; p < 3; p++)
        line[p] = (size_t)image->strides[p] * (size_t)y;
    uint8_t *const plane[3] = {(uint8_t *)(uintptr_t)image->planes[0],
                               (uint8_t *)(uintptr_t)image->planes[1],
                               (uint8_t *)(uintptr_t)image->planes[2]};
    size_t at = (size_t)x;
    switch (image->format) {
    case IMAGE_RGB24:
        return plane[0] + line[0] + 3 * at + k;
    case IMAGE_BGR24:
        return plane[0] + line[0] + 3 * at + 2 - k;
    case IMAGE_XBGR32:
        return plane[0] + line[0] + 4 * at + xbgr[k];
    case IMAGE_YUYV:
        return plane[0] + line[0] + (k == 0 ? 2 * at : 4 * at + (k == 1 ? 1 : 3));
    case IMAGE_UYVY:
        return plane[0] + line[0] + (k == 0 ? 2 * at + 1 : 4 * at + (k == 1 ? 0 : 2));
    case IMAGE_NV12:
        return k == 0 ? plane[0] + line[0] + at : plane[1] + line[1] + 2 * at + (k == 2);
    case IMAGE_NV21:
        return k == 0 ? plane[0] + line[0] + at : plane[1] + line[1] + 2 * at + (k == 1);
    case IMAGE_YV12:
        return k == 0 ? plane[0] + line[0] + at : plane[3 - k] + line[3 - k] + at;
    default:
        return plane[k] + line[k] + at;
    }
}

struct support_picture {
    struct image image;
    uint8_t *memory[3];
};

static inline void support_picture_finish(struct support_picture *picture)
{
    for (int p = 0; p < 3; p++)
        free(picture->memory[p]);
}

// Each plane in a buffer of its own, rows `pad` bytes apart, the last row without its padding.
static inline void support_picture_make(struct support_picture *picture, enum image_format format,
                                        int width, int height, int pad)
{
    static const struct {
        int planes, bytes[3], group[3]; // bytes of a group of pixels
    } shape[] = {
        [IMAGE_GREY] = {1, {1}, {1}},
        [IMAGE_RGB24] = {1, {3}, {1}},
        [IMAGE_BGR24] = {1, {3}, {1}},
        [IMAGE_XBGR32] = {1, {4}, {1}},
        [IMAGE_YUYV] = {1, {4}, {2}},
        [IMAGE_UYVY] = {1, {4}, {2}},
        [IMAGE_NV12] = {2, {1, 2}, {1, 2}},
        [IMAGE_NV21] = {2, {1, 2}, {1, 2}},
        [IMAGE_I420] = {3, {1, 1, 1}, {1, 2, 2}},
        [IMAGE_YV12] = {3, {1, 1, 1}, {1, 2, 2}},
        [IMAGE_I422] = {3, {1, 1, 1}, {1, 2, 2}},
        [IMAGE_I444] = {3, {1, 1, 1}, {1, 1, 1}},
    };
    *picture =
        (struct support_picture){.image = {.format = format, .width = width, .height = height}};
    for (int p = 0; p < shape[format].planes; p++) {
        int row =
            (width + shape[format].group[p] - 1) / shape[format].group[p] * shape[format].bytes[p];
        int step = p == 0 ? 1 : support_chroma_high(format);
        size_t rows = (size_t)((height + step - 1) / step);
        size_t bytes = (size_t)(row + pad) * (rows - 1) + (size_t)row;
        picture->memory[p] = malloc(bytes);
        assert_non_null(picture->memory[p]);
        picture->image.planes[p] = picture->memory[p];
        picture->image.strides[p] = row + pad;
        picture->image.size[p] = bytes;
    }
}

static inline void support_picture_noise(struct support_picture *picture, uint32_t seed)
{
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < picture->image.size[p]; i++)
            picture->memory[p][i] = (uint8_t)(support_random(&seed) >> 11);
}

#endif
