// SPDX-License-Identifier: Apache-2.0
//
// A dynamic-range layer's input to bytes. No fused multiply-add: the bytes are those of kernels/c.

#include <immintrin.h>
#include <math.h>

#include "kernels/c/quantize_qd8.h"
#include "kernels/float_rows.h"

static inline float least_lane(__m256 v)
{
    __m128 four = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    four = _mm_min_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_min_ss(four, _mm_movehdup_ps(four)));
}

// Most as the least of the opposites: the signs of zeros do not matter here.
static inline float most_lane(__m256 v)
{
    return -least_lane(_mm256_xor_ps(v, _mm256_set1_ps(-0.0f)));
}

static inline struct quantize_extremes find_extremes(const float *x, size_t n)
{
    __m256 low[4], high[4];
    for (int j = 0; j < 4; j++)
        low[j] = high[j] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 4; j++) {
            __m256 v = _mm256_loadu_ps(x + i + 8 * j);
            low[j] = _mm256_min_ps(v, low[j]); // the second operand where v is not a number
            high[j] = _mm256_max_ps(v, high[j]);
        }
    for (; i + 8 <= n; i += 8) {
        low[0] = _mm256_min_ps(_mm256_loadu_ps(x + i), low[0]);
        high[0] = _mm256_max_ps(_mm256_loadu_ps(x + i), high[0]);
    }
    __m256 least = _mm256_min_ps(_mm256_min_ps(low[0], low[1]), _mm256_min_ps(low[2], low[3]));
    __m256 most = _mm256_max_ps(_mm256_max_ps(high[0], high[1]), _mm256_max_ps(high[2], high[3]));
    struct quantize_extremes e = {least_lane(least), most_lane(most)};
    for (; i < n; i++) {
        e.low = x[i] < e.low ? x[i] : e.low;
        e.high = x[i] > e.high ? x[i] : e.high;
    }
    return e;
}

static inline __m256i steps_of(const float *x, __m256 inverse, __m256 low, __m256 high)
{
    __m256 v = _mm256_max_ps(_mm256_mul_ps(_mm256_loadu_ps(x), inverse), low); // not a number: low
    return _mm256_cvtps_epi32(_mm256_min_ps(v, high));
}

static struct kernel_hybrid_steps run(const float *x, size_t n, uint8_t *out)
{
    float inverse;
    struct kernel_hybrid_steps steps = quantize_steps(find_extremes(x, n), &inverse);
    const __m256 factor = _mm256_set1_ps(inverse), low = _mm256_set1_ps((float)-steps.zero_point);
    const __m256 high = _mm256_set1_ps((float)(255 - steps.zero_point));
    const __m256i zero = _mm256_set1_epi16((short)steps.zero_point);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i a = steps_of(x + i, factor, low, high), b = steps_of(x + i + 8, factor, low, high);
        __m256i c = steps_of(x + i + 16, factor, low, high),
                d = steps_of(x + i + 24, factor, low, high);
        __m256i ab = _mm256_add_epi16(_mm256_packs_epi32(a, b), zero);
        __m256i cd = _mm256_add_epi16(_mm256_packs_epi32(c, d), zero);
        __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
        _mm256_storeu_si256((__m256i *)(out + i), bytes);
    }
    for (; i + 8 <= n; i += 8) {
        __m256i a = steps_of(x + i, factor, low, high);
        __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        words = _mm_add_epi16(words, _mm256_castsi256_si128(zero));
        _mm_storel_epi64((__m128i *)(out + i), _mm_packus_epi16(words, words));
    }
    if (i < n)
        quantize_bytes(x + i, n - i, inverse, steps.zero_point, out + i);
    return steps;
}

const struct kernel_hybrid_quantize kernel_quantize_qd8_avx2 = {"quantize_qd8_avx2",
                                                                KERNEL_CPU_AVX2, run};

static void round_values(const float *x, size_t n, float *out)
{
    struct quantize_centred q = quantize_centre(find_extremes(x, n));
    if (q.none) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    const __m256 zero = _mm256_set1_ps(q.zero), step = _mm256_set1_ps(q.step);
    const __m256 inverse = _mm256_set1_ps(q.inverse), sign = _mm256_set1_ps(-0.0f);
    const __m256 low = _mm256_set1_ps(-128.0f), high = _mm256_set1_ps(127.0f);
    const __m256 half = _mm256_set1_ps(0x1.fffffep-2f); // the largest float below a half
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_add_ps(zero, _mm256_mul_ps(_mm256_loadu_ps(x + i), inverse));
        v = _mm256_min_ps(_mm256_max_ps(v, low), high); // not a number: low
        v = _mm256_add_ps(v, _mm256_or_ps(half, _mm256_and_ps(v, sign)));
        __m256 whole = _mm256_cvtepi32_ps(_mm256_cvttps_epi32(v));
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_sub_ps(whole, zero), step));
    }
    quantize_back(x + i, n - i, q, out + i);
}

const struct kernel_hybrid_round kernel_round_qd8_avx2 = {"round_qd8_avx2", KERNEL_CPU_AVX2,
                                                          round_values};
