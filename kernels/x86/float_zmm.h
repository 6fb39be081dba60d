// SPDX-License-Identifier: Apache-2.0
//
// Vectors of 16 floats for kernels/conv_f32.h and kernels/depthwise_f32.h.

#ifndef QEDGE_KERNELS_X86_FLOAT_ZMM_H
#define QEDGE_KERNELS_X86_FLOAT_ZMM_H

#include <immintrin.h>
#include <stdint.h>

#define FLOAT_LANES 16
typedef __m512 float_vec;

static inline float_vec float_load(const void *from)
{
    return _mm512_loadu_ps(from);
}

static inline float_vec float_spread(const void *from)
{
    return _mm512_set1_ps(*(const float *)from);
}

// sums + x * w, rounded once.
static inline float_vec float_mac(float_vec sums, float_vec x, float_vec w)
{
    return _mm512_fmadd_ps(x, w, sums);
}

static inline float_vec float_set(float value)
{
    return _mm512_set1_ps(value);
}

static inline float_vec float_multiply(float_vec a, float_vec b)
{
    return _mm512_mul_ps(a, b);
}

// Clamps and stores the first `count` lanes. A NaN becomes `low`.
static inline void float_store(float *to, float_vec x, float low, float high, int32_t count)
{
    float_vec y = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(low)), _mm512_set1_ps(high));
    if (count >= FLOAT_LANES)
        _mm512_storeu_ps(to, y);
    else
        _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), y);
}

#endif
