// SPDX-License-Identifier: Apache-2.0
//
// What both 256-bit instruction sets bring to kernels/conv_qd8.h; the including file brings
// word_mac before.

#ifndef QEDGE_KERNELS_X86_CONV_QD8_YMM_H
#define QEDGE_KERNELS_X86_CONV_QD8_YMM_H

#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4)
#define WORD_OFFSET 0

static inline word_vec word_load(const void *from)
{
    return _mm256_loadu_si256(from);
}

static inline word_vec word_set(int32_t value)
{
    return _mm256_set1_epi32(value);
}

static inline word_vec word_spread(const void *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm256_set1_epi32(word);
}

static inline word_vec word_multiply(word_vec a, word_vec b)
{
    return _mm256_mullo_epi32(a, b);
}

static inline word_vec word_add(word_vec a, word_vec b)
{
    return _mm256_add_epi32(a, b);
}

static inline float_vec word_float(word_vec sums)
{
    return _mm256_cvtepi32_ps(sums);
}

#include "kernels/conv_qd8.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 5, 2);
    else
        word_tile(task, 5, 1);
}

static const struct word_isa isa = {8, 2, 5, 1, multiply};

#endif
