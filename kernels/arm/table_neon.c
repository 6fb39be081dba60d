// SPDX-License-Identifier: Apache-2.0
//
// Functions of one byte by table for Armv8: the 256 bytes lie in sixteen registers.

#include "kernels/arm/neon_round.h"
#include "kernels/arm/rows_arm.h"

enum { STEP = 16 };

// A look-up gives 0 (tbl) or keeps what was there (tbx) where the index is outside its 64 bytes.
NEON_INLINE uint8x16_t look_up(const uint8x16x4_t quarters[4], uint8x16_t index)
{
    uint8x16_t found = vqtbl4q_u8(quarters[0], index);

    for (int q = 1; q < 4; q++)
        found = vqtbx4q_u8(found, quarters[q], vsubq_u8(index, vdupq_n_u8((uint8_t)(64 * q))));
    return found;
}

static void run(const uint8_t table[256], const uint8_t *input, uint8_t *output, size_t n)
{
    uint8x16x4_t quarters[4];

    for (int q = 0; q < 4; q++)
        for (int i = 0; i < 4; i++)
            quarters[q].val[i] = vld1q_u8(table + 64 * q + 16 * i);
    for (; n >= STEP; n -= STEP, input += STEP, output += STEP)
        vst1q_u8(output, look_up(quarters, vld1q_u8(input)));
    for (; n > 0; n--)
        *output++ = table[*input++];
}

const struct kernel_table kernel_table_neon = {
    .name = "table_neon", .cpu = KERNEL_CPU_NEON, .run = run};
