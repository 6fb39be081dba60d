// SPDX-License-Identifier: Apache-2.0
//
// 16x8 convolution for one instruction set: kernels/word_tile.h on words of two int16. The
// including file brings before:
//   WORD_LANES, WORD_EACH_ROW; word_vec, word_load, word_spread, word_mac (of int32 sums)
//   word_vec word_zero(void)
//   void word_widen(int64_t *to, word_vec sums, bool more)   stores WORD_LANES sums, or adds them
//   int32_t wide_round_some(r, sums, first, columns, output)   rounds as many of `columns` channels
//                 from `first` on as it can by KERNEL_WIDE_REDUCED; returns how many

#ifndef QEDGE_KERNELS_CONV_16X8_H
#define QEDGE_KERNELS_CONV_16X8_H

#include "kernels/wide_round.h"
#include "kernels/wide_rows.h"
#include "kernels/word_plan.h"

#define WORD_VALUE int64_t
#define WORD_HEAD 0

static inline word_vec word_start(const struct word_task *task, int vector, int vectors)
{
    (void)task;
    (void)vector;
    (void)vectors;
    return word_zero();
}

// Scratch has room for all lanes.
static inline void word_finish(const struct word_task *task, int32_t row, int vector, int vectors,
                               word_vec sums, int64_t *to, int32_t columns)
{
    (void)row;
    (void)vector;
    (void)vectors;
    (void)columns;
    word_widen(to, sums, task->more);
}

#include "kernels/word_tile.h"

static void round_rows(const void *params, const int64_t *sums, size_t sums_stride, int32_t rows,
                       int32_t first, int32_t columns, int16_t *output, size_t output_stride)
{
    const struct wide_rounding *r = params;
    bool reduced = r->head->rule == KERNEL_WIDE_REDUCED;
    for (int32_t row = 0; row < rows; row++, sums += sums_stride, output += output_stride) {
        int32_t done = reduced ? wide_round_some(r, sums, first, columns, output) : 0;
        wide_round_rest(r, sums + done, first + done, columns - done, output + done);
    }
}

#define WORD_WIDE_ROW(symbol, row_name, flag, isa)                                                 \
    static bool row_accepts(const struct kernel_conv_shape *shape)                                 \
    {                                                                                              \
        return shape->kind == KERNEL_CONV;                                                         \
    }                                                                                              \
    static size_t row_packed_size(const struct kernel_conv_shape *shape)                           \
    {                                                                                              \
        return wide_head_size(shape) + word_packed_size(shape, isa);                               \
    }                                                                                              \
    static void row_pack(const struct kernel_conv_shape *shape,                                    \
                         const struct kernel_wide_weights *weights, void *packed)                  \
    {                                                                                              \
        wide_head_pack(shape, weights, packed);                                                    \
        word_pack(shape, &(struct word_weights){weights->weights, NULL, NULL},                     \
                  (uint8_t *)packed + wide_head_size(shape), isa);                                 \
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
                        const struct kernel_wide_range *range, const void *packed,                 \
                        const int16_t *input, int16_t *output, void *scratch, int32_t first,       \
                        int32_t last)                                                              \
    {                                                                                              \
        const struct wide_rounding rounding = {packed, range};                                     \
        const struct word_job job = {.packed = (const uint8_t *)packed + wide_head_size(shape),    \
                                     .input = input,                                               \
                                     .output = output,                                             \
                                     .scratch = scratch,                                           \
                                     .rounding = {round_rows, &rounding}};                         \
        word_run(shape, &job, first, last, isa);                                                   \
    }                                                                                              \
    const struct kernel_wide_conv symbol = {row_name,        flag,     row_accepts,                \
                                            row_packed_size, row_pack, row_scratch_size,           \
                                            row_units,       row_run}

#endif
