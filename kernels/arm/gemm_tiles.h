// SPDX-License-Identifier: Apache-2.0
//
// The assembly parts of the matrix products (Armv8 only): whole tiles of plain layers, that is: no
// bounds but int8's, all of the panel's columns. Everything else runs in the C file of the same
// ISA.

#ifndef QEDGE_KERNELS_ARM_GEMM_TILES_H
#define QEDGE_KERNELS_ARM_GEMM_TILES_H

#include "kernels/arm/arm_conv.h"
#include "kernels/arm/arm_fold.h"

// The layout is known to gemm_neon.S, gemm_neondot.S and gemm_neoni8mm.S.
struct gemm_tiles {
    const int8_t *rows; // tiles, one after the other, interleaved as arm_conv.h says
    const void *panel;
    int8_t *output; // top left value
    size_t output_stride;
    size_t groups;           // of 16 steps of depth
    size_t eight;            // 1 = 8 more steps follow
    size_t tiles;            // >= 1
    size_t folded;           // the panel's flag
    const int32_t *row_bias; // or NULL
    size_t reserved;
    int16_t zero_point[8];
    float fold[4]; // ARM_FOLD_VALUE
};

#ifdef __aarch64__

_Static_assert(offsetof(struct gemm_tiles, zero_point) == 80, "known to the assembly");
_Static_assert(offsetof(struct gemm_tiles, fold) == 96, "known to the assembly");

void gemm_neon_tiles(const struct gemm_tiles *job);    // 4 rows x 4 columns, not for `wide` panels
void gemm_neondot_tiles(const struct gemm_tiles *job); // 8 rows x 8 columns
void gemm_neoni8mm_tiles(const struct gemm_tiles *job);

// Runs a block's whole tiles; returns how many rows that were, from the first on.
static inline int32_t gemm_tiles_run(const struct arm_conv_block *block, int32_t rows,
                                     int32_t columns, void (*run)(const struct gemm_tiles *job))
{
    struct gemm_tiles job = {
        .rows = block->a,
        .panel = block->panel,
        .output = block->output,
        .output_stride = block->output_stride,
        .groups = (size_t)block->depth / 16,
        .eight = (size_t)block->depth % 16 / ARM_DEPTH_STEP,
        .tiles = (size_t)(block->rows / rows),
        .folded = block->folded,
        .row_bias = block->row_bias,
    };

    if (!job.tiles || block->columns != columns || block->act_min != INT8_MIN ||
        block->act_max != INT8_MAX)
        return 0;
    for (int i = 0; i < 8; i++)
        job.zero_point[i] = (int16_t)block->zero_point;
    for (int i = 0; i < 4; i++)
        job.fold[i] = ARM_FOLD_VALUE;
    run(&job);
    return (int32_t)job.tiles * rows;
}

#endif

#endif
