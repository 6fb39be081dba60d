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

// `weight_sum` = sum over the channel's taps of |w - weight_zero_point|; |x - input_zero_point| <=
// 255.
static inline bool arm_fold_fits(int64_t weight_sum, int32_t bias, float scale)
{
    int64_t bound = 255 * weight_sum + (bias < 0 ? -(int64_t)bias : (int64_t)bias);

    return bound < (1 << 22) && (double)bound * (double)scale < 32000.0;
}

#endif
