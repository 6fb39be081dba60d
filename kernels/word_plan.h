// SPDX-License-Identifier: Apache-2.0
//
// Convolution as a matrix product of 32-bit words, for every instruction set and three kinds of
// values: how a layer is cut up, how its weights lie, and the loop over pieces. An instruction set
// brings one function (struct word_isa).
//
//   rows     output pixels, batch * out_h * out_w of them
//   depth    taps times channels of one filter (k_h * k_w * in_c / groups)
//   columns  output channels of one group
//   word     one float, two int16 (16x8) or four bytes (dynamic range)
//   line     the part of a filter that lies side by side in the input; `steps` words of it
//
// Where a row's values come from:
//   direct   pointwise: rows are the input itself, one line of depth
//   lines    rows of one output line start stride_w pixels apart in the input, k_h lines each;
//            pictures that need padding are copied once, with it, into scratch
//   gather   everything else (groups, dilation, narrow outputs): one line of depth a row in scratch
//
// A tile of weights is 1..vectors vectors of columns: its head (none, or float bias[], or float
// bias[], scale[] and int32 sum[] of a column's weights), then for every step one word a column.
//
// A unit is a tile of a block of rows of one group; neighbouring tiles of a block that one call runs
// read its rows once.

#ifndef QEDGE_KERNELS_WORD_PLAN_H
#define QEDGE_KERNELS_WORD_PLAN_H

#include "kernels/float.h"

enum { WORD_LINES = 16 }; // most lines of a row

// Rows times one tile.
struct word_task {
    const uint8_t *lines[WORD_LINES]; // of row 0
    int32_t line_count, steps;        // words of a line
    size_t row_bytes;                 // from one row to the next
    int32_t count;                    // rows
    const uint8_t *tile;
    int32_t vectors;      // of the tile
    void *output;         // first row, first column of the tile: float, 16x8: int64 sums
    size_t output_stride; // in values
    int32_t columns;      // columns of the tile that exist
    bool more;            // 16x8: add to the sums that are there
    float low, high;
    const struct kernel_hybrid_steps *pictures; // dynamic range: of the picture of row 0, and so on
    int32_t first, pixels; // dynamic range: row 0 within its picture, rows of a picture
};

// 16x8: a layer's sums to its outputs, for `rows` rows of columns [first, first + columns).
struct word_rounding {
    void (*run)(const void *params, const int64_t *sums, size_t sums_stride, int32_t rows,
                int32_t first, int32_t columns, int16_t *output, size_t output_stride);
    const void *params;
};

struct word_isa {
    int32_t lanes;   // words of a vector
    int32_t vectors; // of the widest tile
    int32_t height;  // rows that multiply() takes at once; blocks are multiples of it
    int32_t bytes;   // of a value: 4 = float, 2 = int16 (16x8), 1 = uint8 (dynamic range)
    void (*multiply)(const struct word_task *task);
};

struct word_weights {
    const void *weights; // OHWI; float, or int8
    const float *bias;   // or NULL; not of 16x8
    const float *scale;  // dynamic range: of each column
};

struct word_job {
    const void *packed, *input;
    void *output, *scratch;
    struct kernel_float_range range;
    const struct kernel_hybrid_steps *steps; // dynamic range: one a picture
    struct word_rounding rounding;           // 16x8
};

size_t word_packed_size(const struct kernel_conv_shape *shape, const struct word_isa *isa);
void word_pack(const struct kernel_conv_shape *shape, const struct word_weights *weights,
               void *packed, const struct word_isa *isa);
size_t word_scratch_size(const struct kernel_conv_shape *shape, const struct word_isa *isa);
int32_t word_units(const struct kernel_conv_shape *shape, const struct word_isa *isa);
void word_run(const struct kernel_conv_shape *shape, const struct word_job *job, int32_t first,
              int32_t last, const struct word_isa *isa);

// The functions of a row that an instruction set's file defines with the macros below.
#define WORD_ROW_SIZES(isa)                                                                        \
    static size_t row_packed_size(const struct kernel_conv_shape *shape)                           \
    {                                                                                              \
        return word_packed_size(shape, isa);                                                       \
    }                                                                                              \
    static size_t row_scratch_size(const struct kernel_conv_shape *shape)                          \
    {                                                                                              \
        return word_scratch_size(shape, isa);                                                      \
    }                                                                                              \
    static int32_t row_units(const struct kernel_conv_shape *shape)                                \
    {                                                                                              \
        return word_units(shape, isa);                                                             \
    }

#define WORD_FLOAT_ROW(symbol, row_name, flag, accepts_shape, isa)                                 \
    WORD_ROW_SIZES(isa)                                                                            \
    static void row_pack(const struct kernel_conv_shape *shape,                                    \
                         const struct kernel_float_weights *weights, void *packed)                 \
    {                                                                                              \
        word_pack(shape, &(struct word_weights){weights->weights, weights->bias, NULL}, packed,    \
                  isa);                                                                            \
    }                                                                                              \
    static void row_run(const struct kernel_conv_shape *shape,                                     \
                        const struct kernel_float_range *range, const void *packed,                \
                        const float *input, float *output, void *scratch, int32_t first,           \
                        int32_t last)                                                              \
    {                                                                                              \
        word_run(shape, &(struct word_job){packed, input, output, scratch, *range, NULL, {0}},     \
                 first, last, isa);                                                                \
    }                                                                                              \
    const struct kernel_float_conv symbol = {row_name,        flag,     accepts_shape,             \
                                             row_packed_size, row_pack, row_scratch_size,          \
                                             row_units,       row_run}

#define WORD_HYBRID_ROW(symbol, row_name, flag, isa)                                               \
    WORD_ROW_SIZES(isa)                                                                            \
    static bool row_accepts(const struct kernel_conv_shape *shape)                                 \
    {                                                                                              \
        return shape->kind == KERNEL_CONV;                                                         \
    }                                                                                              \
    static void row_pack(const struct kernel_conv_shape *shape,                                    \
                         const struct kernel_hybrid_weights *weights, void *packed)                \
    {                                                                                              \
        word_pack(shape, &(struct word_weights){weights->weights, weights->bias, weights->scale},  \
                  packed, isa);                                                                    \
    }                                                                                              \
    static void row_run(const struct kernel_conv_shape *shape,                                     \
                        const struct kernel_float_range *range, const void *packed,                \
                        const uint8_t *input, const struct kernel_hybrid_steps *steps,             \
                        float *output, void *scratch, int32_t first, int32_t last)                 \
    {                                                                                              \
        word_run(shape, &(struct word_job){packed, input, output, scratch, *range, steps, {0}},    \
                 first, last, isa);                                                                \
    }                                                                                              \
    const struct kernel_hybrid_conv symbol = {row_name,        flag,     row_accepts,              \
                                              row_packed_size, row_pack, row_scratch_size,         \
                                              row_units,       row_run}

#endif
