// SPDX-License-Identifier: Apache-2.0
//
// Vectors of int32 and the end of every sum on 256-bit registers: rounding, narrowing, storing. Each of
// these has the same name in vec_zmm.h, so that a kernel can be written once for both.

#ifndef QEDGE_KERNELS_X86_VEC_YMM_H
#define QEDGE_KERNELS_X86_VEC_YMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VEC_LANES 8
typedef __m256i vec;

static inline vec vec_load(const void *data)
{
    return _mm256_loadu_si256(data);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

static inline vec vec_set(int32_t value)
{
    return _mm256_set1_epi32(value);
}

static inline vec vec_flip(vec x) // int8 x to uint8 x + 128
{
    return _mm256_xor_si256(x, _mm256_set1_epi8((char)0x80));
}

struct finish {
    vec zero_point, low, high;
    bool relu; // the clamp is to all 256 steps above the zero point, which is -128: what most layers have
};

static inline struct finish finish_of(int32_t zero_point, int32_t act_min, int32_t act_max)
{
    return (struct finish){
        .zero_point = _mm256_set1_epi16((short)zero_point),
        .low = _mm256_set1_epi8((char)act_min),
        .high = _mm256_set1_epi8((char)act_max),
        .relu = zero_point == -128 && act_min == -128 && act_max == 127,
    };
}

// The rounding rule up to int32; the product fits (tame.h).
static inline vec finish_round(vec sums, const float *scale)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(scale)));
}

// 16-byte lane i of the result holds dwords 4i..4i+3 of a, b, c, d in turn.
static inline vec finish_narrow(vec a, vec b, vec c, vec d, const struct finish *finish)
{
    vec ab = _mm256_packs_epi32(a, b), cd = _mm256_packs_epi32(c, d);
    if (finish->relu)
        return vec_flip(_mm256_packus_epi16(ab, cd));
    ab = _mm256_adds_epi16(ab, finish->zero_point);
    cd = _mm256_adds_epi16(cd, finish->zero_point);
    vec bytes = _mm256_max_epi8(_mm256_packs_epi16(ab, cd), finish->low);
    return _mm256_min_epi8(bytes, finish->high);
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

// Bytes of four rows to columns: each dword holds r0 r1 r2 r3 of one channel, lane order as finish_narrow's.
static inline void vec_interleave(vec rows[4])
{
    vec low01 = _mm256_unpacklo_epi8(rows[0], rows[1]), high01 = _mm256_unpackhi_epi8(rows[0], rows[1]);
    vec low23 = _mm256_unpacklo_epi8(rows[2], rows[3]), high23 = _mm256_unpackhi_epi8(rows[2], rows[3]);
    rows[0] = _mm256_unpacklo_epi16(low01, low23);
    rows[1] = _mm256_unpackhi_epi16(low01, low23);
    rows[2] = _mm256_unpacklo_epi16(high01, high23);
    rows[3] = _mm256_unpackhi_epi16(high01, high23);
}

// The first `count` of 32 bytes.
static inline void vec_store_bytes(int8_t *output, vec bytes, int32_t count)
{
    if (count >= 32) {
        _mm256_storeu_si256((__m256i *)output, bytes);
        return;
    }
    store_sixteen(output, _mm256_castsi256_si128(bytes), count);
    if (count > 16)
        store_sixteen(output + 16, _mm256_extracti128_si256(bytes, 1), count - 16);
}

#endif
