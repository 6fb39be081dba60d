// SPDX-License-Identifier: Apache-2.0
//
// How a unit of a tile (gemm_tile.h) is stored from 256-bit registers.

#ifndef QEDGE_KERNELS_X86_GEMM_YMM_H
#define QEDGE_KERNELS_X86_GEMM_YMM_H

#include "kernels/x86/vec_ymm.h"

static inline __attribute__((always_inline)) void finish_store(int8_t *output, size_t stride, vec bytes,
                                                               int32_t columns, const int vectors,
                                                               const int rows)
{
    (void)rows;
    if (vectors == 2)
        bytes = _mm256_permute4x64_epi64(bytes, 0xD8);
    if (vectors == 1) {
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        if (stride == 8 && columns == 8) { // all of the layer's columns: the rows lie side by side
            _mm256_storeu_si256((__m256i *)output, bytes);
            return;
        }
    }
    __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    if (vectors == 2) {
        store_sixteen(output, low, columns);
        store_sixteen(output + stride, high, columns);
    } else {
        store_eight(output, low, columns);
        store_eight(output + stride, _mm_unpackhi_epi64(low, low), columns);
        store_eight(output + 2 * stride, high, columns);
        store_eight(output + 3 * stride, _mm_unpackhi_epi64(high, high), columns);
    }
}

#endif
