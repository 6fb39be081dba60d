// SPDX-License-Identifier: Apache-2.0
//
// Matrix product with vpmaddwd. Panel: x - input_zero_point as int16; weights w - weight_zero_point as
// int16: products of pairs are exact in int32, no correction is left, and padding is plain zero.

#include "kernels/x86/gemm_ymm.h"
#include "kernels/x86/load_some.h"
#include "kernels/x86/rows_x86.h"

#define GATHER_BYTES 2
#define GATHER_VECTOR 16

static inline void widen(uint8_t *panel, __m128i x, int32_t zero_point)
{
    __m256i zero = _mm256_set1_epi16((short)zero_point);
    _mm256_storeu_si256((__m256i *)panel, _mm256_sub_epi16(_mm256_cvtepi8_epi16(x), zero));
}

static inline void gather_vector(uint8_t *panel, const int8_t *x, int32_t zero_point)
{
    widen(panel, _mm_loadu_si128((const __m128i *)x), zero_point);
}

static inline void gather_piece(uint8_t *panel, const int8_t *x, int32_t zero_point, const int size)
{
    (void)size;
    gather_vector(panel, x, zero_point);
}

static inline void gather_tail(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
{
    widen(panel, load_some(x, n), zero_point);
}

static inline void gather_padding(uint8_t *panel, int32_t zero_point)
{
    (void)zero_point;
    _mm256_storeu_si256((__m256i *)panel, _mm256_setzero_si256());
}

#include "kernels/x86/gemm_gather.h"

static inline vec vec_dot(vec sums, vec x, vec weights)
{
    return _mm256_add_epi32(sums, _mm256_madd_epi16(x, weights));
}

#include "kernels/x86/gemm_tile.h"

static void multiply(const struct gemm_task *task)
{
    // Wider tiles would need more than 16 registers, or weights from memory, which is slower.
    if (task->vectors == 2)
        tile_multiply(task, 3, 2);
    else
        tile_multiply(task, 3, 1);
}

static const struct gemm_isa isa = {8, 2, 2, gather, gather_lines, NULL, multiply};

GEMM_ROW(kernel_conv_avx2, "conv_avx2", KERNEL_CPU_AVX2, &isa);
