// SPDX-License-Identifier: Apache-2.0
//
// Pre-processing in ONE pass: convert + crop + resize + quantize, straight into the model's input.
//
// The picture's bytes are read once, from top to bottom; in between there are only a few rows. Luma
// and chroma are resized each from its own plane to the target's size, and colour is converted for
// the target's pixels alone: a 640x480 frame has six times as many.
//
// Definition (kernels in SIMD give the same bytes as the C):
//
//  1. Crop: a rectangle in whole pixels, and where it goes in the target (convert_geometry). Chroma
//     planes use the same rectangle in their own, possibly fractional, coordinates (luma / 2):
//     nothing is rounded to the chroma grid. Chroma is sited in the middle of its pixels.
//  2. Resize, per component and axis. Target i of n covers [a + i*s, a + (i+1)*s), s = length / n,
//     in source samples. s > 1: each sample counts by the share that it is covered (area filter).
//     s <= 1: bilinear between the two samples next to the middle of the interval, sample centres
//     at k + 1/2, clamped to the crop rectangle.
//     Weights are integers that sum to exactly 256 (rows) or 16384 (columns), R = round half up:
//       area      w(k) = R(sum * F(k+1)) - R(sum * F(k)), F(k) = share of the interval left of k
//       bilinear  w(right) = R(sum * fraction), w(left) = sum - w(right)
//     v = (sum over rows and columns of w_row * w_column * sample + 2^15) >> 16: in 1/64 steps,
//     exact before that rounding, so that the order of summing does not matter.
//  3. Colour, for each output channel: p = clamp((sum of m_k * v_k + bias) >> 19, 0, 255), rounded
//     half up, m in 1/8192: the matrices of convert_colour.c (BT.601 or BT.709, limited or full
//     range; RGB and grey are copied; RGB -> grey by BT.601 weights; YUV -> grey is luma stretched
//     to full range).
//  4. table[channel][p] = the model's value of real = (p - mean) / std. FLOAT32: real itself; else
//     clamp(round_half_even(real / scale) + zero_point) in single precision.
//
// Made once per (frame geometry, model); running allocates nothing.

#ifndef QEDGE_IMAGING_CONVERT_H
#define QEDGE_IMAGING_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "imaging/image.h"

enum convert_fit {
    CONVERT_CROP,      // largest centred rectangle of the target's aspect (default)
    CONVERT_STRETCH,   // whole picture, aspect not kept
    CONVERT_LETTERBOX, // whole picture, aspect kept, centred, borders filled with `fill`
};

enum convert_output { CONVERT_INT8, CONVERT_UINT8, CONVERT_FLOAT32 };

#define CONVERT_SIDE_MAX 4096

struct convert_target {
    int32_t width, height, channels; // both 1..CONVERT_SIDE_MAX, 1 (grey) or 3
    bool bgr;                        // model wants B first
    enum convert_fit fit;
    uint8_t fill;          // pixel value of the borders, every channel
    float mean[3], std[3]; // per output channel (B first when bgr), finite, std > 0
    enum convert_output output;
    float scale; // quantized = clamp(round_half_even(real / scale) + zero_point); finite, > 0
    int32_t zero_point; // both unused for FLOAT32
};

struct convert_rect {
    int32_t x, y, width, height;
};

// Which part of a picture is taken and where in the target it goes. 0, or -EINVAL (sizes).
//   CROP       w:h = target's aspect, rounded half up, at least 1; offsets (rest / 2) rounded down
//   LETTERBOX  the same for the place in the target
int convert_geometry(int32_t width, int32_t height, const struct convert_target *target,
                     struct convert_rect *crop, struct convert_rect *place);

struct convert;

// Plans for pictures of this format, colour and size (only those fields of `like` are used; not
// IMAGE_JPEG), with the kernels of this machine that QEDGE_CPU allows. 0, -EINVAL, -ENOTSUP
// (format), -ENOMEM.
int convert_create(const struct image *like, const struct convert_target *target,
                   struct convert **convert);
// The same with only the kernels that `cpu` (KERNEL_CPU_* mask, must be a part of what the machine
// has) allows.
int convert_create_for(uint32_t cpu, const struct image *like, const struct convert_target *target,
                       struct convert **convert);
void convert_destroy(struct convert *convert); // takes NULL
// Name of the kernels in use: "c", "avx2", "neon".
const char *convert_kernel(const struct convert *convert);
// Is this plan good for that picture (format, colour, size)?
bool convert_matches(const struct convert *convert, const struct image *image);
// dst: width*height*channels elements of the output type, NHWC, any alignment that the type needs.
// -EINVAL when the picture is not the planned geometry, -EMSGSIZE when its buffer is too small: dst
// is then untouched. One plan is used by one thread at a time.
int convert_run(struct convert *convert, const struct image *image, void *dst);

#endif
