// SPDX-License-Identifier: Apache-2.0
//
// Convolution with float results as a matrix product of 32-bit words, for every instruction set:
// how a layer is cut up, how its weights lie, and the loop over pieces. An instruction set brings
// one function (struct word_isa).
//
//   rows     output pixels, batch * out_h * out_w of them
//   depth    taps times channels of one filter (k_h * k_w * in_c / groups)
//   steps    words of one row: a word is one float, or four bytes of a dynamic-range layer
//   columns  output channels of one group
//
// A tile of weights is 1..vectors vectors of columns: its head, float bias[], for dynamic range
// also float scale[] and int32 sum[] (of a column's weights), then for every step one word a
// column. A pointwise layer's rows are its input; others are gathered into a panel in scratch,
// where padding, stride, dilation and groups end.
//
// A unit is a block of rows of one group with all its tiles; a layer of one block has a unit for
// every tile.

#ifndef QEDGE_KERNELS_WORD_PLAN_H
#define QEDGE_KERNELS_WORD_PLAN_H

#include "kernels/float.h"

struct word_plan {
    const struct kernel_conv_shape *shape;
    int32_t rows, depth, steps, columns, groups;
    int32_t pixels;                // rows of one picture
    int32_t group_in;              // input channels of one group
    bool direct;                   // rows are read from the input itself
    size_t row_bytes;              // from one row to the next
    int32_t column_vectors, tiles; // of one group
    size_t vector_bytes;           // of packed weights, head included
    int32_t block_rows, blocks;
};

// One block of rows times one tile.
struct word_task {
    const uint8_t *rows;
    size_t row_bytes;
    int32_t count, steps;
    const uint8_t *tile;
    int32_t vectors;      // of the tile
    float *output;        // first row, first column of the tile
    size_t output_stride; // in floats
    int32_t columns;      // columns of the tile that exist
    float low, high;
    const struct kernel_hybrid_steps *pictures; // dynamic range: of the picture of row 0, and so on
    int32_t first, pixels; // dynamic range: row 0 within its picture, rows of a picture
};

struct word_isa {
    int32_t lanes;   // words of a vector
    int32_t vectors; // of the widest tile
    int32_t height;  // rows that multiply() takes at once; blocks are multiples of it
    int32_t bytes;   // of a value: 4 = float, 1 = uint8 (dynamic range)
    void (*multiply)(const struct word_task *task);
};

struct word_weights {
    const void *weights; // OHWI, float or int8
    const float *bias;   // or NULL
    const float *scale;  // dynamic range: of each column
};

struct word_job {
    const void *packed, *input;
    float *output;
    void *scratch;
    struct kernel_float_range range;
    const struct kernel_hybrid_steps *steps; // dynamic range: one a picture
};

size_t word_packed_size(const struct kernel_conv_shape *shape, const struct word_isa *isa);
void word_pack(const struct kernel_conv_shape *shape, const struct word_weights *weights,
               void *packed, const struct word_isa *isa);
size_t word_scratch_size(const struct kernel_conv_shape *shape, const struct word_isa *isa);
int32_t word_units(const struct kernel_conv_shape *shape, const struct word_isa *isa);
void word_run(const struct kernel_conv_shape *shape, const struct word_job *job, int32_t first,
              int32_t last, const struct word_isa *isa);

// The row of a float convolution that an instruction set's file defines with these.
#define WORD_FLOAT_ROW(symbol, row_name, flag, accepts_shape, isa)                                 \
    static size_t row_packed_size(const struct kernel_conv_shape *shape)                           \
    {                                                                                              \
        return word_packed_size(shape, isa);                                                       \
    }                                                                                              \
    static void row_pack(const struct kernel_conv_shape *shape,                                    \
                         const struct kernel_float_weights *weights, void *packed)                 \
    {                                                                                              \
        word_pack(shape, &(struct word_weights){weights->weights, weights->bias, NULL}, packed,    \
                  isa);                                                                            \
    }                                                                                              \
    static size_t row_scratch_size(const struct kernel_conv_shape *shape)                          \
    {                                                                                              \
        return word_scratch_size(shape, isa);                                                      \
    }                                                                                              \
    static int32_t row_units(const struct kernel_conv_shape *shape)                                \
    {                                                                                              \
        return word_units(shape, isa);                                                             \
    }                                                                                              \
    static void row_run(const struct kernel_conv_shape *shape,                                     \
                        const struct kernel_float_range *range, const void *packed,                \
                        const float *input, float *output, void *scratch, int32_t first,           \
                        int32_t last)                                                              \
    {                                                                                              \
        word_run(shape, &(struct word_job){packed, input, output, scratch, *range, NULL}, first,   \
                 last, isa);                                                                       \
    }                                                                                              \
    const struct kernel_float_conv symbol = {row_name,        flag,     accepts_shape,             \
                                             row_packed_size, row_pack, row_scratch_size,          \
                                             row_units,       row_run}

// The same for dynamic range.
#define WORD_HYBRID_ROW(symbol, row_name, flag, isa)                                               \
    static bool row_accepts(const struct kernel_conv_shape *shape)                                 \
    {                                                                                              \
        return shape->kind == KERNEL_CONV;                                                         \
    }                                                                                              \
    static size_t row_packed_size(const struct kernel_conv_shape *shape)                           \
    {                                                                                              \
        return word_packed_size(shape, isa);                                                       \
    }                                                                                              \
    static void row_pack(const struct kernel_conv_shape *shape,                                    \
                         const struct kernel_hybrid_weights *weights, void *packed)                \
    {                                                                                              \
        word_pack(shape, &(struct word_weights){weights->weights, weights->bias, weights->scale},  \
                  packed, isa);                                                                    \
    }                                                                                              \
    static size_t row_scratch_size(const struct kernel_conv_shape *shape)                          \
    {                                                                                              \
        return word_scratch_size(shape, isa);                                                      \
    }                                                                                              \
    static int32_t row_units(const struct kernel_conv_shape *shape)                                \
    {                                                                                              \
        return word_units(shape, isa);                                                             \
    }                                                                                              \
    static void row_run(const struct kernel_conv_shape *shape,                                     \
                        const struct kernel_float_range *range, const void *packed,                \
                        const uint8_t *input, const struct kernel_hybrid_steps *steps,             \
                        float *output, void *scratch, int32_t first, int32_t last)                 \
    {                                                                                              \
        word_run(shape, &(struct word_job){packed, input, output, scratch, *range, steps}, first,  \
                 last, isa);                                                                       \
    }                                                                                              \
    const struct kernel_hybrid_conv symbol = {row_name,        flag,     row_accepts,              \
                                              row_packed_size, row_pack, row_scratch_size,         \
                                              row_units,       row_run}

#endif
