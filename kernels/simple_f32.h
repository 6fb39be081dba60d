// SPDX-License-Identifier: Apache-2.0
//
// Pooling, sums and products of floats for one instruction set; the including file brings a
// float_*.h before. Pools take at least a vector of channels: the last vector of a pixel overlaps
// the one before it, both compute the same there.

#ifndef QEDGE_KERNELS_SIMPLE_F32_H
#define QEDGE_KERNELS_SIMPLE_F32_H

#include <string.h>

#include "kernels/float_rows.h"
#include "kernels/packing.h"

#define SIMPLE_INLINE static inline __attribute__((always_inline))

// ---- pooling -----------------------------------------------------------------------------------

SIMPLE_INLINE void pool_pixel(const float *window, int32_t lines, int32_t taps, size_t line,
                              int32_t channels, const struct kernel_float_range *range, float *out,
                              const bool most)
{
    const float_vec count = float_set((float)(lines * taps));
    for (int32_t c = 0;; c += FLOAT_LANES) {
        c = packing_min(c, channels - FLOAT_LANES);
        float_vec sum = float_load(window + c);
        for (int32_t y = 0; y < lines; y++) {
            const float *x = window + (size_t)y * line + c;
            for (int32_t i = y == 0 ? 1 : 0; i < taps; i++) {
                float_vec v = float_load(x + (size_t)i * (size_t)channels);
                sum = most ? float_most(v, sum) : float_add(sum, v);
            }
        }
        float_store(out + c, most ? sum : float_divide(sum, count), range->low, range->high,
                    FLOAT_LANES);
        if (c == channels - FLOAT_LANES)
            break;
    }
}

static void pool_run(const struct kernel_pool_shape *s, const struct kernel_float_range *range,
                     const float *input, float *output, int32_t first, int32_t last)
{
    const size_t channels = (size_t)s->channels, line = (size_t)s->in_w * channels;
    for (int32_t pixel = first; pixel < last; pixel++) {
        int32_t row = pixel / s->out_w, y = row % s->out_h * s->stride_h - s->pad_top,
                x = pixel % s->out_w * s->stride_w - s->pad_left;
        int32_t top = packing_max(y, 0), left = packing_max(x, 0);
        int32_t lines = packing_min(y + s->k_h, s->in_h) - top,
                taps = packing_min(x + s->k_w, s->in_w) - left;
        const float *window = input +
                              ((size_t)(row / s->out_h) * (size_t)s->in_h + (size_t)top) * line +
                              (size_t)left * channels;
        float *out = output + (size_t)pixel * channels;
        if (s->kind == KERNEL_POOL_MAX)
            pool_pixel(window, lines, taps, line, s->channels, range, out, true);
        else
            pool_pixel(window, lines, taps, line, s->channels, range, out, false);
    }
}

static bool pool_accepts(const struct kernel_pool_shape *s)
{
    return s->channels >= FLOAT_LANES;
}

#define POOL_FLOAT_ROW(symbol, row_name, flag)                                                     \
    const struct kernel_float_pool symbol = {row_name, flag, pool_accepts, pool_run}

// ---- sums and products -------------------------------------------------------------------------

enum simple_operation { SIMPLE_ADD, SIMPLE_SUBTRACT, SIMPLE_SUBTRACT_FROM, SIMPLE_MULTIPLY };

SIMPLE_INLINE float_vec simple_vector(float_vec a, float_vec b,
                                      const enum simple_operation operation)
{
    switch (operation) {
    case SIMPLE_ADD: return float_add(a, b);
    case SIMPLE_SUBTRACT: return float_subtract(a, b);
    case SIMPLE_SUBTRACT_FROM: return float_subtract(b, a);
    default: return float_multiply(a, b);
    }
}

SIMPLE_INLINE void simple_loop(const float *a, const float *b, const bool b_scalar,
                               const struct kernel_float_range *range, float *output, size_t n,
                               const enum simple_operation operation)
{
    const float_vec one = float_set(b[0]);
    size_t i = 0;
    for (; i + FLOAT_LANES <= n; i += FLOAT_LANES)
        float_store(output + i,
                    simple_vector(float_load(a + i), b_scalar ? one : float_load(b + i), operation),
                    range->low, range->high, FLOAT_LANES);
    if (i < n) {
        float left[FLOAT_LANES] = {0}, right[FLOAT_LANES] = {0};
        memcpy(left, a + i, (n - i) * sizeof *left);
        if (!b_scalar)
            memcpy(right, b + i, (n - i) * sizeof *right);
        float_store(output + i,
                    simple_vector(float_load(left), b_scalar ? one : float_load(right), operation),
                    range->low, range->high, (int32_t)(n - i));
    }
}

#define SIMPLE_CASE(operation)                                                                     \
    if (b_scalar)                                                                                  \
        simple_loop(a, b, true, range, output, n, operation);                                      \
    else                                                                                           \
        simple_loop(a, b, false, range, output, n, operation)

static void binary_run(enum kernel_binary_kind kind, bool swapped,
                       const struct kernel_float_range *range, const float *a, const float *b,
                       bool b_scalar, float *output, size_t n)
{
    if (n == 0)
        return;
    if (kind == KERNEL_ADD) {
        SIMPLE_CASE(SIMPLE_ADD);
    } else if (kind == KERNEL_MUL) {
        SIMPLE_CASE(SIMPLE_MULTIPLY);
    } else if (swapped) {
        SIMPLE_CASE(SIMPLE_SUBTRACT_FROM);
    } else {
        SIMPLE_CASE(SIMPLE_SUBTRACT);
    }
}

#define BINARY_FLOAT_ROW(symbol, row_name, flag)                                                   \
    const struct kernel_float_binary symbol = {row_name, flag, binary_run}

#endif
