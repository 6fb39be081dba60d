// SPDX-License-Identifier: Apache-2.0
//
// Convolution as a matrix product, for every x86 instruction set: how a layer is cut up, how its weights
// lie, and the loop over pieces. An instruction set brings two functions (struct gemm_isa) and nothing else.
//
//   rows     output pixels, batch * out_h * out_w of them
//   depth    taps times channels of one filter (k_h * k_w * in_c / groups)
//   columns  output channels of one group
//
// A *panel* in scratch holds, for a block of rows, each row's depth values side by side, in the form the
// dot-product instruction wants; padding, stride, dilation and groups end there. A *tile* is 1..4 vectors
// of columns: int32 init[], float scale[], then for every four bytes of a panel row one vector of weights
// per vector of columns. In vector j, the 4 bytes at 32-bit lane 4 * i + t belong to column
// i * 4 * vectors + 4 * j + t: then packing 4 vectors of results to bytes yields columns in order.
//
// Three ways to cut:
//   few rows    all rows' panel fits in L2: a unit is (tile, block), tile-major, so weights are read once
//   many rows   a unit is a block of rows for one group with all its tiles; the panel fits in L1
//   lines       windows wider than a pixel: the panel holds input lines with their padding instead, and
//               each row starts `stride * in_c` values after the one before. Nothing is copied twice, but
//               each line of the window starts a quad of its own. Lines of a window that lie outside the
//               picture are left out where the panel's padding is zero; where sums are long, so are columns.
//               Windows of 3x3 pixels of three channels have 9 values a line: the ninth of each of the three
//               lines are brought together, behind the panel's line that the window begins with, as one quad
// Neighbouring units that one call runs are done as one: units may be small. The plan is made when weights
// are packed and lies in front of them.

#ifndef QEDGE_KERNELS_X86_GEMM_PLAN_H
#define QEDGE_KERNELS_X86_GEMM_PLAN_H

#include "kernels/kernels.h"

// GEMM_UNIT_ROWS: of the tile loop's smallest piece; of fewer rows it reads what lies behind in the panel.
// GEMM_REST_CHUNK: bytes of rests that are written at once, whole pixels.
enum { GEMM_BLOCKS_MAX = 64, GEMM_SPILL = 64, GEMM_UNIT_ROWS = 4, GEMM_REST_CHUNK = 48 };

struct gemm_plan {
    const struct kernel_conv_shape *shape;
    int32_t rows, depth, columns, groups;
    int32_t group_in;        // input channels of one group
    int32_t lines;           // a row's pieces in the panel: 1, or k_h
    int32_t line_depth;      // values of a piece
    int32_t quads;           // groups of four panel bytes of a piece
    int32_t steps;           // of a row: the quads of all its pieces, and one of their last values
    size_t rest;             // lines: where that one lies, from the row's begin; 0: there is none
    size_t row_bytes;        // from a row to the next in the panel
    size_t line_bytes;       // from a piece to the next
    size_t band_bytes;       // lines: from an output line's first row to the next one's
    size_t column_bytes;     // of packed weights for one vector of columns, init and scale included
    int32_t column_vectors;  // vectors that hold a group's columns
    int32_t tile_vectors;    // of a whole tile
    int32_t tiles;           // tiles of one group
    int32_t blocks;          // blocks of rows
    int32_t block_lines;     // lines: output lines of a block,
    int32_t panel_lines;     // and of a panel, a multiple of that
    int32_t panel_rows;      // rows of a panel: all, one block's, or panel_lines of them
    size_t panel_bytes;      // with room to write past its end
    bool padding_is_zero;    // in the panel
    bool long_sums;          // lines: taps left and right of the picture are worth leaving out
    enum { GEMM_FEW_ROWS, GEMM_MANY_ROWS, GEMM_LINES } way;
};

// Rows times one tile.
struct gemm_task {
    const uint8_t *panel;
    size_t row_bytes, line_bytes;
    int32_t bands;            // so many times `rows` rows; in the panel the next band begins
    size_t band_bytes;        // so many bytes on, in the output
    size_t band_output;       // so many
    int32_t rows, lines, quads;
    size_t rest;              // 0, or where in the panel one quad more lies, from a row's begin
    const int32_t *offsets;   // of the first line's quads and so on, from a row's begin in the panel
    size_t skipped;           // bytes of a column's weights before the first line's,
    size_t line_gap;          // and between a line's and the next one's
    const int32_t *row_terms; // NULL, or what each row adds to its sums
    const uint8_t *tile;
    int32_t vectors;          // of the tile
    int8_t *output;           // first row, first column of the tile
    size_t output_stride;
    int32_t columns;          // columns of the tile that exist
    int32_t zero_point, act_min, act_max;
};

