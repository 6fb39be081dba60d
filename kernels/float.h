// SPDX-License-Identifier: Apache-2.0
//
// Kernel contracts for float activations: float32 models and dynamic-range models.
//
// The rows, tables and thread rules are those of kernels.h. The shapes too; their int8 fields are not read. What
// differs is the promise: sums of floats depend on their order and on whether a product is rounded before it is
// added, so rows agree to float tolerance (about 1e-6 of the sum of the terms' sizes), not byte for byte, and a
// float model may answer in other last bits on another CPU. On one CPU, with one row, the same input gives the
// same bytes, however a layer is cut into pieces.

#ifndef QEDGE_KERNELS_FLOAT_H
#define QEDGE_KERNELS_FLOAT_H

#include "kernels/kernels.h"

// Outputs are clamped to it; infinite where there is no bound. A NaN stays or becomes a bound.
struct kernel_float_range {
    float low, high;
};

// ---- Convolution, depthwise convolution, fully connected ----------------------------------------

struct kernel_float_weights {
    const float *weights; // KERNEL_CONV: OHWI; KERNEL_DEPTHWISE: [k_h][k_w][out_c]
    const float *bias;    // [out_c], or NULL
};

struct kernel_float_conv {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(const struct kernel_conv_shape *shape);
    size_t (*packed_size)(const struct kernel_conv_shape *shape);
    void (*pack)(const struct kernel_conv_shape *shape, const struct kernel_float_weights *weights, void *packed);
    size_t (*scratch_size)(const struct kernel_conv_shape *shape);
    int32_t (*units)(const struct kernel_conv_shape *shape);
    void (*run)(const struct kernel_conv_shape *shape, const struct kernel_float_range *range, const void *packed,
                const float *input, float *output, void *scratch, int32_t first, int32_t last);
};

const struct kernel_float_conv *kernel_float_conv_select(const struct kernel_conv_shape *shape, uint32_t cpu);
const struct kernel_float_conv *const *kernel_float_conv_rows(size_t *count);

#endif
