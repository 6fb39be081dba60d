// SPDX-License-Identifier: Apache-2.0
//
// Matrix product with vpdpbusd on zmm registers. Panel: x + 128 as uint8; weights int8.

#include <immintrin.h>
#include <string.h>

#include "kernels/x86/rows_x86.h"

#define GATHER_BYTES 1

static inline void gather_copy(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
{
    (void)zero_point;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    while (n >= 64) {
        _mm512_storeu_si512(panel, _mm512_xor_si512(_mm512_loadu_si512(x), flip));
        panel += 64;
        x += 64;
        n -= 64;
    }
    if (n > 0) {
        __mmask64 mask = ~UINT64_C(0) >> (64 - n);
        _mm512_storeu_si512(panel, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, x), flip));
    }
}

static inline void gather_fill(uint8_t *panel, int32_t n, int32_t zero_point)
{
    const __m512i value = _mm512_set1_epi8((char)(zero_point + 128));
    for (int32_t i = 0; i < n; i += 64)
        _mm512_storeu_si512(panel + i, value);
}

#include "kernels/x86/gemm_gather.h"

static void row_terms(const struct gemm_plan *plan, const uint8_t *panel, int32_t count, int32_t factor,
                      int32_t *terms)
{
    const __m512i ones = _mm512_set1_epi8(1);
    for (int32_t row = 0; row < count; row++, panel += plan->row_bytes) {
        __m512i sum = _mm512_setzero_si512();
        int32_t k = 0;
        for (; k + 64 <= plan->depth; k += 64)
            sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(panel + k), ones);
        if (k < plan->depth) {
            __mmask64 mask = ~UINT64_C(0) >> (64 - (plan->depth - k));
            sum = _mm512_dpbusd_epi32(sum, _mm512_maskz_loadu_epi8(mask, panel + k), ones);
        }
        terms[row] = (int32_t)((uint32_t)_mm512_reduce_add_epi32(sum) * (uint32_t)factor);
    }
}

struct finish {
    __m512 high;
    __m512i zero_point, low;
};

static inline struct finish finish_of(const struct gemm_task *task)
{
    return (struct finish){
        .high = _mm512_set1_ps((float)(task->act_max - task->zero_point)),
        .zero_point = _mm512_set1_epi16((short)task->zero_point),
        .low = _mm512_set1_epi8((char)task->act_min),
    };
}

// The rounding rule up to int32. Too large is clamped here; too small becomes INT32_MIN and is clamped later.
static inline __m512i round_sums(__m512i sums, const float *scale, const struct finish *finish)
{
    __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(scale));
    return _mm512_cvtps_epi32(_mm512_min_ps(product, finish->high));
}

// Four vectors of rounded sums to bytes: 16-byte lane i holds dwords 4i..4i+3 of a, b, c, d in turn.
static inline __m512i narrow(__m512i a, __m512i b, __m512i c, __m512i d, const struct finish *finish)
{
    __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), finish->zero_point);
    __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), finish->zero_point);
    return _mm512_max_epi8(_mm512_packs_epi16(ab, cd), finish->low);
}

static inline void store_columns(int8_t *output, __m512i bytes, int32_t columns, int32_t whole)
{
    if (columns == whole && whole == 64)
        _mm512_storeu_si512(output, bytes);
    else if (columns == whole && whole == 32)
        _mm256_storeu_si256((__m256i *)output, _mm512_castsi512_si256(bytes));
    else if (columns == whole && whole == 16)
        _mm_storeu_si128((__m128i *)output, _mm512_castsi512_si128(bytes));
    else
        _mm512_mask_storeu_epi8(output, ~UINT64_C(0) >> (64 - columns), bytes);
}