struct gemm_isa {
    int32_t lanes;   // 32-bit lanes of a vector
    int32_t vectors; // of the widest tile
    int32_t bytes;   // of a panel value: 1 = x + 128, 2 = x - input_zero_point
    // Writes rows [first, first + count) of one group; may write GEMM_SPILL bytes past the last.
    void (*gather)(const struct gemm_plan *plan, const int8_t *input, int32_t group, int32_t first,
                   int32_t count, uint8_t *panel);
    // Writes `count` input lines of picture `batch` from y = top on, as wide as the windows reach, and the
    // rests of those that windows begin with.
    void (*gather_lines)(const struct gemm_plan *plan, const int8_t *input, int32_t batch, int32_t top,
                         int32_t count, uint8_t *panel);
    // Sum of n panel values (at most 2^22): only where bytes == 1.
    int32_t (*sum)(const uint8_t *values, int32_t n);
    void (*multiply)(const struct gemm_task *task);
};

// ---- gemm_plan.c: how a layer is cut ------------------------------------------------------------

struct gemm_plan gemm_plan_of(const struct kernel_conv_shape *shape, const struct gemm_isa *isa);
// The first row of a block: blocks differ by a few rows, so that none is a left-over; all but the last hold
// whole tiles.
int32_t gemm_block_start(const struct gemm_plan *plan, int32_t block);
// The first vector of a tile: all but the last are as wide as can be.
int32_t gemm_tile_start(const struct gemm_plan *plan, int32_t tile);
// Packed are the plan, where in the panel a row's quads lie, then the tiles; all three in whole cache lines.
enum { GEMM_PLAN_BYTES = (sizeof(struct gemm_plan) + 63) / 64 * 64 };
size_t gemm_offsets_bytes(const struct gemm_plan *plan);

// ---- what a row is made of ----------------------------------------------------------------------

// A depthwise layer on one input channel is a plain convolution.
bool gemm_accepts(const struct kernel_conv_shape *shape);
size_t gemm_packed_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa);
void gemm_pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
               void *packed, const struct gemm_isa *isa);
size_t gemm_scratch_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa);
int32_t gemm_units(const struct kernel_conv_shape *shape, const struct gemm_isa *isa);
void gemm_run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
              int8_t *output, void *scratch, int32_t first, int32_t last, const struct gemm_isa *isa);

// The row that an instruction set's file defines with these.
#define GEMM_ROW(symbol, row_name, flag, isa)                                                          \
    static size_t row_packed_size(const struct kernel_conv_shape *shape)                               \
    {                                                                                                  \
        return gemm_packed_size(shape, isa);                                                           \
    }                                                                                                  \
    static void row_pack(const struct kernel_conv_shape *shape,                                        \
                         const struct kernel_conv_weights *weights, void *packed)                      \
    {                                                                                                  \
        gemm_pack(shape, weights, packed, isa);                                                        \
    }                                                                                                  \
    static size_t row_scratch_size(const struct kernel_conv_shape *shape)                              \
    {                                                                                                  \
        return gemm_scratch_size(shape, isa);                                                          \
    }                                                                                                  \
    static int32_t row_units(const struct kernel_conv_shape *shape)                                    \
    {                                                                                                  \
        return gemm_units(shape, isa);                                                                 \
    }                                                                                                  \
    static void row_run(const struct kernel_conv_shape *shape, const void *packed,                     \
                        const int8_t *input, int8_t *output, void *scratch, int32_t first,             \
                        int32_t last)                                                                  \
    {                                                                                                  \
        gemm_run(shape, packed, input, output, scratch, first, last, isa);                             \
    }                                                                                                  \
    const struct kernel_conv symbol = {                                                                \
        .name = row_name,                                                                              \
        .cpu = flag,                                                                                   \
        .accepts = gemm_accepts,                                                                       \
        .packed_size = row_packed_size,                                                                \
        .pack = row_pack,                                                                              \
        .scratch_size = row_scratch_size,                                                              \
        .units = row_units,                                                                            \
        .run = row_run,                                                                                \
    }

#endif
