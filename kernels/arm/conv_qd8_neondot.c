// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/float_q.h"
#include "kernels/float_rows.h"

typedef int32x4_t word_vec;

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    return vdotq_s32(sums, vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
}

#include "kernels/arm/conv_qd8_q.h"

WORD_HYBRID_ROW(kernel_conv_qd8_neondot, "conv_qd8_neondot", KERNEL_CPU_NEONDOT, &isa);
