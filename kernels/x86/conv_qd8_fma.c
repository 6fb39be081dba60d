// SPDX-License-Identifier: Apache-2.0

#include "kernels/float_rows.h"
#include "kernels/x86/float_ymm.h"

typedef __m256i word_vec;

// Bytes 0 and 2 of each word, then 1 and 3, as int16: products and sums of pairs are exact.
static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    word_vec even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xff)),
                                      _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    word_vec odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
    return _mm256_add_epi32(sums, _mm256_add_epi32(even, odd));
}

#include "kernels/x86/conv_qd8_ymm.h"

WORD_HYBRID_ROW(kernel_conv_qd8_avx2, "conv_qd8_avx2", KERNEL_CPU_AVX2, &isa);
