// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/wide_ymm.h"

#define DEPTHWISE_LANES 16

static inline void depthwise_pair(const int16_t *a, const int16_t *b, int16_t *to)
{
    __m256i x = word_load(a), y = word_load(b);
    _mm256_storeu_si256((__m256i *)to, _mm256_unpacklo_epi16(x, y));
    _mm256_storeu_si256((__m256i *)(to + DEPTHWISE_LANES), _mm256_unpackhi_epi16(x, y));
}

static inline void depthwise_sum(const int16_t *const *taps, int32_t pairs, int32_t c,
                                 const int16_t *weights, int64_t *sums)
{
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int32_t i = 0; i < pairs; i++, weights += 2 * DEPTHWISE_LANES) {
        __m256i a = word_load(taps[2 * i] + c), b = word_load(taps[2 * i + 1] + c);
        low = _mm256_add_epi32(low,
                               _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), word_load(weights)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b),
                                                        word_load(weights + DEPTHWISE_LANES)));
    }
    // Unpacking leaves channels 0-3 of every eight in the low sums, 4-7 in the high ones.
    word_widen(sums, _mm256_permute2x128_si256(low, high, 0x20), false);
    word_widen(sums + 8, _mm256_permute2x128_si256(low, high, 0x31), false);
}

#include "kernels/depthwise_16x8.h"

DEPTHWISE_WIDE_ROW(kernel_depthwise_16x8_avx2, "depthwise_16x8_avx2", KERNEL_CPU_AVX2);
