// SPDX-License-Identifier: Apache-2.0
//
// Matrix product with vpdpbusd on zmm registers. Panel: x + 128 as uint8; weights int8.

#include "kernels/x86/rows_x86.h"
#include "kernels/x86/vec_zmm.h"

#define GATHER_BYTES 1
#define GATHER_VECTOR 64

static inline void gather_vector(uint8_t *panel, const int8_t *x, int32_t zero_point)
{
    (void)zero_point;
    _mm512_storeu_si512(panel, vec_flip(vec_load(x)));
}

static inline __attribute__((always_inline)) void gather_piece(uint8_t *panel, const int8_t *x,
                                                               int32_t zero_point, const int size)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    if (size == 16)
        _mm_storeu_si128((__m128i *)panel, _mm_xor_si128(_mm_loadu_si128((const __m128i *)x),
                                                         _mm512_castsi512_si128(flip)));
    else if (size == 32)
        _mm256_storeu_si256((__m256i *)panel, _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)x),
                                                               _mm512_castsi512_si256(flip)));
    else
        gather_vector(panel, x, zero_point);
}

static inline void gather_tail(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
{
    (void)zero_point;
    _mm512_storeu_si512(panel, vec_flip(_mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - n), x)));
}

static inline void gather_padding(uint8_t *panel, int32_t zero_point)
{
    _mm512_storeu_si512(panel, _mm512_set1_epi8((char)(zero_point + 128)));
}

#include "kernels/x86/gemm_gather.h"

static int32_t sum_bytes(const uint8_t *x, int32_t n)
{
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    for (; n >= 64; n -= 64, x += 64)
        sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(x), ones);
    if (n > 0)
        sum = _mm512_dpbusd_epi32(sum, _mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - n), x), ones);
    return _mm512_reduce_add_epi32(sum);
}

static inline __attribute__((always_inline)) void store_some(int8_t *output, __m128i bytes, int32_t columns)
{
    if (columns >= 16)
        _mm_storeu_si128((__m128i *)output, bytes);
    else
        _mm_mask_storeu_epi8(output, (__mmask16)((1u << columns) - 1), bytes);
}

static inline __attribute__((always_inline)) void finish_store(int8_t *output, size_t stride, vec bytes,
                                                               int32_t columns, const int vectors,
                                                               const int rows)
{
    (void)rows;
    if (vectors == 4) {
        if (columns == 64)
            _mm512_storeu_si512(output, bytes);
        else
            _mm512_mask_storeu_epi8(output, ~UINT64_C(0) >> (64 - columns), bytes);
    } else if (vectors == 3) {
        bytes = _mm512_permutexvar_epi32(
            _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15), bytes);
        _mm256_storeu_si256((__m256i *)output, _mm512_castsi512_si256(bytes));
        store_some(output + 32, _mm512_extracti32x4_epi32(bytes, 2), columns - 32);
    } else if (vectors == 2) {
        bytes = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
        if (stride == 32) { // all of the layer's columns: the rows lie side by side
            _mm512_storeu_si512(output, bytes);
            return;
        }
        __m256i first = _mm512_castsi512_si256(bytes), second = _mm512_extracti64x4_epi64(bytes, 1);
        _mm_storeu_si128((__m128i *)output, _mm256_castsi256_si128(first));
        store_some(output + 16, _mm256_extracti128_si256(first, 1), columns - 16);
        _mm_storeu_si128((__m128i *)(output + stride), _mm256_castsi256_si128(second));
        store_some(output + stride + 16, _mm256_extracti128_si256(second, 1), columns - 16);
    } else {
        bytes = _mm512_permutexvar_epi32(
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
        if (stride == 16) {
            _mm512_storeu_si512(output, bytes);
            return;
        }
        store_some(output, _mm512_castsi512_si128(bytes), columns);
        store_some(output + stride, _mm512_extracti32x4_epi32(bytes, 1), columns);
        store_some(output + 2 * stride, _mm512_extracti32x4_epi32(bytes, 2), columns);
        store_some(output + 3 * stride, _mm512_extracti32x4_epi32(bytes, 3), columns);
    }
}

#include "kernels/x86/gemm_tile.h"
#include "kernels/x86/gemm_stream.h"

static void multiply(const struct gemm_task *task)
{
    if (stream_wants(task)) {
        stream_multiply(task);
        return;
    }
    switch (task->vectors) {
    case 4: tile_multiply(task, 6, 4); break;
    case 3: tile_multiply(task, 8, 3); break;
    case 2: tile_multiply(task, 6, 2); break;
    default: tile_multiply(task, 6, 1); break;
    }
}

extern const struct gemm_isa gemm_ymm_avx512vnni;

static const struct gemm_isa zmm = {16, 4, 1, gather, gather_lines, sum_bytes, multiply};

static const struct gemm_isa *isa_for(const struct kernel_conv_shape *shape)
{
    int32_t groups = shape->kind == KERNEL_CONV ? shape->groups : 1;
    return shape->out_c / groups <= 8 ? &gemm_ymm_avx512vnni : &zmm;
}

GEMM_ROW(kernel_conv_avx512vnni, "conv_avx512vnni", KERNEL_CPU_AVX512VNNI, isa_for(shape));
