// SPDX-License-Identifier: Apache-2.0
//
// psadbw sums eight absolute differences of unsigned bytes; turning the sign bit makes int8 such bytes.
// Columns of 32 bytes stay in a register from the first row to the last.

#include <immintrin.h>
#include <stdlib.h>

#include "kernels/x86/rows_x86.h"

static inline __m256i load(const int8_t *bytes)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)bytes), _mm256_set1_epi8(-128));
}

static inline __m128i load_eight(const int8_t *bytes)
{
    return _mm_xor_si128(_mm_loadl_epi64((const __m128i *)bytes), _mm_set1_epi8(-128));
}

static void run(const int8_t *a, const int8_t *b, size_t stride, size_t bytes, int32_t rows, uint32_t *sums)
{
    const __m256i low_halves = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    size_t at = 0;
    for (; at + 32 <= bytes; at += 32) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t y = 0; y < (size_t)rows; y++)
            sum = _mm256_add_epi64(sum, _mm256_sad_epu8(load(a + y * stride + at), load(b + y * stride + at)));
        sum = _mm256_permutevar8x32_epi32(sum, low_halves);
        _mm_storeu_si128((__m128i *)(sums + at / 8), _mm256_castsi256_si128(sum));
    }
    for (; at + 8 <= bytes; at += 8) {
        __m128i sum = _mm_setzero_si128();
        for (size_t y = 0; y < (size_t)rows; y++)
            sum = _mm_add_epi64(sum, _mm_sad_epu8(load_eight(a + y * stride + at), load_eight(b + y * stride + at)));
        sums[at / 8] = (uint32_t)_mm_cvtsi128_si32(sum);
    }
    if (at < bytes)
        sums[at / 8] = 0;
    for (size_t i = at; i < bytes; i++)
        for (size_t y = 0; y < (size_t)rows; y++)
            sums[at / 8] += (uint32_t)abs(a[y * stride + i] - b[y * stride + i]);
}

const struct kernel_difference kernel_difference_avx2 = {"difference_avx2", KERNEL_CPU_AVX2, run};
const struct kernel_difference kernel_difference_avxvnni = {"difference_avxvnni", KERNEL_CPU_AVXVNNI, run};
const struct kernel_difference kernel_difference_avx512vnni = {"difference_avx512vnni", KERNEL_CPU_AVX512VNNI, run};
