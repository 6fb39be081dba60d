// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/wide_ymm.h"

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    return _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
}

#include "kernels/x86/conv_16x8_ymm.h"

WORD_WIDE_ROW(kernel_conv_16x8_avx2, "conv_16x8_avx2", KERNEL_CPU_AVX2, &isa);