// Rows [0, height) of a tile whose sums are there. vectors and height are constants where this is inlined.
static inline __attribute__((always_inline)) void finish_rows(const struct gemm_task *task, int8_t *output,
                                                              const __m512i *sums, const int height,
                                                              const int vectors)
{
    const struct finish finish = finish_of(task);
    const float *scale = (const float *)(task->tile + (size_t)vectors * 64);
    const int rows = 4 / vectors; // rows that share a register of bytes
    const __m512i order3 = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
    const __m512i order2 = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const __m512i order1 = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
#pragma GCC unroll 24
    for (int row = 0; row < height; row += rows) {
        __m512i part[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            int r = vectors >= 3 ? row : row + i / vectors;
            int j = vectors >= 3 ? (i < vectors ? i : vectors - 1) : i % vectors;
            part[i] = round_sums(sums[(r < height ? r : height - 1) * vectors + j], scale + 16 * j, &finish);
        }
        __m512i bytes = narrow(part[0], part[1], part[2], part[3], &finish);
        if (vectors == 3)
            bytes = _mm512_permutexvar_epi32(order3, bytes);
        if (vectors == 2)
            bytes = _mm512_permutexvar_epi64(order2, bytes);
        if (vectors == 1)
            bytes = _mm512_permutexvar_epi32(order1, bytes);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            if (row + i >= height)
                break;
            store_columns(output, bytes, task->columns, 16 * vectors);
            output += task->output_stride;
            if (vectors == 2)
                bytes = _mm512_shuffle_i64x2(bytes, bytes, 0xEE);
            if (vectors == 1)
                bytes = _mm512_shuffle_i64x2(bytes, bytes, 0x39);
        }
    }
}

static inline __attribute__((always_inline)) void multiply_rows(const struct gemm_task *task, int32_t row,
                                                                const int height, const int vectors)
{
    __m512i sums[24];
    const int32_t *init = (const int32_t *)task->tile;
#pragma GCC unroll 24
    for (int r = 0; r < height; r++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            sums[r * vectors + j] = _mm512_loadu_si512(init + 16 * j);
    if (task->row_terms) {
#pragma GCC unroll 24
        for (int r = 0; r < height; r++) {
            __m512i term = _mm512_set1_epi32(task->row_terms[row + r]);
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                sums[r * vectors + j] = _mm512_add_epi32(sums[r * vectors + j], term);
        }
    }
    // Every third row has a pointer of its own: the two that follow are reached by the stride.
    const size_t stride = task->row_bytes;
    const uint8_t *x[8];
#pragma GCC unroll 8
    for (int r = 0; r < height; r += 3)
        x[r / 3] = task->panel + (size_t)(row + r) * stride;
    const uint8_t *w = task->tile + (size_t)vectors * 128;
    for (int32_t quad = 0; quad < task->quads; quad++) {
        __m512i weights[4];
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            weights[j] = _mm512_loadu_si512(w + 64 * j);
        w += 64 * vectors;
#pragma GCC unroll 24
        for (int r = 0; r < height; r++) {
            int32_t four;
            memcpy(&four, x[r / 3] + (size_t)(r % 3) * stride, 4);
            __m512i values = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                sums[r * vectors + j] = _mm512_dpbusd_epi32(sums[r * vectors + j], values, weights[j]);
        }
#pragma GCC unroll 8
        for (int r = 0; r < height; r += 3)
            x[r / 3] += 4;
    }
    finish_rows(task, task->output + (size_t)row * task->output_stride, sums, height, vectors);
}

// All rows, `height` at a time; what is left over is done again from further up, or row by row.
static inline __attribute__((always_inline)) void multiply_tile(const struct gemm_task *task,
                                                                const int height, const int vectors)
{
    int32_t row = 0;
    for (; row + height <= task->rows; row += height)
        multiply_rows(task, row, height, vectors);
    if (task->rows - row > height / 3 && task->rows >= height) {
        multiply_rows(task, task->rows - height, height, vectors);
        return;
    }
    for (; row + 2 <= task->rows; row += 2)
        multiply_rows(task, row, 2, vectors);
    if (row < task->rows)
        multiply_rows(task, row, 1, vectors);
}

static void multiply(const struct gemm_task *task)
{
    switch (task->vectors) {
    case 4: multiply_tile(task, 6, 4); break;
    case 3: multiply_tile(task, 8, 3); break;
    case 2: multiply_tile(task, 12, 2); break;
    default: multiply_tile(task, 12, 1); break;
    }
}

static const struct gemm_isa isa = {16, 1, gather, row_terms, multiply};

GEMM_ROW(kernel_conv_avx512vnni, "conv_avx512vnni", KERNEL_CPU_AVX512VNNI, &isa);
