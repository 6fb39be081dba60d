// SPDX-License-Identifier: Apache-2.0
//
// Pre-processing in ONE pass: convert + crop + resize + quantize, straight into the model's input.
//
// Definition (kernels in SIMD give the same bytes as the C): crop rectangle -> resize to width x height
// with an area filter where it shrinks and bilinear (half-pixel centres, edge clamped) where it grows ->
// RGB (or grey) as 8-bit values, rounded half up -> table[channel][value], which holds the model's
// quantized value of ((value - mean) / std). Made once per (frame geometry, model); running allocates
// nothing.

#ifndef QEDGE_IMAGING_CONVERT_H
#define QEDGE_IMAGING_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "imaging/image.h"

enum convert_fit {
    CONVERT_CROP,      // largest centred rectangle of the target's aspect (default)
    CONVERT_STRETCH,   // whole picture, aspect not kept
    CONVERT_LETTERBOX, // whole picture, aspect kept, borders filled with `fill`
};

enum convert_output { CONVERT_INT8, CONVERT_UINT8, CONVERT_FLOAT32 };

struct convert_target {
    int32_t width, height, channels; // 1 (grey) or 3
    bool bgr;                        // model wants B first
    enum convert_fit fit;
    uint8_t fill;
    float mean[3], std[3];           // per channel, std > 0
    enum convert_output output;
    float scale;                     // quantized = clamp(round_half_even(real / scale) + zero_point)
    int32_t zero_point;
};

struct convert;

// Plans for pictures of this format, colour and size (only those fields of `like` are used; not IMAGE_JPEG).
// 0, -EINVAL, -ENOTSUP, -ENOMEM.
int convert_create(const struct image *like, const struct convert_target *target, struct convert **convert);
void convert_destroy(struct convert *convert);
// Is this plan good for that picture?
bool convert_matches(const struct convert *convert, const struct image *image);
// dst: width*height*channels elements of the output type, NHWC. -EINVAL when the picture is not the planned
// geometry, -EMSGSIZE when its buffer is too small. One plan is used by one thread at a time.
int convert_run(struct convert *convert, const struct image *image, void *dst);

#endif
