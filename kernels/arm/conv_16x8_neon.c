// SPDX-License-Identifier: Apache-2.0
//
// A word's two products stay apart until the end: sums are pairs of vectors.

#include "kernels/arm/wide_q.h"

#define WORD_LANES 4
#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
typedef int32x4x2_t word_vec; // products of columns 0 and 1, of columns 2 and 3

static inline word_vec word_load(const void *from)
{
    return (word_vec){{vreinterpretq_s32_s16(vld1q_s16(from)), vdupq_n_s32(0)}};
}

static inline word_vec word_spread(const void *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return (word_vec){{vdupq_n_s32(word), vdupq_n_s32(0)}};
}

static inline word_vec word_zero(void)
{
    return (word_vec){{vdupq_n_s32(0), vdupq_n_s32(0)}};
}

static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    int16x8_t a = vreinterpretq_s16_s32(x.val[0]), b = vreinterpretq_s16_s32(w.val[0]);
    return (word_vec){{vmlal_s16(sums.val[0], vget_low_s16(a), vget_low_s16(b)),
                       vmlal_s16(sums.val[1], vget_high_s16(a), vget_high_s16(b))}};
}

static inline void word_widen(int64_t *to, word_vec sums, bool more)
{
    int32x2_t low = vpadd_s32(vget_low_s32(sums.val[0]), vget_high_s32(sums.val[0]));
    int32x2_t high = vpadd_s32(vget_low_s32(sums.val[1]), vget_high_s32(sums.val[1]));
    wide_store(to, vcombine_s32(low, high), more);
}

#include "kernels/conv_16x8.h"

static void multiply(const struct word_task *task)
{
    word_tile(task, 8, 1);
}

static const struct word_isa isa = {WORD_LANES, 1, 8, 2, multiply};

WORD_WIDE_ROW(kernel_conv_16x8_neon, "conv_16x8_neon", KERNEL_CPU_NEON, &isa);
