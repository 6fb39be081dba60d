// SPDX-License-Identifier: Apache-2.0
//
// What both instruction sets of 64-bit ARM bring to kernels/conv_qd8.h; the including file brings
// word_mac before, which multiplies int8 by int8: bytes have 128 taken off.

#ifndef QEDGE_KERNELS_ARM_CONV_QD8_Q_H
#define QEDGE_KERNELS_ARM_CONV_QD8_Q_H

#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define WORD_OFFSET 128

static inline word_vec word_load(const void *from)
{
    return vreinterpretq_s32_s8(vld1q_s8(from));
}

static inline word_vec word_set(int32_t value)
{
    return vdupq_n_s32(value);
}

static inline word_vec word_spread(const void *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return vreinterpretq_s32_u32(vdupq_n_u32(word ^ 0x80808080u));
}

static inline word_vec word_multiply(word_vec a, word_vec b)
{
    return vmulq_s32(a, b);
}

static inline word_vec word_add(word_vec a, word_vec b)
{
    return vaddq_s32(a, b);
}

static inline float_vec word_float(word_vec sums)
{
    return vcvtq_f32_s32(sums);
}

#include "kernels/conv_qd8.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 8, 2);
    else
        word_tile(task, 8, 1);
}

static const struct word_isa isa = {4, 2, 8, 1, multiply};

#endif
