// SPDX-License-Identifier: Apache-2.0
//
// Vectors of int32 and the end of every sum on 512-bit registers; see vec_ymm.h.

#ifndef QEDGE_KERNELS_X86_VEC_ZMM_H
#define QEDGE_KERNELS_X86_VEC_ZMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VEC_LANES 16
typedef __m512i vec;

static inline vec vec_load(const void *data)
{
    return _mm512_loadu_si512(data);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

static inline vec vec_set(int32_t value)
{
    return _mm512_set1_epi32(value);
}

static inline vec vec_flip(vec x) // int8 x to uint8 x + 128
{
    return _mm512_xor_si512(x, _mm512_set1_epi8((char)0x80));
}

struct finish {
    vec zero_point, low, high;
    bool relu; // the clamp is to all 256 steps above the zero point, which is -128: what most layers have
};

static inline struct finish finish_of(int32_t zero_point, int32_t act_min, int32_t act_max)
{
    return (struct finish){
        .zero_point = _mm512_set1_epi32(zero_point),
        .low = _mm512_set1_epi8((char)act_min),
        .high = _mm512_set1_epi8((char)act_max),
        .relu = zero_point == -128 && act_min == -128 && act_max == 127,
    };
}

// The rounding rule up to int32; the product fits (tame.h).
static inline vec finish_round(vec sums, const float *scale)
{
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(scale)));
}

// 16-byte lane i of the result holds dwords 4i..4i+3 of a, b, c, d in turn. The zero point is added to int32,
// in twice as many steps as to int16: saturating sums wait for the products' units on Zen 4, these do not.
static inline vec finish_narrow(vec a, vec b, vec c, vec d, const struct finish *finish)
{
    if (finish->relu)
        return vec_flip(_mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)));
    vec ab = _mm512_packs_epi32(vec_add(a, finish->zero_point), vec_add(b, finish->zero_point));
    vec cd = _mm512_packs_epi32(vec_add(c, finish->zero_point), vec_add(d, finish->zero_point));
    vec bytes = _mm512_max_epi8(_mm512_packs_epi16(ab, cd), finish->low);
    return _mm512_min_epi8(bytes, finish->high);
}

// Not the intrinsic: gcc 12 moves part of it out of the loop and then copies every accumulator every time.
static inline vec vec_dot(vec sums, vec x, vec weights)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(weights));
    return sums;
}

// The same with weights in memory, aligned.
static inline vec vec_dot_memory(vec sums, vec x, const uint8_t *weights)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "m"(*(const vec *)weights));
    return sums;
}

// Bytes of four rows to columns: each dword holds r0 r1 r2 r3 of one channel, lane order as finish_narrow's.
static inline void vec_interleave(vec rows[4])
{
    vec low01 = _mm512_unpacklo_epi8(rows[0], rows[1]), high01 = _mm512_unpackhi_epi8(rows[0], rows[1]);
    vec low23 = _mm512_unpacklo_epi8(rows[2], rows[3]), high23 = _mm512_unpackhi_epi8(rows[2], rows[3]);
    rows[0] = _mm512_unpacklo_epi16(low01, low23);
    rows[1] = _mm512_unpackhi_epi16(low01, low23);
    rows[2] = _mm512_unpacklo_epi16(high01, high23);
    rows[3] = _mm512_unpackhi_epi16(high01, high23);
}

// The first `count` of 64 bytes.
static inline void vec_store_bytes(int8_t *output, vec bytes, int32_t count)
{
    if (count >= 64)
        _mm512_storeu_si512(output, bytes);
    else
        _mm512_mask_storeu_epi8(output, ~UINT64_C(0) >> (64 - count), bytes);
}

#endif
