// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/wide_q.h"

#define DEPTHWISE_LANES 8

static inline void depthwise_pair(const int16_t *a, const int16_t *b, int16_t *to)
{
    vst1q_s16(to, vld1q_s16(a));
    vst1q_s16(to + DEPTHWISE_LANES, vld1q_s16(b));
}

static inline void depthwise_sum(const int16_t *const *taps, int32_t pairs, int32_t c,
                                 const int16_t *weights, int64_t *sums)
{
    int32x4_t low = vdupq_n_s32(0), high = low;
    for (int32_t i = 0; i < 2 * pairs; i++, weights += DEPTHWISE_LANES) {
        int16x8_t x = vld1q_s16(taps[i] + c), w = vld1q_s16(weights);
        low = vmlal_s16(low, vget_low_s16(x), vget_low_s16(w));
        high = vmlal_s16(high, vget_high_s16(x), vget_high_s16(w));
    }
    wide_store(sums, low, false);
    wide_store(sums + 4, high, false);
}

#include "kernels/depthwise_16x8.h"

DEPTHWISE_WIDE_ROW(kernel_depthwise_16x8_neon, "depthwise_16x8_neon", KERNEL_CPU_NEON);
