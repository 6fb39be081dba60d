// SPDX-License-Identifier: Apache-2.0
//
// The fixed-point arithmetic of TFLite's integer kernels, for the operators that LiteRT runs with
// them. Source of the maths: gemmlowp's fixedpoint.h and TFLite's common.h (double-rounding build).

#ifndef QEDGE_KERNELS_FIXEDPOINT_H
#define QEDGE_KERNELS_FIXEDPOINT_H

#include <stdint.h>

// real ~ multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0.
struct fixed_multiplier {
    int32_t multiplier;
    int32_t shift;
};

struct fixed_multiplier fixed_multiplier_from(double real);

// a * b / 2^31, halves up. (TFLite writes it as a division of product + nudge, the nudge by the
// product's sign: the same numbers.)
static inline int32_t fixed_high_multiply(int32_t a, int32_t b)
{
    if (a == INT32_MIN && b == INT32_MIN)
        return INT32_MAX;
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

// The same for 16 bits: a * b / 2^15.
static inline int16_t fixed_high_multiply_16(int16_t a, int16_t b)
{
    if (a == INT16_MIN && b == INT16_MIN)
        return INT16_MAX;
    return (int16_t)(((int32_t)a * b + (1 << 14)) >> 15);
}

// x / 2^exponent rounded half away from zero; exponent in [0, 31].
static inline int32_t fixed_divide_by_power(int32_t x, int32_t exponent)
{
    int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
    int32_t remainder = x & mask, threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + (remainder > threshold);
}

// x * real, rounded twice as TFLite does. Overflowing left shifts saturate.
static inline int32_t fixed_scale(int32_t x, struct fixed_multiplier m)
{
    int32_t left = m.shift > 0 ? m.shift : 0, right = m.shift > 0 ? 0 : -m.shift;
    int64_t wide = (int64_t)x * (INT64_C(1) << left);
    int32_t shifted = wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
    return fixed_divide_by_power(fixed_high_multiply(shifted, m.multiplier), right);
}

static inline int32_t fixed_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

#endif
