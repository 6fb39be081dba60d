// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution for every x86 instruction set: how a layer is cut up and how its weights lie. An
// instruction set brings one function that does one or two output rows of one block of channels.
//
// A dot-product instruction adds four bytes (or two int16) of each 32-bit lane. Here these are the rows of
// one column of the window: [r0 r1 r2 r3] of channel c. The same interleaved column serves
//   every output whose window holds that column (the loop slides along the row), and
//   two output rows, with weights [w0 w1 w2 0] and [0 w0 w1 w2] (stride and dilation 1).
// Taller windows take several *groups* of rows.
//
// Packed block (one for each 4 * lanes * vectors / 4 channels): 64 bytes of struct depthwise_head, int32
// init[width], float scale[width], then vectors of weights [k_w][groups][aligns][vectors]; lane order as in
// gemm_plan.h. Legacy weights w - weight_zero_point need 9 bits: then a second set holds the excess.

#ifndef QEDGE_KERNELS_X86_DEPTHWISE_PLAN_H
#define QEDGE_KERNELS_X86_DEPTHWISE_PLAN_H

#include "kernels/kernels.h"

enum { DEPTHWISE_CHUNK = 64 }; // channels of a unit

struct depthwise_head {
    int32_t wide; // the second set is not all zero
    int32_t unused[15];
};

struct depthwise_task {
    const struct kernel_conv_shape *shape;
    const int8_t *const *lines;         // input rows, groups * rows of a group, all readable
    ptrdiff_t step;                     // from a pixel to the next, in all of them
    int32_t rows;                       // output rows to do, <= aligns
    int32_t groups, aligns;
    const uint8_t *block;
    int8_t *output[2];
    int32_t channels; // of the block that exist
};

struct depthwise_isa {
    int32_t lanes;   // 32-bit lanes of a vector
    int32_t vectors; // of a block: it has lanes * vectors channels
    int32_t taps;    // rows in a lane: 4 bytes, or 2 int16
    bool offset;     // the lanes hold x + 128
    const struct depthwise_isa *narrow; // for a rest that fits into its block, or NULL
    void (*run)(const struct depthwise_task *task);
};

bool depthwise_accepts(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa);
size_t depthwise_packed_size(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa);
void depthwise_pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
                    void *packed, const struct depthwise_isa *isa);
size_t depthwise_scratch_size(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa);
int32_t depthwise_units(const struct kernel_conv_shape *shape);
void depthwise_run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                   int8_t *output, void *scratch, int32_t first, int32_t last,
                   const struct depthwise_isa *isa);

// Bytes of one set of weights of a block.
static inline size_t depthwise_set_bytes(const struct depthwise_task *task, int32_t lanes, int32_t vectors)
{
    return (size_t)task->shape->k_w * (size_t)task->groups * (size_t)task->aligns * (size_t)vectors *
           (size_t)lanes * 4;
}

#define DEPTHWISE_ROW(symbol, row_name, flag, isa)                                                     \
    static bool row_accepts(const struct kernel_conv_shape *shape)                                     \
    {                                                                                                  \
        return depthwise_accepts(shape, isa);                                                          \
    }                                                                                                  \
    static size_t row_packed_size(const struct kernel_conv_shape *shape)                               \
    {                                                                                                  \
        return depthwise_packed_size(shape, isa);                                                      \
    }                                                                                                  \
    static void row_pack(const struct kernel_conv_shape *shape,                                        \
                         const struct kernel_conv_weights *weights, void *packed)                      \
    {                                                                                                  \
        depthwise_pack(shape, weights, packed, isa);                                                   \
    }                                                                                                  \
    static size_t row_scratch_size(const struct kernel_conv_shape *shape)                              \
    {                                                                                                  \
        return depthwise_scratch_size(shape, isa);                                                     \
    }                                                                                                  \
    static void row_run(const struct kernel_conv_shape *shape, const void *packed,                     \
                        const int8_t *input, int8_t *output, void *scratch, int32_t first,             \
                        int32_t last)                                                                  \
    {                                                                                                  \
        depthwise_run(shape, packed, input, output, scratch, first, last, isa);                        \
    }                                                                                                  \
    const struct kernel_conv symbol = {                                                                \
        .name = row_name,                                                                              \
        .cpu = flag,                                                                                   \
        .accepts = row_accepts,                                                                        \
        .packed_size = row_packed_size,                                                                \
        .pack = row_pack,                                                                              \
        .scratch_size = row_scratch_size,                                                              \
        .units = depthwise_units,                                                                      \
        .run = row_run,                                                                                \
    }

#endif
