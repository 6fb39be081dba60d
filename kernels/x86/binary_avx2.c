// SPDX-License-Identifier: Apache-2.0
//
// Add, subtract and multiply on 256-bit registers. The rows of the wider instruction sets are these too, but
// for AVX-512's add and subtract.
//
// a * a_mul + b * b_mul has multipliers of 22 bits: each is cut into high * 2^11 + low, and pairs (a, b) as
// int16 go twice through vpmaddwd. Nothing of that overflows: 2 * 128 * 2^11.

#include <immintrin.h>
#include <string.h>

#include "kernels/x86/rows_x86.h"

struct sum {
    __m256i high, low, bias, zero_point;
    __m128i shift;
    __m256i act_min, act_max;
};

static inline __m256i pair_of(int32_t a, int32_t b)
{
    return _mm256_set1_epi32((int32_t)(((uint32_t)b << 16) | ((uint32_t)a & 0xFFFF)));
}

static struct sum sum_of(const struct kernel_binary_params *p)
{
    return (struct sum){
        .high = pair_of(p->a_mul >> 11, p->b_mul >> 11),
        .low = pair_of(p->a_mul & 2047, p->b_mul & 2047),
        .bias = _mm256_set1_epi32(p->bias),
        .zero_point = _mm256_set1_epi16((short)p->out_zero_point),
        .shift = _mm_cvtsi32_si128(p->shift),
        .act_min = _mm256_set1_epi8((char)p->act_min),
        .act_max = _mm256_set1_epi8((char)p->act_max),
    };
}

// Eight sums of eight pairs of bytes.
static inline __m256i sum_pairs(__m128i pairs, const struct sum *s)
{
    __m256i ab = _mm256_cvtepi8_epi16(pairs);
    __m256i high = _mm256_slli_epi32(_mm256_madd_epi16(ab, s->high), 11);
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_madd_epi16(ab, s->low), s->bias), high);
    return _mm256_sra_epi32(sum, s->shift);
}

// Sixteen sums as int16, in order.
static inline __m256i sum_sixteen(__m128i a, __m128i b, const struct sum *s)
{
    __m256i first = sum_pairs(_mm_unpacklo_epi8(a, b), s), second = sum_pairs(_mm_unpackhi_epi8(a, b), s);
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
    return _mm256_adds_epi16(words, s->zero_point);
}

static inline __m256i sum_bytes(__m256i a, __m256i b, const struct sum *s)
{
    __m256i low = sum_sixteen(_mm256_castsi256_si128(a), _mm256_castsi256_si128(b), s);
    __m256i high = sum_sixteen(_mm256_extracti128_si256(a, 1), _mm256_extracti128_si256(b, 1), s);
    __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xD8);
    return _mm256_min_epi8(_mm256_max_epi8(bytes, s->act_min), s->act_max);
}

struct product {
    __m256i a_zero, b_zero, zero_point, act_min;
    __m256 scale, high;
};

static struct product product_of(const struct kernel_binary_params *p)
{
    return (struct product){
        .a_zero = _mm256_set1_epi32(p->a_zero_point),
        .b_zero = _mm256_set1_epi32(p->b_zero_point),
        .zero_point = _mm256_set1_epi16((short)p->out_zero_point),
        .act_min = _mm256_set1_epi8((char)p->act_min),
        .scale = _mm256_set1_ps(p->scale),
        .high = _mm256_set1_ps((float)(p->act_max - p->out_zero_point)),
    };
}

// The low eight bytes of a and b.
static inline __m256i product_eight(__m128i a, __m128i b, const struct product *p)
{
    __m256i x = _mm256_sub_epi32(_mm256_cvtepi8_epi32(a), p->a_zero);
    __m256i y = _mm256_sub_epi32(_mm256_cvtepi8_epi32(b), p->b_zero);
    __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_mullo_epi32(x, y)), p->scale);
    return _mm256_cvtps_epi32(_mm256_min_ps(product, p->high));
}

static inline __m256i product_sixteen(__m128i a, __m128i b, const struct product *p)
{
    __m256i first = product_eight(a, b, p);
    __m256i second = product_eight(_mm_unpackhi_epi64(a, a), _mm_unpackhi_epi64(b, b), p);
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
    return _mm256_adds_epi16(words, p->zero_point);
}

static inline __m256i product_bytes(__m256i a, __m256i b, const struct product *p)
{
    __m256i low = product_sixteen(_mm256_castsi256_si128(a), _mm256_castsi256_si128(b), p);
    __m256i high = product_sixteen(_mm256_extracti128_si256(a, 1), _mm256_extracti128_si256(b, 1), p);
    __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xD8);
    return _mm256_max_epi8(bytes, p->act_min);
}

// The last n < 32 bytes, then zeros.
static __m256i load_tail(const int8_t *x, size_t n)
{
    int8_t bytes[32] = {0};
    memcpy(bytes, x, n);
    return _mm256_loadu_si256((const __m256i *)bytes);
}

static void store_tail(int8_t *output, __m256i value, size_t n)
{
    int8_t bytes[32];
    _mm256_storeu_si256((__m256i *)bytes, value);
    memcpy(output, bytes, n);
}

static void run_sum(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    const struct sum s = sum_of(params);
    size_t i = 0, step = b_scalar ? 0 : 1;
    if (n == 0)
        return;
    __m256i y = _mm256_set1_epi8(b[0]);
    for (; i + 32 <= n; i += 32) {
        if (step)
            y = _mm256_loadu_si256((const __m256i *)(b + i));
        __m256i x = _mm256_loadu_si256((const __m256i *)(a + i));
        _mm256_storeu_si256((__m256i *)(output + i), sum_bytes(x, y, &s));
    }
    if (i < n) {
        if (step)
            y = load_tail(b + i, n - i);
        store_tail(output + i, sum_bytes(load_tail(a + i, n - i), y, &s), n - i);
    }
}

static void run_product(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                        bool b_scalar, int8_t *output, size_t n)
{
    const struct product p = product_of(params);
    size_t i = 0, step = b_scalar ? 0 : 1;
    if (n == 0)
        return;
    __m256i y = _mm256_set1_epi8(b[0]);
    for (; i + 32 <= n; i += 32) {
        if (step)
            y = _mm256_loadu_si256((const __m256i *)(b + i));
        __m256i x = _mm256_loadu_si256((const __m256i *)(a + i));
        _mm256_storeu_si256((__m256i *)(output + i), product_bytes(x, y, &p));
    }
    if (i < n) {
        if (step)
            y = load_tail(b + i, n - i);
        store_tail(output + i, product_bytes(load_tail(a + i, n - i), y, &p), n - i);
    }
}

#define SUM_ROWS(suffix, flag)                                                                     \
    const struct kernel_binary kernel_add_##suffix = {"add_" #suffix, flag, KERNEL_ADD, run_sum};  \
    const struct kernel_binary kernel_sub_##suffix = {"sub_" #suffix, flag, KERNEL_SUB, run_sum}
#define PRODUCT_ROW(suffix, flag)                                                                  \
    const struct kernel_binary kernel_mul_##suffix = {"mul_" #suffix, flag, KERNEL_MUL, run_product}

SUM_ROWS(avx2, KERNEL_CPU_AVX2);
SUM_ROWS(avxvnni, KERNEL_CPU_AVXVNNI);
PRODUCT_ROW(avx2, KERNEL_CPU_AVX2);
PRODUCT_ROW(avxvnni, KERNEL_CPU_AVXVNNI);
PRODUCT_ROW(avx512vnni, KERNEL_CPU_AVX512VNNI);
