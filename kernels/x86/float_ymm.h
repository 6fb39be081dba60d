// SPDX-License-Identifier: Apache-2.0
//
// Vectors of 8 floats; see float_zmm.h.

#ifndef QEDGE_KERNELS_X86_FLOAT_YMM_H
#define QEDGE_KERNELS_X86_FLOAT_YMM_H

#include <immintrin.h>
#include <stdint.h>

#define FLOAT_LANES 8
typedef __m256 float_vec;

static inline float_vec float_load(const void *from)
{
    return _mm256_loadu_ps(from);
}

static inline float_vec float_spread(const void *from)
{
    return _mm256_broadcast_ss(from);
}

static inline float_vec float_mac(float_vec sums, float_vec x, float_vec w)
{
    return _mm256_fmadd_ps(x, w, sums);
}

static inline float_vec float_set(float value)
{
    return _mm256_set1_ps(value);
}

static inline float_vec float_add(float_vec a, float_vec b)
{
    return _mm256_add_ps(a, b);
}

static inline float_vec float_subtract(float_vec a, float_vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline float_vec float_multiply(float_vec a, float_vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline float_vec float_divide(float_vec a, float_vec b)
{
    return _mm256_div_ps(a, b);
}

// a where it is more than b, else b.
static inline float_vec float_most(float_vec a, float_vec b)
{
    return _mm256_max_ps(a, b);
}

static inline void float_store(float *to, float_vec x, float low, float high, int32_t count)
{
    float_vec y = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(low)), _mm256_set1_ps(high));
    if (count >= FLOAT_LANES) {
        _mm256_storeu_ps(to, y);
        return;
    }
    float all[FLOAT_LANES];
    _mm256_storeu_ps(all, y);
    for (int32_t i = 0; i < count; i++)
        to[i] = all[i];
}

#endif
