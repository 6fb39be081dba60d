// SPDX-License-Identifier: Apache-2.0

#include "kernels/float_rows.h"
#include "kernels/x86/float_ymm.h"

typedef __m256i word_vec;

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    return _mm256_dpbusd_avx_epi32(sums, x, w);
}

#include "kernels/x86/conv_qd8_ymm.h"

WORD_HYBRID_ROW(kernel_conv_qd8_avxvnni, "conv_qd8_avxvnni", KERNEL_CPU_AVXVNNI, &isa);
