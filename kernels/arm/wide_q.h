// SPDX-License-Identifier: Apache-2.0
//
// 16x8 on NEON, 64 and 32 bit: rounding two channels at once, by the rule of wide_round.h, where
// sums fit int32.

#ifndef QEDGE_KERNELS_ARM_WIDE_Q_H
#define QEDGE_KERNELS_ARM_WIDE_Q_H

#include <arm_neon.h>

#include "kernels/wide_round.h"

static inline int32_t wide_round_some(const struct wide_rounding *r, const int64_t *sums,
                                      int32_t first, int32_t columns, int16_t *output)
{
    const int32x2_t low = vdup_n_s32(r->range->low), high = vdup_n_s32(r->range->high);
    int32_t i = 0;
    for (; r->head->fits && i + 2 <= columns; i += 2) {
        const int32_t c = first + i;
        int64x2_t sum = vaddq_s64(vld1q_s64(sums + i), vld1q_s64(wide_bias(r->head) + c));
        int64x2_t product = vmull_s32(vmovn_s64(sum), vld1_s32(wide_multipliers(r->head) + c));
        int64x2_t shift = vmovl_s32(vneg_s32(vld1_s32(wide_shifts(r->head) + c)));
        int32x2_t y = vqmovn_s64(vrshlq_s64(product, shift)); // adds half, then shifts right
        y = vmin_s32(vmax_s32(y, low), high);
        output[i] = (int16_t)vget_lane_s32(y, 0);
        output[i + 1] = (int16_t)vget_lane_s32(y, 1);
    }
    return i;
}

static inline void wide_store(int64_t *to, int32x4_t sums, bool more)
{
    int64x2_t low = vmovl_s32(vget_low_s32(sums)), high = vmovl_s32(vget_high_s32(sums));
    if (more) {
        low = vaddq_s64(low, vld1q_s64(to));
        high = vaddq_s64(high, vld1q_s64(to + 2));
    }
    vst1q_s64(to, low);
    vst1q_s64(to + 2, high);
}

#endif
