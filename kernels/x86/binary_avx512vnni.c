// SPDX-License-Identifier: Apache-2.0
//
// Add and subtract on 512-bit registers: the arithmetic of binary_avx2.c, 64 values at a time.

#include <immintrin.h>

#include "kernels/x86/rows_x86.h"

struct sum {
    __m512i high, low, bias, zero_point, act_min, act_max;
    __m128i shift;
};

static inline __m512i pair_of(int32_t a, int32_t b)
{
    return _mm512_set1_epi32((int32_t)(((uint32_t)b << 16) | ((uint32_t)a & 0xFFFF)));
}

static struct sum sum_of(const struct kernel_binary_params *p)
{
    return (struct sum){
        .high = pair_of(p->a_mul >> 11, p->b_mul >> 11),
        .low = pair_of(p->a_mul & 2047, p->b_mul & 2047),
        .bias = _mm512_set1_epi32(p->bias),
        .zero_point = _mm512_set1_epi16((short)p->out_zero_point),
        .act_min = _mm512_set1_epi8((char)p->act_min),
        .act_max = _mm512_set1_epi8((char)p->act_max),
        .shift = _mm_cvtsi32_si128(p->shift),
    };
}

// Sixteen sums of sixteen pairs of int16.
static inline __m512i sum_pairs(__m512i pairs, const struct sum *s)
{
    __m512i high = _mm512_slli_epi32(_mm512_madd_epi16(pairs, s->high), 11);
    __m512i low = _mm512_dpwssd_epi32(s->bias, pairs, s->low);
    return _mm512_sra_epi32(_mm512_add_epi32(high, low), s->shift);
}

// 32 sums as int16, in order: unpacking and packing stay within 16-byte lanes.
static inline __m512i sum_words(__m256i a, __m256i b, const struct sum *s)
{
    __m512i x = _mm512_cvtepi8_epi16(a), y = _mm512_cvtepi8_epi16(b);
    __m512i first = sum_pairs(_mm512_unpacklo_epi16(x, y), s);
    __m512i second = sum_pairs(_mm512_unpackhi_epi16(x, y), s);
    return _mm512_adds_epi16(_mm512_packs_epi32(first, second), s->zero_point);
}

static inline __m512i sum_bytes(__m512i a, __m512i b, const struct sum *s)
{
    __m512i low = sum_words(_mm512_castsi512_si256(a), _mm512_castsi512_si256(b), s);
    __m512i high = sum_words(_mm512_extracti64x4_epi64(a, 1), _mm512_extracti64x4_epi64(b, 1), s);
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    __m512i bytes = _mm512_permutexvar_epi64(order, _mm512_packs_epi16(low, high));
    return _mm512_min_epi8(_mm512_max_epi8(bytes, s->act_min), s->act_max);
}

static void run_sum(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    const struct sum s = sum_of(params);
    size_t i = 0;
    if (n == 0)
        return;
    __m512i x, y = _mm512_set1_epi8(b[0]);
    for (; i + 64 <= n; i += 64) {
        x = _mm512_loadu_si512(a + i);
        y = b_scalar ? y : _mm512_loadu_si512(b + i);
        _mm512_storeu_si512(output + i, sum_bytes(x, y, &s));
    }
    if (i == n)
        return;
    __mmask64 rest = ~UINT64_C(0) >> (64 - (n - i));
    x = _mm512_maskz_loadu_epi8(rest, a + i);
    y = b_scalar ? y : _mm512_maskz_loadu_epi8(rest, b + i);
    _mm512_mask_storeu_epi8(output + i, rest, sum_bytes(x, y, &s));
}

const struct kernel_binary kernel_add_avx512vnni = {
    .name = "add_avx512vnni", .cpu = KERNEL_CPU_AVX512VNNI, .kind = KERNEL_ADD, .run = run_sum,
};
const struct kernel_binary kernel_sub_avx512vnni = {
    .name = "sub_avx512vnni", .cpu = KERNEL_CPU_AVX512VNNI, .kind = KERNEL_SUB, .run = run_sum,
};
