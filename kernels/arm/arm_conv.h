// SPDX-License-Identifier: Apache-2.0
//
// A convolution as a matrix product, as far as no instruction set changes it: cutting the product
// into units, gathering patches, packing weights into panels, and the loop that calls an ISA's
// panel function.
//
//     rows    = output pixels (batch * out_h * out_w)          depth = k_h * k_w * in_c
//     columns = output channels
//
// A 1x1 convolution without stride or padding (a fully connected layer is one) multiplies the input
// in place. Any other gathers the patches of a block of rows into scratch first: padding positions
// become the input's zero point, and each patch is followed by zeros up to a multiple of
// ARM_DEPTH_STEP.
//
// Packed weights: a byte of flags for each panel, padded to 64, then a panel for each
// `panel_columns` output channels:
//     int32_t bias[pc]   bias - in_zp * sum(w) + depth * in_zp * w_zp, ARM_FOLD added when `folded`
//     float   scale[pc]
//     int8_t  weights[]  for each step of k_step: [pc][k_step]; the depth's rest in steps of
//     ARM_DEPTH_STEP
// Channels past out_c and depth past the real one are zero.

#ifndef QEDGE_KERNELS_ARM_ARM_CONV_H
#define QEDGE_KERNELS_ARM_ARM_CONV_H

#include "kernels/kernels.h"

enum { ARM_DEPTH_STEP = 8, ARM_MAX_TILE = 8 };

// A panel's flags.
enum {
    ARM_PANEL_WIDE = 1,   // some weight is -128: sums of two products may not fit int16
    ARM_PANEL_FOLDED = 2, // the accumulators start at bias + ARM_FOLD (arm_fold.h)
};

// One block of rows against one panel.
struct arm_conv_block {
    const int8_t *a; // rows of `depth` bytes, a multiple of ARM_DEPTH_STEP, one after the other
    int32_t rows, depth;
    const int32_t *row_bias; // [rows], added to every accumulator of the row; NULL = none
    const void *panel;
    int8_t *output; // first column of the panel
    size_t output_stride;
    int32_t columns; // 1..panel_columns to store
    int32_t zero_point, act_min, act_max;
    bool wide, folded; // the panel's flags
};

// What an ISA adds.
struct arm_conv_isa {
    int32_t panel_columns;
    int32_t k_step;    // a multiple of ARM_DEPTH_STEP
    int32_t tile_rows; // <= ARM_MAX_TILE
    int32_t interleave; // bytes of a row side by side in a tile: 16 or 8; 0: rows as they are
    void (*panel)(const struct arm_conv_block *block);
};

// Everything that convolves with plain groups; also depthwise layers of one input channel, which
// are the same.
bool arm_conv_accepts(const struct kernel_conv_shape *shape);
size_t arm_conv_packed_size(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape);
void arm_conv_pack(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape,
                   const struct kernel_conv_weights *weights, void *packed);
size_t arm_conv_scratch_size(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape);
int32_t arm_conv_units(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape);
void arm_conv_run(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape,
                  const void *packed, const int8_t *input, int8_t *output, void *scratch,
                  int32_t first, int32_t last);

// kernel_<name>: a convolution row around an ISA's panel function.
#define ARM_CONV_ROW(row, flags, columns, depth_step, rows, interleave, panel_function)      \
    static const struct arm_conv_isa row##_isa = {columns, depth_step, rows, interleave,     \
                                                  panel_function};                           \
    static size_t row##_packed_size(const struct kernel_conv_shape *shape)                   \
    {                                                                                        \
        return arm_conv_packed_size(&row##_isa, shape);                                      \
    }                                                                                        \
    static void row##_pack(const struct kernel_conv_shape *shape,                            \
                           const struct kernel_conv_weights *weights, void *packed)          \
    {                                                                                        \
        arm_conv_pack(&row##_isa, shape, weights, packed);                                   \
    }                                                                                        \
    static size_t row##_scratch_size(const struct kernel_conv_shape *shape)                  \
    {                                                                                        \
        return arm_conv_scratch_size(&row##_isa, shape);                                     \
    }                                                                                        \
    static int32_t row##_units(const struct kernel_conv_shape *shape)                        \
    {                                                                                        \
        return arm_conv_units(&row##_isa, shape);                                            \
    }                                                                                        \
    static void row##_run(const struct kernel_conv_shape *shape, const void *packed,         \
                          const int8_t *input, int8_t *output, void *scratch, int32_t first, \
                          int32_t last)                                                      \
    {                                                                                        \
        arm_conv_run(&row##_isa, shape, packed, input, output, scratch, first, last);        \
    }                                                                                        \
    const struct kernel_conv kernel_##row =                                                  \
        {                                                                                    \
            #row,                                                                            \
            flags,                                                                           \
            arm_conv_accepts,                                                                \
            row##_packed_size,                                                               \
            row##_pack,                                                                      \
            row##_scratch_size,                                                              \
            row##_units,                                                                     \
            row##_run,                                                                       \
    };

#endif
