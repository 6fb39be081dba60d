// SPDX-License-Identifier: Apache-2.0
//
// The rounding rule, once, for every kernel in kernels/c: int32 sums to int8 values.

#ifndef QEDGE_KERNELS_REQUANTIZE_H
#define QEDGE_KERNELS_REQUANTIZE_H

#include <math.h>
#include <stdint.h>

// Where a product is clamped before it is rounded: both ends are whole numbers, so clamping first gives
// what clamping last would, and the conversion to integer never sees a value that it cannot hold.
struct requantize_range {
    float low, high;
    int32_t zero_point;
};

static inline struct requantize_range requantize_range(int32_t zero_point, int32_t act_min,
                                                       int32_t act_max)
{
    return (struct requantize_range){
        .low = (float)(act_min - zero_point),
        .high = (float)(act_max - zero_point),
        .zero_point = zero_point,
    };
}

// Rounds half to even (the default rounding mode, which nothing here changes).
static inline int8_t requantize_float(float value, const struct requantize_range *range)
{
    value = value > range->low ? value : range->low; // a NaN becomes low, as in the SIMD rows
    value = value > range->high ? range->high : value;
    return (int8_t)((int32_t)lrintf(value) + range->zero_point);
}

static inline int8_t requantize(int32_t acc, float scale, const struct requantize_range *range)
{
    return requantize_float((float)acc * scale, range);
}

static inline int8_t requantize_clamp(int32_t value, int32_t low, int32_t high)
{
    return (int8_t)(value < low ? low : value > high ? high : value);
}

#endif
