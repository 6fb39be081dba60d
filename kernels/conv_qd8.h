// SPDX-License-Identifier: Apache-2.0
//
// Dynamic-range convolution for one instruction set: kernels/word_tile.h on words of four bytes.
// The including file brings a float_*.h, WORD_EACH_ROW and
//   word_vec     a vector of int32 sums, as many lanes as a float_vec
//   word_vec word_load(const void *), word_vec word_mac(sums, x, w)   adds x's four bytes times
//   w's, lane by lane word_vec word_spread(const void *)                                a word in
//   every lane, as word_mac wants it word_vec word_set(int32_t), word_vec word_multiply(a, b) low
//   32 bits of products float_vec word_float(word_vec), float_multiply(a, b), float_set(float)
//   WORD_OFFSET  what word_spread takes off every byte: 0 or 128
// before.

#ifndef QEDGE_KERNELS_CONV_QD8_H
#define QEDGE_KERNELS_CONV_QD8_H

#include "kernels/word_plan.h"

#define WORD_LANES FLOAT_LANES
#define WORD_VALUE float
#define WORD_HEAD 3

// A tile's head: bias[], scale[], sum[] of its columns.
static inline const uint8_t *head_of(const struct word_task *task, int which, int vector,
                                     int vectors)
{
    return task->tile + (size_t)((which * vectors + vector) * WORD_LANES) * 4;
}

static inline word_vec word_start(const struct word_task *task, int vector, int vectors)
{
    (void)task;
    (void)vector;
    (void)vectors;
    return word_set(0);
}

// Bytes count from their picture's zero point on: minus (zero point - WORD_OFFSET) times the sum of
// the weights.
static inline void word_finish(const struct word_task *task, int32_t row, int vector, int vectors,
                               word_vec sums, float *to, int32_t columns)
{
    const struct kernel_hybrid_steps *steps = &task->pictures[(task->first + row) / task->pixels];
    word_vec rest = word_multiply(word_load(head_of(task, 2, vector, vectors)),
                                  word_set(WORD_OFFSET - steps->zero_point));
    float_vec value = float_multiply(word_float(word_add(sums, rest)), float_set(steps->scale));
    float_vec y = float_mac(float_load(head_of(task, 0, vector, vectors)), value,
                            float_load(head_of(task, 1, vector, vectors)));
    float_store(to, y, task->low, task->high, columns);
}

#include "kernels/word_tile.h"

#endif
