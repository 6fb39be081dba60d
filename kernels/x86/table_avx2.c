// SPDX-License-Identifier: Apache-2.0
//
// A table of 256 bytes by sixteen shuffles of 16 bytes each, then four rounds of choosing by bits 4 to 7.

#include <immintrin.h>
#include <string.h>

#include "kernels/x86/rows_x86.h"

static inline __m256i part(const uint8_t table[256], int index, __m256i low)
{
    __m128i sixteen = _mm_loadu_si128((const __m128i *)(table + 16 * index));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(sixteen), low);
}

// The answers of parts [first, first + 4) by bits 4 and 5.
static inline __m256i four(const uint8_t table[256], int first, __m256i low, __m256i bit4, __m256i bit5)
{
    __m256i a = _mm256_blendv_epi8(part(table, first, low), part(table, first + 1, low), bit4);
    __m256i b = _mm256_blendv_epi8(part(table, first + 2, low), part(table, first + 3, low), bit4);
    return _mm256_blendv_epi8(a, b, bit5);
}

static inline __m256i look_up(const uint8_t table[256], __m256i x)
{
    __m256i low = _mm256_and_si256(x, _mm256_set1_epi8(15));
    __m256i bit4 = _mm256_slli_epi16(x, 3), bit5 = _mm256_slli_epi16(x, 2), bit6 = _mm256_slli_epi16(x, 1);
    __m256i a = four(table, 0, low, bit4, bit5), b = four(table, 4, low, bit4, bit5);
    __m256i c = four(table, 8, low, bit4, bit5), d = four(table, 12, low, bit4, bit5);
    return _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, bit6), _mm256_blendv_epi8(c, d, bit6), x);
}

static void run(const uint8_t table[256], const uint8_t *input, uint8_t *output, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        _mm256_storeu_si256((__m256i *)(output + i),
                            look_up(table, _mm256_loadu_si256((const __m256i *)(input + i))));
    for (; i < n; i++)
        output[i] = table[input[i]];
}

const struct kernel_table kernel_table_avx2 = {"table_avx2", KERNEL_CPU_AVX2, run};
const struct kernel_table kernel_table_avxvnni = {"table_avxvnni", KERNEL_CPU_AVXVNNI, run};
const struct kernel_table kernel_table_avx512vnni = {"table_avx512vnni", KERNEL_CPU_AVX512VNNI, run};
