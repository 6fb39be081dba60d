// SPDX-License-Identifier: Apache-2.0
//
// Matrix product for Armv8.2 with dot products: tiles of 8 rows x 8 columns, 16 steps of depth at a
// time.
//
// The panel holds, for each 4 steps of depth, 4 bytes of each of the 8 columns: sdot by element
// multiplies them with 4 bytes of a row, so that accumulators hold columns and nothing is added
// across.

#include "kernels/arm/arm_conv.h"
#include "kernels/arm/gemm_tiles.h"
#include "kernels/arm/rows_arm.h"
#include "kernels/arm/neon_round.h"

enum { ROWS = 8, COLUMNS = 8, DEPTH = 4 };

struct panel {
    int32x4_t bias[2];
    float32x4_t scale[2];
    const int8_t *weights;
};

// 4 steps of depth: lane `lane` of every row's bytes.
#define ADD_QUARTER(laneq, lane)                                        \
    do {                                                                \
        int8x16_t b0 = vld1q_s8(b), b1 = vld1q_s8(b + 16);              \
                                                                        \
        b += 32;                                                        \
        for (int r = 0; r < rows; r++) {                                \
            acc[r][0] = vdotq_##laneq##_s32(acc[r][0], b0, x[r], lane); \
            acc[r][1] = vdotq_##laneq##_s32(acc[r][1], b1, x[r], lane); \
        }                                                               \
    } while (0)

NEON_INLINE void multiply(const int8_t *a, const int8_t *b, int32_t depth, int rows,
                          int32x4_t acc[ROWS][2])
{
    for (; depth >= 16; depth -= 16, a += 16 * rows) {
        int8x16_t x[ROWS];

        for (int r = 0; r < rows; r++)
            x[r] = vld1q_s8(a + 16 * r);
        ADD_QUARTER(laneq, 0);
        ADD_QUARTER(laneq, 1);
        ADD_QUARTER(laneq, 2);
        ADD_QUARTER(laneq, 3);
    }
    if (depth) {
        int8x8_t x[ROWS];

        for (int r = 0; r < rows; r++)
            x[r] = vld1_s8(a + ARM_DEPTH_STEP * r);
        ADD_QUARTER(lane, 0);
        ADD_QUARTER(lane, 1);
    }
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

NEON_INLINE int16x8_t scale_row(const struct neon_output *out, const struct panel *panel,
                                const int32x4_t acc[2], bool folded)
{
    if (folded)
        return neon_scale_folded(out, acc[0], acc[1], panel->scale[0], panel->scale[1]);
    return neon_scale(out, acc[0], acc[1], panel->scale[0], panel->scale[1]);
}

NEON_INLINE void finish(const struct arm_conv_block *block, const struct panel *panel, int rows,
                        bool folded, const int32x4_t acc[ROWS][2], int8_t *to)
{
    const struct neon_output out =
        neon_output_make(block->zero_point, block->act_min, block->act_max);

    for (int r = 0; r < rows; r += 2) {
        int16x8_t first = scale_row(&out, panel, acc[r], folded);
        int16x8_t second = r + 1 < rows ? scale_row(&out, panel, acc[r + 1], folded) : first;
        int8x16_t bytes = neon_clamp(&out, first, second);

        store_row(to, vget_low_s8(bytes), block->columns);
        if (r + 1 < rows)
            store_row(to + block->output_stride, vget_high_s8(bytes), block->columns);
        to += 2 * block->output_stride;
    }
}

NEON_INLINE void tile(const struct arm_conv_block *block, const struct panel *panel, int32_t row,
                      int rows)
{
    int8_t *to = block->output + (size_t)row * block->output_stride;
    int32x4_t acc[ROWS][2];

    for (int r = 0; r < rows; r++)
        for (int h = 0; h < 2; h++)
            acc[r][h] = panel->bias[h];
    if (block->row_bias) {
        for (int r = 0; r < rows; r++)
            for (int h = 0; h < 2; h++)
                acc[r][h] = vaddq_s32(acc[r][h], vdupq_n_s32(block->row_bias[row + r]));
    }
    multiply(block->a + (size_t)row * (size_t)block->depth, panel->weights, block->depth, rows,
             acc);
    if (block->folded)
        finish(block, panel, rows, true, acc, to);
    else
        finish(block, panel, rows, false, acc, to);
}

// The rows from `row` on, where a tile with fewer rows can only be the last.
static __attribute__((noinline)) void multiply_rows(const struct arm_conv_block *block, int32_t row)
{
    const int32_t *bias = block->panel;
    const float *scale = (const float *)(bias + COLUMNS);
    const struct panel panel = {
        .bias = {vld1q_s32(bias), vld1q_s32(bias + 4)},
        .scale = {vld1q_f32(scale), vld1q_f32(scale + 4)},
        .weights = (const int8_t *)(scale + COLUMNS),
    };

    for (; row + ROWS <= block->rows; row += ROWS)
        tile(block, &panel, row, ROWS);
    switch (block->rows - row) {
    case 7: tile(block, &panel, row, 7); break;
    case 6: tile(block, &panel, row, 6); break;
    case 5: tile(block, &panel, row, 5); break;
    case 4: tile(block, &panel, row, 4); break;
    case 3: tile(block, &panel, row, 3); break;
    case 2: tile(block, &panel, row, 2); break;
    case 1: tile(block, &panel, row, 1); break;
    default: break;
    }
}

static void multiply_panel(const struct arm_conv_block *block)
{
    int32_t done = gemm_tiles_run(block, ROWS, COLUMNS, gemm_neondot_tiles);

    if (done < block->rows)
        multiply_rows(block, done);
}

ARM_CONV_ROW(conv_neondot, KERNEL_CPU_NEONDOT, COLUMNS, DEPTH, ROWS, 16, multiply_panel)
