// SPDX-License-Identifier: Apache-2.0
//
// For layers of 8 to 15 channels.

#include "kernels/x86/wide_ymm.h"

#define DEPTHWISE_LANES 8

static inline __m128i load(const int16_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

static inline void depthwise_pair(const int16_t *a, const int16_t *b, int16_t *to)
{
    _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi16(load(a), load(b)));
    _mm_storeu_si128((__m128i *)(to + DEPTHWISE_LANES), _mm_unpackhi_epi16(load(a), load(b)));
}

static inline void depthwise_sum(const int16_t *const *taps, int32_t pairs, int32_t c,
                                 const int16_t *weights, int64_t *sums)
{
    __m128i low = _mm_setzero_si128(), high = low;
    for (int32_t i = 0; i < pairs; i++, weights += 2 * DEPTHWISE_LANES) {
        __m128i a = load(taps[2 * i] + c), b = load(taps[2 * i + 1] + c);
        low = _mm_add_epi32(low, _mm_madd_epi16(_mm_unpacklo_epi16(a, b), load(weights)));
        high = _mm_add_epi32(
            high, _mm_madd_epi16(_mm_unpackhi_epi16(a, b), load(weights + DEPTHWISE_LANES)));
    }
    word_widen(sums, _mm256_set_m128i(high, low), false);
}

#include "kernels/depthwise_16x8.h"

DEPTHWISE_WIDE_ROW(kernel_depthwise_16x8_xmm_avx2, "depthwise_16x8_xmm_avx2", KERNEL_CPU_AVX2);
