// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution on ARM, as far as no instruction set changes it. A unit is an output row.
//
// Square kernels of 3 and 5 with column stride 1 or 2 run in *strips*: a few neighbouring output
// pixels, all channels. An ISA's strip function sees `k` input rows in which every column it needs
// exists; strips that touch the picture's left or right edge, and rows above or below it, are first
// copied into scratch with the input's zero point around them. Weights that are -128 or have a zero
// point make *wide* strips, in 16 bits. Everything else (other kernels and strides, dilation) runs
// tap by tap in 16 bits.
//
// Packed weights: a struct arm_depthwise_packed, then a block per ARM_CHANNELS channels, the last
// block moved back so that it ends at the last channel:
//     int32_t bias[8]     ARM_FOLD added when `folded`; strips: in_zp * sum(weights) taken off
//     float   scale[8]
//     weights             strips: int8_t [k * k][8]; the others: int16_t [k_h * k_w][8], the weight
//                         zero point taken off

#ifndef QEDGE_KERNELS_ARM_ARM_DEPTHWISE_H
#define QEDGE_KERNELS_ARM_ARM_DEPTHWISE_H

#include "kernels/kernels.h"

enum { ARM_CHANNELS = 8, ARM_STRIP = 4 };

enum arm_depthwise_form { ARM_DEPTHWISE_TAPS, ARM_DEPTHWISE_STRIPS, ARM_DEPTHWISE_WIDE_STRIPS };

struct arm_depthwise_packed {
    uint32_t form;   // enum arm_depthwise_form
    uint32_t folded; // the accumulators start at bias + ARM_FOLD (arm_fold.h)
    uint32_t reserved[14];
};

// One strip: `pixels` (1..ARM_STRIP) output pixels.
struct arm_strip {
    const int8_t *rows[5]; // first column that the first pixel needs
    int32_t channels;      // distance of columns, of output pixels too
    int32_t pixels;
    const void *packed; // first block
    int8_t *output;
    int32_t zero_point, act_min, act_max;
    bool folded;
};

typedef void arm_strip_function(const struct arm_strip *strip);
// One output row of the tap-by-tap form.
typedef void arm_taps_function(const struct kernel_conv_shape *shape, const void *packed,
                               bool folded, const int8_t *input, int8_t *output, int32_t row);

struct arm_depthwise_isa {
    // [wide][kernel 3, 5][column stride 1, 2]
    arm_strip_function *strip[2][2][2];
    arm_taps_function *taps;
};

bool arm_depthwise_accepts(const struct kernel_conv_shape *shape);
size_t arm_depthwise_packed_size(const struct kernel_conv_shape *shape);
void arm_depthwise_pack(const struct kernel_conv_shape *shape,
                        const struct kernel_conv_weights *weights, void *packed);
size_t arm_depthwise_scratch_size(const struct kernel_conv_shape *shape);
int32_t arm_depthwise_units(const struct kernel_conv_shape *shape);
void arm_depthwise_run(const struct arm_depthwise_isa *isa, const struct kernel_conv_shape *shape,
                       const void *packed, const int8_t *input, int8_t *output, void *scratch,
                       int32_t first, int32_t last);

// Bytes of one block of packed weights.
size_t arm_depthwise_block_size(const struct kernel_conv_shape *shape,
                                enum arm_depthwise_form form);

#endif
