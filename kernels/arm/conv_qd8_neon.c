// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/float_q.h"
#include "kernels/float_rows.h"

typedef int32x4_t word_vec;

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    int16x8_t low =
        vmull_s8(vget_low_s8(vreinterpretq_s8_s32(x)), vget_low_s8(vreinterpretq_s8_s32(w)));
    int16x8_t high = vmull_high_s8(vreinterpretq_s8_s32(x), vreinterpretq_s8_s32(w));
    return vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}

#include "kernels/arm/conv_qd8_q.h"

WORD_HYBRID_ROW(kernel_conv_qd8_neon, "conv_qd8_neon", KERNEL_CPU_NEON, &isa);
