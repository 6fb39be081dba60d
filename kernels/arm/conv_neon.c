// SPDX-License-Identifier: Apache-2.0
//
// Matrix product for Armv8.0 and Armv7 NEON: tiles of 4 rows x 4 columns, 16 steps of depth at a
// time.
//
// Per (row, column): smull of 8 pairs, smlal of the next 8, sadalp of the eight 16-bit sums into
// four 32-bit partial sums, which are added across once a tile. Two products fit int16 while no
// weight is -128: |x * w| <= 128 * 127, twice 32512. With such a weight (`wide`) each product is
// widened alone.
//
// The whole tiles of plain layers are left to gemm_neon.S on Armv8; the rest, and Armv7, runs here.

#include "kernels/arm/arm_conv.h"
#include "kernels/arm/gemm_tiles.h"
#include "kernels/arm/rows_arm.h"
#include "kernels/arm/neon_round.h"

enum { ROWS = 4, COLUMNS = 4, DEPTH = 16 };

struct panel {
    int32x4_t bias;
    float32x4_t scale;
    const int8_t *weights;
};

NEON_INLINE int32x4_t add_products(int32x4_t acc, int8x16_t a, int8x16_t b, bool wide)
{
    int16x8_t sum = vmull_s8(vget_low_s8(a), vget_low_s8(b));

    if (!wide)
        return vpadalq_s16(acc, neon_mlal_high(sum, a, b));
    return vpadalq_s16(vpadalq_s16(acc, sum), neon_mull_high(a, b));
}

NEON_INLINE void multiply(const int8_t *a, const int8_t *b, int32_t depth, int rows, bool wide,
                          int32x4_t acc[ROWS][COLUMNS])
{
    for (; depth >= DEPTH; depth -= DEPTH, a += DEPTH * rows, b += DEPTH * COLUMNS) {
        int8x16_t weights[COLUMNS];

        for (int c = 0; c < COLUMNS; c++)
            weights[c] = vld1q_s8(b + DEPTH * c);
        for (int r = 0; r < rows; r++) {
            int8x16_t x = vld1q_s8(a + DEPTH * r);

            for (int c = 0; c < COLUMNS; c++)
                acc[r][c] = add_products(acc[r][c], x, weights[c], wide);
        }
    }
    if (!depth)
        return;
    for (int r = 0; r < rows; r++) {
        int8x8_t x = vld1_s8(a + ARM_DEPTH_STEP * r);

        for (int c = 0; c < COLUMNS; c++)
            acc[r][c] = vpadalq_s16(acc[r][c], vmull_s8(x, vld1_s8(b + ARM_DEPTH_STEP * c)));
    }
}

NEON_INLINE void store_row(int8_t *to, int8x16_t bytes, int lane, int32_t columns)
{
    int8_t row[16];

    if (columns == COLUMNS) {
        switch (lane) {
        case 0: neon_store_word(to, bytes, 0); break;
        case 1: neon_store_word(to, bytes, 1); break;
        case 2: neon_store_word(to, bytes, 2); break;
        default: neon_store_word(to, bytes, 3); break;
        }
        return;
    }
    vst1q_s8(row, bytes);
    for (int32_t c = 0; c < columns; c++)
        to[c] = row[4 * lane + c];
}

NEON_INLINE void tile(const struct arm_conv_block *block, const struct panel *panel, int32_t row,
                      int rows, bool wide)
{
    const struct neon_output out =
        neon_output_make(block->zero_point, block->act_min, block->act_max);
    int8_t *to = block->output + (size_t)row * block->output_stride;
    int32x4_t acc[ROWS][COLUMNS];
    int32x4_t sum[ROWS];
    int16x8_t low, high;
    int8x16_t bytes;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < COLUMNS; c++)
            acc[r][c] = vdupq_n_s32(0);
    multiply(block->a + (size_t)row * (size_t)block->depth, panel->weights, block->depth, rows,
             wide, acc);
    for (int r = 0; r < rows; r++) {
        sum[r] =
            neon_pair_sum(neon_pair_sum(acc[r][0], acc[r][1]), neon_pair_sum(acc[r][2], acc[r][3]));
        sum[r] = vaddq_s32(sum[r], panel->bias);
        if (block->row_bias)
            sum[r] = vaddq_s32(sum[r], vdupq_n_s32(block->row_bias[row + r]));
    }
    for (int r = rows; r < ROWS; r++)
        sum[r] = sum[0];
    if (block->folded) {
        low = neon_scale_folded(&out, sum[0], sum[1], panel->scale, panel->scale);
        high = rows > 2 ? neon_scale_folded(&out, sum[2], sum[3], panel->scale, panel->scale) : low;
    } else {
        low = neon_scale(&out, sum[0], sum[1], panel->scale, panel->scale);
        high = rows > 2 ? neon_scale(&out, sum[2], sum[3], panel->scale, panel->scale) : low;
    }
    bytes = neon_clamp(&out, low, high);
    for (int r = 0; r < rows; r++)
        store_row(to + (size_t)r * block->output_stride, bytes, r, block->columns);
}

NEON_INLINE void panel_rows(const struct arm_conv_block *block, int32_t row, bool wide)
{
    const int32_t *bias = block->panel;
    const struct panel panel = {
        .bias = vld1q_s32(bias),
        .scale = vld1q_f32((const float *)(bias + COLUMNS)),
        .weights = (const int8_t *)(bias + 2 * COLUMNS),
    };

    for (; row + ROWS <= block->rows; row += ROWS)
        tile(block, &panel, row, ROWS, wide);
    switch (block->rows - row) {
    case 3: tile(block, &panel, row, 3, wide); break;
    case 2: tile(block, &panel, row, 2, wide); break;
    case 1: tile(block, &panel, row, 1, wide); break;
    default: break;
    }
}

// How many rows, from the first on, were done in assembly.
static int32_t whole_tiles(const struct arm_conv_block *block)
{
#ifdef __aarch64__
    return block->wide ? 0 : gemm_tiles_run(block, ROWS, COLUMNS, gemm_neon_tiles);
#else
    (void)block;
    return 0;
#endif
}

static __attribute__((noinline)) void multiply_wide(const struct arm_conv_block *block)
{
    panel_rows(block, 0, true);
}

static void multiply_panel(const struct arm_conv_block *block)
{
    int32_t done = whole_tiles(block);

    if (block->wide)
        multiply_wide(block);
    else if (done < block->rows)
        panel_rows(block, done, false);
}

ARM_CONV_ROW(conv_neon, KERNEL_CPU_NEON, COLUMNS, DEPTH, ROWS, 16, multiply_panel)
