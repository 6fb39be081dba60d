// SPDX-License-Identifier: Apache-2.0
//
// Sums, differences and products of floats: one loop for each, so that compilers make vectors of
// them.

#include "kernels/float_rows.h"

static inline float clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

#define BINARY_LOOPS(expression)                                                                   \
    if (b_scalar) {                                                                                \
        const float v = b[0];                                                                      \
        for (size_t i = 0; i < n; i++)                                                             \
            output[i] = clamp(expression, low, high);                                              \
        return;                                                                                    \
    }                                                                                              \
    for (size_t i = 0; i < n; i++) {                                                               \
        const float v = b[i];                                                                      \
        output[i] = clamp(expression, low, high);                                                  \
    }

static void add(const float *a, const float *b, bool b_scalar, float low, float high, float *output,
                size_t n)
{
    BINARY_LOOPS(a[i] + v)
}

static void subtract(const float *a, const float *b, bool b_scalar, float low, float high,
                     float *output, size_t n)
{
    BINARY_LOOPS(a[i] - v)
}

static void subtract_from(const float *a, const float *b, bool b_scalar, float low, float high,
                          float *output, size_t n)
{
    BINARY_LOOPS(v - a[i])
}

static void multiply(const float *a, const float *b, bool b_scalar, float low, float high,
                     float *output, size_t n)
{
    BINARY_LOOPS(a[i] * v)
}

static void run(enum kernel_binary_kind kind, bool swapped, const struct kernel_float_range *range,
                const float *a, const float *b, bool b_scalar, float *output, size_t n)
{
    switch (kind) {
    case KERNEL_ADD: add(a, b, b_scalar, range->low, range->high, output, n); break;
    case KERNEL_SUB:
        (swapped ? subtract_from : subtract)(a, b, b_scalar, range->low, range->high, output, n);
        break;
    case KERNEL_MUL: multiply(a, b, b_scalar, range->low, range->high, output, n); break;
    }
}

const struct kernel_float_binary kernel_binary_f32_c = {"binary_f32_c", 0, run};
