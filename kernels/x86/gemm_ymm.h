// SPDX-License-Identifier: Apache-2.0
//
// What ends a tile on 256-bit registers: rounding, narrowing and storing. Shared by every instruction set
// that has AVX2; gemm_tile.h says what each function does.

#ifndef QEDGE_KERNELS_X86_GEMM_YMM_H
#define QEDGE_KERNELS_X86_GEMM_YMM_H

#include <immintrin.h>
#include <string.h>

#include "kernels/x86/gemm_plan.h"

#define TILE_LANES 8
typedef __m256i vec;

static inline vec vec_load(const void *data)
{
    return _mm256_loadu_si256(data);
}

static inline vec vec_spread(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, 4);
    return _mm256_set1_epi32(four);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

static inline vec vec_set(int32_t value)
{
    return _mm256_set1_epi32(value);
}

struct finish {
    __m256 high;
    __m256i zero_point, low;
};

static inline struct finish finish_of(const struct gemm_task *task)
{
    return (struct finish){
        .high = _mm256_set1_ps((float)(task->act_max - task->zero_point)),
        .zero_point = _mm256_set1_epi16((short)task->zero_point),
        .low = _mm256_set1_epi8((char)task->act_min),
    };
}

// The rounding rule up to int32. Too large is clamped here; too small becomes INT32_MIN and is clamped later.
static inline vec finish_round(vec sums, const float *scale, const struct finish *finish)
{
    __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(scale));
    return _mm256_cvtps_epi32(_mm256_min_ps(product, finish->high));
}

// 16-byte lane i of the result holds dwords 4i..4i+3 of a, b, c, d in turn.
static inline vec finish_narrow(vec a, vec b, vec c, vec d, const struct finish *finish)
{
    vec ab = _mm256_adds_epi16(_mm256_packs_epi32(a, b), finish->zero_point);
    vec cd = _mm256_adds_epi16(_mm256_packs_epi32(c, d), finish->zero_point);
    return _mm256_max_epi8(_mm256_packs_epi16(ab, cd), finish->low);
}

// Up to eight values: a channel count need not be a multiple of anything.
static inline __attribute__((always_inline)) void store_eight(int8_t *output, __m128i bytes, int32_t columns)
{
    int64_t eight = _mm_cvtsi128_si64(bytes);
    if (columns >= 8)
        memcpy(output, &eight, 8);
    else
        for (int32_t i = 0; i < columns; i++, eight >>= 8)
            output[i] = (int8_t)eight;
}

static inline __attribute__((always_inline)) void store_sixteen(int8_t *output, __m128i bytes,
                                                                int32_t columns)
{
    if (columns >= 16) {
        _mm_storeu_si128((__m128i *)output, bytes);
        return;
    }
    store_eight(output, bytes, columns);
    if (columns > 8)
        store_eight(output + 8, _mm_unpackhi_epi64(bytes, bytes), columns - 8);
}

static inline __attribute__((always_inline)) void finish_store(int8_t *output, size_t stride, vec bytes,
                                                               int32_t columns, const int vectors,
                                                               const int rows)
{
    (void)rows;
    if (vectors == 2)
        bytes = _mm256_permute4x64_epi64(bytes, 0xD8);
    if (vectors == 1)
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    if (vectors == 2) {
        store_sixteen(output, low, columns);
        store_sixteen(output + stride, high, columns);
    } else {
        store_eight(output, low, columns);
        store_eight(output + stride, _mm_unpackhi_epi64(low, low), columns);
        store_eight(output + 2 * stride, high, columns);
        store_eight(output + 3 * stride, _mm_unpackhi_epi64(high, high), columns);
    }
}

#endif
