// SPDX-License-Identifier: Apache-2.0
//
// Matrix product with vpdpbusd on ymm registers: the whole of gemm_avxvnni.c but the encoding of the
// instruction (VEX there), so that a test can build it for CPUs that only have the EVEX one.
// Panel: x + 128 as uint8; weights int8. The including file defines GEMM_VPDPBUSD before.

#ifndef QEDGE_KERNELS_X86_GEMM_AVXVNNI_H
#define QEDGE_KERNELS_X86_GEMM_AVXVNNI_H

#include "kernels/x86/gemm_ymm.h"
#include "kernels/x86/load_some.h"
#include "kernels/x86/rows_x86.h"

#define GATHER_BYTES 1
#define GATHER_VECTOR 32

static inline void gather_vector(uint8_t *panel, const int8_t *x, int32_t zero_point)
{
    (void)zero_point;
    _mm256_storeu_si256((__m256i *)panel, vec_flip(vec_load(x)));
}

static inline __attribute__((always_inline)) void gather_piece(uint8_t *panel, const int8_t *x,
                                                               int32_t zero_point, const int size)
{
    const __m128i flip = _mm_set1_epi8((char)0x80);
    if (size == 16)
        _mm_storeu_si128((__m128i *)panel, _mm_xor_si128(_mm_loadu_si128((const __m128i *)x), flip));
    else
        gather_vector(panel, x, zero_point);
}

static inline void gather_tail(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
{
    (void)zero_point;
    const __m128i flip = _mm_set1_epi8((char)0x80);
    __m128i low = n >= 16 ? _mm_loadu_si128((const __m128i *)x) : load_some(x, n);
    _mm_storeu_si128((__m128i *)panel, _mm_xor_si128(low, flip));
    if (n > 16)
        _mm_storeu_si128((__m128i *)(panel + 16), _mm_xor_si128(load_some(x + 16, n - 16), flip));
}

static inline void gather_padding(uint8_t *panel, int32_t zero_point)
{
    _mm256_storeu_si256((__m256i *)panel, _mm256_set1_epi8((char)(zero_point + 128)));
}

#include "kernels/x86/gemm_gather.h"

static inline vec vec_dot(vec sums, vec x, vec weights)
{
    __asm__(GEMM_VPDPBUSD : "+x"(sums) : "x"(x), "x"(weights));
    return sums;
}

static int32_t sum_lanes(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    return _mm_cvtsi128_si32(s);
}

static int32_t sum_bytes(const uint8_t *x, int32_t n)
{
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i sum = _mm256_setzero_si256();
    for (; n >= 32; n -= 32, x += 32)
        sum = vec_dot(sum, vec_load(x), ones);
    int32_t rest = 0;
    for (; n > 0; n--)
        rest += *x++;
    return sum_lanes(sum) + rest;
}

#include "kernels/x86/gemm_tile.h"

static void multiply(const struct gemm_task *task)
{
    // Wider tiles would need more than 16 registers, or weights from memory, which is slower.
    if (task->vectors == 2)
        tile_multiply(task, 3, 2);
    else
        tile_multiply(task, 3, 1);
}

#endif
