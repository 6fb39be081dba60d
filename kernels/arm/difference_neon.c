// SPDX-License-Identifier: Apache-2.0
//
// Difference of two pictures for Armv8.0 and Armv7 NEON. sabd's result is right as an unsigned
// byte; columns of 16 bytes stay in a register from the first row to the last.

#include <stdlib.h>

#include "kernels/arm/neon_round.h"
#include "kernels/arm/rows_arm.h"

enum { STEP = 16 };

static void run(const int8_t *a, const int8_t *b, size_t stride, size_t bytes, int32_t rows,
                uint32_t *sums)
{
    size_t at = 0;

    for (; at + STEP <= bytes; at += STEP) {
        uint32x4_t sum = vdupq_n_u32(0);
        for (size_t y = 0; y < (size_t)rows; y++) {
            int8x16_t apart = vabdq_s8(vld1q_s8(a + y * stride + at),
                                       vld1q_s8(b + y * stride + at));
            sum = vpadalq_u16(sum, vpaddlq_u8(vreinterpretq_u8_s8(apart)));
        }
        vst1_u32(sums + at / 8, vmovn_u64(vpaddlq_u32(sum)));
    }
    for (size_t i = at; i < bytes; i += 8)
        sums[i / 8] = 0;
    for (size_t i = at; i < bytes; i++)
        for (size_t y = 0; y < (size_t)rows; y++)
            sums[i / 8] += (uint32_t)abs(a[y * stride + i] - b[y * stride + i]);
}

const struct kernel_difference kernel_difference_neon = {
    .name = "difference_neon", .cpu = KERNEL_CPU_NEON, .run = run};
