// SPDX-License-Identifier: Apache-2.0
//
// Kernel contracts for 16x8 models: int16 activations with zero point 0, int8 weights, int64 sums.
//
// The rows, tables, shapes and thread rules are those of kernels.h (the shapes' int8 fields are not
// read). Sums are exact, their rounding is one of three that TFLite knows; kernels/c is the
// definition, every other row gives the same bytes. Padding is x = 0.

#ifndef QEDGE_KERNELS_WIDE_H
#define QEDGE_KERNELS_WIDE_H

#include "kernels/fixedpoint.h"
#include "kernels/kernels.h"

// How a channel's sum becomes an output, before the clamp:
enum kernel_wide_rule {
    // int64 sums: (sum * m + 2^(shift - 1)) >> shift, m the multiplier's upper 15 bits
    KERNEL_WIDE_REDUCED,
    // int32 bias: the sum modulo 2^32, fixed_scale (fixedpoint.h)
    KERNEL_WIDE_FIXED,
    // fully connected: round((double)sum * factor), halves away from zero
    KERNEL_WIDE_REAL,
};

struct kernel_wide_range {
    int32_t low, high; // -32768 <= low, high <= 32767
};

struct kernel_wide_weights {
    const int8_t *weights; // as in kernels.h
    const int64_t *bias;   // [out_c], sizes up to 2^52
    enum kernel_wide_rule rule;
    const struct fixed_multiplier *multipliers; // [out_c], of factors in (0, 128)
    const double *factors;                      // [out_c], KERNEL_WIDE_REAL only
};

struct kernel_wide_conv {
    const char *name;
    uint32_t cpu;
    bool (*accepts)(const struct kernel_conv_shape *shape);
    size_t (*packed_size)(const struct kernel_conv_shape *shape);
    void (*pack)(const struct kernel_conv_shape *shape, const struct kernel_wide_weights *weights,
                 void *packed);
    size_t (*scratch_size)(const struct kernel_conv_shape *shape);
    int32_t (*units)(const struct kernel_conv_shape *shape);
    void (*run)(const struct kernel_conv_shape *shape, const struct kernel_wide_range *range,
                const void *packed, const int16_t *input, int16_t *output, void *scratch,
                int32_t first, int32_t last);
};

const struct kernel_wide_conv *kernel_wide_conv_select(const struct kernel_conv_shape *shape,
                                                       uint32_t cpu);
const struct kernel_wide_conv *const *kernel_wide_conv_rows(size_t *count);

#endif
