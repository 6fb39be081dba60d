// SPDX-License-Identifier: Apache-2.0
//
// Add and subtract on 512-bit registers.
//
// A 32-bit lane holds [0 a 0 b]: as two int16 that is a * 2^8 and b * 2^8, as four int8 a and b themselves.
// A multiplier of 22 bits is cut into high * 2^8 + low: vpdpwssd adds the words times the high parts,
// vpdpbusd the bytes times the low ones. Every sum fits (kernels/c/binary_c.c).

#include <immintrin.h>

#include "kernels/x86/rows_x86.h"

struct sum {
    __m512i high, low, bias, shift, zero_point, act_min, act_max;
    bool relu; // the clamp is to all 256 steps above the zero point, which is -128
};

static struct sum sum_of(const struct kernel_binary_params *p)
{
    uint32_t high = ((uint32_t)(p->b_mul >> 8) << 16) | ((uint32_t)(p->a_mul >> 8) & 0xFFFF);
    uint32_t low = ((uint32_t)p->b_mul & 0xFF) << 24 | ((uint32_t)p->a_mul & 0xFF) << 8;
    return (struct sum){
        .high = _mm512_set1_epi32((int32_t)high),
        .low = _mm512_set1_epi32((int32_t)low),
        .bias = _mm512_set1_epi32(p->bias),
        .shift = _mm512_set1_epi32(p->shift),
        .zero_point = _mm512_set1_epi32(p->out_zero_point),
        .act_min = _mm512_set1_epi8((char)p->act_min),
        .act_max = _mm512_set1_epi8((char)p->act_max),
        .relu = p->out_zero_point == -128 && p->act_min == -128 && p->act_max == 127,
    };
}

// Sixteen sums. Shifts by a vector, and a zero point added to int32, are not done by the products' units on Zen 4.
static inline __m512i sum_lanes(__m512i lanes, const struct sum *s, const bool relu)
{
    __m512i sums = _mm512_dpwssd_epi32(s->bias, lanes, s->high);
    sums = _mm512_srav_epi32(_mm512_dpbusd_epi32(sums, s->low, lanes), s->shift);
    return relu ? sums : _mm512_add_epi32(sums, s->zero_point);
}

// 32 sums as int16 of pairs of bytes; unpacking and packing stay within 16-byte lanes, so order is kept.
static inline __m512i sum_pairs(__m512i pairs, const struct sum *s, const bool relu)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i first = sum_lanes(_mm512_unpacklo_epi8(zero, pairs), s, relu);
    __m512i second = sum_lanes(_mm512_unpackhi_epi8(zero, pairs), s, relu);
    return _mm512_packs_epi32(first, second);
}

static inline __m512i sum_bytes(__m512i a, __m512i b, const struct sum *s, const bool relu)
{
    __m512i low = sum_pairs(_mm512_unpacklo_epi8(a, b), s, relu);
    __m512i high = sum_pairs(_mm512_unpackhi_epi8(a, b), s, relu);
    if (relu)
        return _mm512_xor_si512(_mm512_packus_epi16(low, high), _mm512_set1_epi8((char)0x80));
    return _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(low, high), s->act_min), s->act_max);
}

static inline __attribute__((always_inline)) void run(const struct sum *s, const int8_t *a, const int8_t *b,
                                                      bool b_scalar, int8_t *output, size_t n, const bool relu)
{
    size_t i = 0;
    __m512i x, y = _mm512_set1_epi8(b[0]);
    for (; i + 64 <= n; i += 64) {
        x = _mm512_loadu_si512(a + i);
        y = b_scalar ? y : _mm512_loadu_si512(b + i);
        _mm512_storeu_si512(output + i, sum_bytes(x, y, s, relu));
    }
    if (i == n)
        return;
    __mmask64 rest = ~UINT64_C(0) >> (64 - (n - i));
    x = _mm512_maskz_loadu_epi8(rest, a + i);
    y = b_scalar ? y : _mm512_maskz_loadu_epi8(rest, b + i);
    _mm512_mask_storeu_epi8(output + i, rest, sum_bytes(x, y, s, relu));
}

static void run_sum(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    const struct sum s = sum_of(params);
    if (n > 0 && s.relu)
        run(&s, a, b, b_scalar, output, n, true);
    else if (n > 0)
        run(&s, a, b, b_scalar, output, n, false);
}

const struct kernel_binary kernel_add_avx512vnni = {
    .name = "add_avx512vnni", .cpu = KERNEL_CPU_AVX512VNNI, .kind = KERNEL_ADD, .run = run_sum,
};
const struct kernel_binary kernel_sub_avx512vnni = {
    .name = "sub_avx512vnni", .cpu = KERNEL_CPU_AVX512VNNI, .kind = KERNEL_SUB, .run = run_sum,
};
