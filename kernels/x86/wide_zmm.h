// SPDX-License-Identifier: Apache-2.0
//
// 16x8 sums on 512-bit registers: rounding eight channels at once, by the rule of wide_round.h.

#ifndef QEDGE_KERNELS_X86_WIDE_ZMM_H
#define QEDGE_KERNELS_X86_WIDE_ZMM_H

#include <immintrin.h>

#include "kernels/wide_round.h"

static inline int32_t wide_round_some(const struct wide_rounding *r, const int64_t *sums,
                                      int32_t first, int32_t columns, int16_t *output)
{
    const __m512i most = _mm512_set1_epi64(WIDE_SUM_MOST),
                  least = _mm512_set1_epi64(-WIDE_SUM_MOST);
    const __m512i low = _mm512_set1_epi64(r->range->low), high = _mm512_set1_epi64(r->range->high);
    const __m512i one = _mm512_set1_epi64(1);
    for (int32_t i = 0; i < columns; i += 8) {
        const __mmask8 lanes = columns - i >= 8 ? 0xff : (__mmask8)((1u << (columns - i)) - 1);
        const int32_t c = first + i;
        __m512i sum = _mm512_add_epi64(_mm512_maskz_loadu_epi64(lanes, sums + i),
                                       _mm512_maskz_loadu_epi64(lanes, wide_bias(r->head) + c));
        sum = _mm512_max_epi64(_mm512_min_epi64(sum, most), least);
        __m512i factor =
            _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(lanes, wide_multipliers(r->head) + c));
        __m512i shift =
            _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(lanes, wide_shifts(r->head) + c));
        __m512i half = _mm512_sllv_epi64(one, _mm512_sub_epi64(shift, one));
        __m512i y =
            _mm512_srav_epi64(_mm512_add_epi64(_mm512_mullo_epi64(sum, factor), half), shift);
        y = _mm512_min_epi64(_mm512_max_epi64(y, low), high);
        _mm512_mask_cvtepi64_storeu_epi16(output + i, lanes, y);
    }
    return columns;
}

#endif
