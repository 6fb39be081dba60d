// SPDX-License-Identifier: Apache-2.0
//
// 16x8 sums on 256-bit registers: vectors of int32 sums, and rounding four channels at once, by the
// rule of wide_round.h, where sums fit int32. The including file brings word_mac before
// kernels/conv_16x8.h.

#ifndef QEDGE_KERNELS_X86_WIDE_YMM_H
#define QEDGE_KERNELS_X86_WIDE_YMM_H

#include <immintrin.h>

#include "kernels/wide_round.h"

#define WORD_LANES 8
#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4)
typedef __m256i word_vec;

static inline word_vec word_load(const void *from)
{
    return _mm256_loadu_si256(from);
}

static inline word_vec word_spread(const void *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm256_set1_epi32(word);
}

static inline word_vec word_zero(void)
{
    return _mm256_setzero_si256();
}

static inline void word_widen(int64_t *to, word_vec sums, bool more)
{
    __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(sums)),
            high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(sums, 1));
    if (more) {
        low = _mm256_add_epi64(low, word_load(to));
        high = _mm256_add_epi64(high, word_load(to + 4));
    }
    _mm256_storeu_si256((__m256i *)to, low);
    _mm256_storeu_si256((__m256i *)(to + 4), high);
}

static inline __m256i wide_from_int32(const int32_t *from)
{
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)from));
}

static inline int32_t wide_round_some(const struct wide_rounding *r, const int64_t *sums,
                                      int32_t first, int32_t columns, int16_t *output)
{
    const __m256i low = _mm256_set1_epi64x(r->range->low),
                  high = _mm256_set1_epi64x(r->range->high);
    // No arithmetic right shift of 64 bits here: numbers are moved up by `far`, so that they are
    // not negative.
    const __m256i one = _mm256_set1_epi64x(1), far = _mm256_set1_epi64x(INT64_C(1) << 62);
    const __m256i words = _mm256_set1_epi64x(0x0908010009080100);
    int32_t i = 0;
    for (; r->head->fits && i + 4 <= columns; i += 4) {
        const int32_t c = first + i;
        __m256i sum = _mm256_add_epi64(word_load(sums + i), word_load(wide_bias(r->head) + c));
        __m256i shift = wide_from_int32(wide_shifts(r->head) + c);
        __m256i y = _mm256_mul_epi32(sum, wide_from_int32(wide_multipliers(r->head) + c));
        y = _mm256_add_epi64(y, _mm256_sllv_epi64(one, _mm256_sub_epi64(shift, one)));
        y = _mm256_sub_epi64(_mm256_srlv_epi64(_mm256_add_epi64(y, far), shift),
                             _mm256_srlv_epi64(far, shift));
        y = _mm256_blendv_epi8(y, low, _mm256_cmpgt_epi64(low, y));
        y = _mm256_blendv_epi8(y, high, _mm256_cmpgt_epi64(y, high));
        y = _mm256_shuffle_epi8(y, words);
        __m128i four =
            _mm_unpacklo_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
        _mm_storel_epi64((__m128i *)(output + i), four);
    }
    return i;
}

#endif
