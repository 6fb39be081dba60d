// SPDX-License-Identifier: Apache-2.0

#include "kernels/float_rows.h"
#include "kernels/x86/float_zmm.h"

#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define WORD_OFFSET 0
typedef __m512i word_vec;

static inline word_vec word_load(const void *from)
{
    return _mm512_loadu_si512(from);
}

static inline word_vec word_set(int32_t value)
{
    return _mm512_set1_epi32(value);
}

static inline word_vec word_spread(const void *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm512_set1_epi32(word);
}

static inline word_vec word_multiply(word_vec a, word_vec b)
{
    return _mm512_mullo_epi32(a, b);
}

// Not the intrinsic: gcc 12 copies accumulators around it.
static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
    return sums;
}

static inline word_vec word_add(word_vec a, word_vec b)
{
    return _mm512_add_epi32(a, b);
}

static inline float_vec word_float(word_vec sums)
{
    return _mm512_cvtepi32_ps(sums);
}

#include "kernels/conv_qd8.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 12, 2);
    else
        word_tile(task, 12, 1);
}

static const struct word_isa isa = {16, 2, 12, 1, multiply};

WORD_HYBRID_ROW(kernel_conv_qd8_avx512vnni, "conv_qd8_avx512vnni", KERNEL_CPU_AVX512VNNI, &isa);
