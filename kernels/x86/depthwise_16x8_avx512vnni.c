// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/wide_zmm.h"

#define DEPTHWISE_LANES 32

static inline __m512i load(const int16_t *from)
{
    return _mm512_loadu_si512(from);
}

static inline void depthwise_pair(const int16_t *a, const int16_t *b, int16_t *to)
{
    _mm512_storeu_si512(to, _mm512_unpacklo_epi16(load(a), load(b)));
    _mm512_storeu_si512(to + DEPTHWISE_LANES, _mm512_unpackhi_epi16(load(a), load(b)));
}

static inline void widen(int64_t *to, __m512i sums)
{
    _mm512_storeu_si512(to, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(sums)));
    _mm512_storeu_si512(to + 8, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sums, 1)));
}

static inline void depthwise_sum(const int16_t *const *taps, int32_t pairs, int32_t c,
                                 const int16_t *weights, int64_t *sums)
{
    // Unpacking leaves channels 0-3 of every eight in the low sums, 4-7 in the high ones.
    const __m512i front = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const __m512i back = _mm512_add_epi32(front, _mm512_set1_epi32(8));
    __m512i low = _mm512_setzero_si512(), high = low;
    for (int32_t i = 0; i < pairs; i++, weights += 2 * DEPTHWISE_LANES) {
        __m512i a = load(taps[2 * i] + c), b = load(taps[2 * i + 1] + c);
        low = _mm512_dpwssd_epi32(low, _mm512_unpacklo_epi16(a, b), load(weights));
        high =
            _mm512_dpwssd_epi32(high, _mm512_unpackhi_epi16(a, b), load(weights + DEPTHWISE_LANES));
    }
    widen(sums, _mm512_permutex2var_epi32(low, front, high));
    widen(sums + 16, _mm512_permutex2var_epi32(low, back, high));
}

#include "kernels/depthwise_16x8.h"

DEPTHWISE_WIDE_ROW(kernel_depthwise_16x8_avx512vnni, "depthwise_16x8_avx512vnni",
                   KERNEL_CPU_AVX512VNNI);
