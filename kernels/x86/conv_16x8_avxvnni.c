// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/wide_ymm.h"

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    return _mm256_dpwssd_avx_epi32(sums, x, w);
}

#include "kernels/conv_16x8.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 5, 2);
    else
        word_tile(task, 5, 1);
}

static const struct word_isa isa = {WORD_LANES, 2, 5, 2, multiply};

WORD_WIDE_ROW(kernel_conv_16x8_avxvnni, "conv_16x8_avxvnni", KERNEL_CPU_AVXVNNI, &isa);
