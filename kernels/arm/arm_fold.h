// SPDX-License-Identifier: Apache-2.0
//
// Folded accumulators: started at bias + ARM_FOLD, an accumulator's bits are the float 1.5 * 2^23 +
// acc, exactly, while |acc| < 2^22; one subtraction of ARM_FOLD_VALUE turns it into (float)acc. The
// product with the scale is then rounded half to even by adding ARM_FOLD_VALUE: the low half of the
// sum's bits is the integer, while |acc * scale| < 2^15. Where both are known from the weights this
// replaces two conversions and two narrowings; the bytes are the same.

#ifndef QEDGE_KERNELS_ARM_ARM_FOLD_H
#define QEDGE_KERNELS_ARM_ARM_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#define ARM_FOLD 0x4b400000 // the bits of ARM_FOLD_VALUE
#define ARM_FOLD_VALUE 12582912.0f

// The accumulators that a channel can reach, zero points taken off both operands.
struct arm_range {
    int64_t low, high;
};

static inline struct arm_range arm_range_start(int32_t bias)
{
    return (struct arm_range){bias, bias};
}

// One more weight (its zero point taken off) on any int8 input with this zero point.
static inline void arm_range_add(struct arm_range *range, int32_t weight, int32_t input_zero_point)
{
    int32_t a = weight * (INT8_MIN - input_zero_point), b = weight * (INT8_MAX - input_zero_point);

    range->low += a < b ? a : b;
    range->high += a < b ? b : a;
}

static inline bool arm_fold_fits(const struct arm_range *range, float scale)
{
    int64_t bound = -range->low > range->high ? -range->low : range->high;

    return bound < (1 << 22) && (double)bound * (double)scale < 32000.0;
}

#endif
