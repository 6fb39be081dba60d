// SPDX-License-Identifier: Apache-2.0
//
// The assembly part of depthwise_neondot.

#ifndef QEDGE_KERNELS_ARM_DEPTHWISE_COLUMNS_H
#define QEDGE_KERNELS_ARM_DEPTHWISE_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

// All channels of one output row (stride 2) or two (stride 1). The layout is known to
// columns_neondot.S.
//
// An output row of n pixels needs the columns 0 .. (n - 1) * stride + 2 of the padded picture. Each
// of the input rows (4 with stride 1, 3 with stride 2) is given as three pointers, because the
// first and the last column may lie outside the picture.
struct depthwise_columns {
    const int8_t *first[4]; // column 0
    const int8_t *main[4];  // column 1 and, `pixel` bytes apart, the following ones
    const int8_t *last[4];  // the last column
    int8_t *output[2];
    size_t pixel;         // bytes between columns and between output pixels: the channels
    size_t pixels;        // output pixels, >= 1
    size_t last_channels; // channels - 8
    const void *packed;   // blocks of struct depthwise_columns_block
    int16_t zero_point[8];
    float fold[4]; // ARM_FOLD_VALUE
};

// 8 channels; the last block ends at the last channel.
struct depthwise_columns_block {
    int32_t bias[8]; // bias - input_zero_point * sum(w), + ARM_FOLD where folded
    float scale[8];
    int8_t weights[3][8][4]; // [kernel column][channel][kernel row], 0 in the fourth
};

_Static_assert(offsetof(struct depthwise_columns, main) == 32, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, last) == 64, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, output) == 96, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, pixel) == 112, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, pixels) == 120, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, last_channels) == 128, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, packed) == 136, "known to the assembly");
_Static_assert(offsetof(struct depthwise_columns, zero_point) == 144, "known to the assembly");
_Static_assert(sizeof(struct depthwise_columns_block) == 160, "known to the assembly");

void columns_stride1_neondot(const struct depthwise_columns *job);
void columns_stride2_neondot(const struct depthwise_columns *job);
// For biases without ARM_FOLD.
void columns_stride1_neondot_unfolded(const struct depthwise_columns *job);
void columns_stride2_neondot_unfolded(const struct depthwise_columns *job);

#endif
