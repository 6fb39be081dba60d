// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/wide_ymm.h"

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    return _mm256_dpwssd_avx_epi32(sums, x, w);
}

#include "kernels/x86/conv_16x8_ymm.h"

WORD_WIDE_ROW(kernel_conv_16x8_avxvnni, "conv_16x8_avxvnni", KERNEL_CPU_AVXVNNI, &isa);
