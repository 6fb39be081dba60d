// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/wide_zmm.h"

#define WORD_LANES 16
#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
typedef __m512i word_vec;

static inline word_vec word_load(const void *from)
{
    return _mm512_loadu_si512(from);
}

static inline word_vec word_spread(const void *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm512_set1_epi32(word);
}

static inline word_vec word_zero(void)
{
    return _mm512_setzero_si512();
}

// Not the intrinsic: gcc 12 copies accumulators around it.
static inline word_vec word_mac(word_vec sums, word_vec x, word_vec w)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
    return sums;
}

static inline void word_widen(int64_t *to, word_vec sums, bool more)
{
    __m512i low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(sums)),
            high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sums, 1));
    if (more) {
        low = _mm512_add_epi64(low, word_load(to));
        high = _mm512_add_epi64(high, word_load(to + 8));
    }
    _mm512_storeu_si512(to, low);
    _mm512_storeu_si512(to + 8, high);
}

#include "kernels/conv_16x8.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 12, 2);
    else
        word_tile(task, 12, 1);
}

static const struct word_isa isa = {WORD_LANES, 2, 12, 2, multiply};

WORD_WIDE_ROW(kernel_conv_16x8_avx512vnni, "conv_16x8_avx512vnni", KERNEL_CPU_AVX512VNNI, &isa);
