// SPDX-License-Identifier: Apache-2.0
//
// Matrix product for Armv8.6 with int8 matrix products: tiles of 8 rows x 8 columns, 8 steps of
// depth at a time.
//
// smmla multiplies two rows of eight bytes with two columns of eight: an accumulator holds
// {row 0: column 0, column 1; row 1: column 0, column 1}. The panel holds, for each 8 steps of
// depth, 8 bytes of each of the 8 columns; a tile of rows the same.

#include "kernels/arm/arm_conv.h"
#include "kernels/arm/gemm_tiles.h"
#include "kernels/arm/neon_round.h"
#include "kernels/arm/rows_arm.h"

enum { ROWS = 8, COLUMNS = 8, DEPTH = 8, PAIRS = 4 };

// Rows 2 * pair and 2 * pair + 1 of a tile's next 8 steps; zeros for a row that is not there.
NEON_INLINE int8x16_t load_pair(const int8_t *a, int rows, int pair)
{
    if (2 * pair + 1 < rows)
        return vld1q_s8(a + 16 * pair);
    return vcombine_s8(vld1_s8(a + 16 * pair), vdup_n_s8(0));
}

NEON_INLINE void multiply(const int8_t *a, const int8_t *b, int32_t depth, int rows,
                          int32x4_t acc[PAIRS][PAIRS])
{
    const int pairs = (rows + 1) / 2;
    for (; depth > 0; depth -= DEPTH, a += DEPTH * rows, b += DEPTH * COLUMNS) {
        int8x16_t x[PAIRS], w[PAIRS];

        for (int i = 0; i < PAIRS; i++)
            w[i] = vld1q_s8(b + 16 * i);
        for (int r = 0; r < pairs; r++)
            x[r] = load_pair(a, rows, r);
        for (int r = 0; r < pairs; r++)
            for (int c = 0; c < PAIRS; c++)
                acc[r][c] = vmmlaq_s32(acc[r][c], x[r], w[c]);
    }
}

// Two accumulators' first or second row: four columns.
NEON_INLINE int32x4_t columns_of(int32x4_t a, int32x4_t b, int second)
{
    int64x2_t left = vreinterpretq_s64_s32(a), right = vreinterpretq_s64_s32(b);

    return vreinterpretq_s32_s64(second ? vzip2q_s64(left, right) : vzip1q_s64(left, right));
}

NEON_INLINE void store_row(int8_t *to, int8x8_t bytes, int32_t columns)
{
    int8_t row[8];

    if (columns == COLUMNS) {
        vst1_s8(to, bytes);
        return;
    }
    vst1_s8(row, bytes);
    for (int32_t c = 0; c < columns; c++)
        to[c] = row[c];
}

NEON_INLINE int16x8_t scale_row(const struct neon_output *out, const float *scale, bool folded,
                                int32_t row_bias, const int32x4_t acc[PAIRS], int second)
{
    int32x4_t extra = vdupq_n_s32(row_bias);
    int32x4_t low = vaddq_s32(columns_of(acc[0], acc[1], second), extra);
    int32x4_t high = vaddq_s32(columns_of(acc[2], acc[3], second), extra);

    if (folded)
        return neon_scale_folded(out, low, high, vld1q_f32(scale), vld1q_f32(scale + 4));
    return neon_scale(out, low, high, vld1q_f32(scale), vld1q_f32(scale + 4));
}

NEON_INLINE void finish(const struct arm_conv_block *block, const float *scale, int32_t row,
                        int rows, bool folded, const int32x4_t acc[PAIRS][PAIRS])
{
    const struct neon_output out =
        neon_output_make(block->zero_point, block->act_min, block->act_max);
    int8_t *to = block->output + (size_t)row * block->output_stride;

    for (int r = 0; r < rows; r += 2, to += 2 * block->output_stride) {
        int32_t first = block->row_bias ? block->row_bias[row + r] : 0;
        int32_t second = block->row_bias && r + 1 < rows ? block->row_bias[row + r + 1] : 0;
        int8x16_t bytes = neon_clamp(&out, scale_row(&out, scale, folded, first, acc[r / 2], 0),
                                     scale_row(&out, scale, folded, second, acc[r / 2], 1));

        store_row(to, vget_low_s8(bytes), block->columns);
        if (r + 1 < rows)
            store_row(to + block->output_stride, vget_high_s8(bytes), block->columns);
    }
}

NEON_INLINE void tile(const struct arm_conv_block *block, int32_t row, int rows)
{
    const int32_t *bias = block->panel;
    const float *scale = (const float *)(bias + COLUMNS);
    int32x4_t acc[PAIRS][PAIRS];

    for (int c = 0; c < PAIRS; c++) {
        int32x2_t pair = vld1_s32(bias + 2 * c);

        for (int r = 0; r < (rows + 1) / 2; r++)
            acc[r][c] = vcombine_s32(pair, pair);
    }
    multiply(block->a + (size_t)row * (size_t)block->depth, (const int8_t *)(scale + COLUMNS),
             block->depth, rows, acc);
    if (block->folded)
        finish(block, scale, row, rows, true, acc);
    else
        finish(block, scale, row, rows, false, acc);
}

static void multiply_panel(const struct arm_conv_block *block)
{
    int32_t row = gemm_tiles_run(block, ROWS, COLUMNS, gemm_neoni8mm_tiles);

    for (; row + ROWS <= block->rows; row += ROWS)
        tile(block, row, ROWS);
    switch (block->rows - row) {
    case 7: tile(block, row, 7); break;
    case 6: tile(block, row, 6); break;
    case 5: tile(block, row, 5); break;
    case 4: tile(block, row, 4); break;
    case 3: tile(block, row, 3); break;
    case 2: tile(block, row, 2); break;
    case 1: tile(block, row, 1); break;
    default: break;
    }
}

ARM_CONV_ROW(conv_neoni8mm, KERNEL_CPU_NEONI8MM, COLUMNS, DEPTH, ROWS, ARM_DEPTH_STEP,
             multiply_panel)
