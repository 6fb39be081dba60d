// SPDX-License-Identifier: Apache-2.0
//
// Float convolution for one instruction set: kernels/word_tile.h on vectors of floats. The
// including file brings a float_*.h and WORD_EACH_ROW before.

#ifndef QEDGE_KERNELS_CONV_F32_H
#define QEDGE_KERNELS_CONV_F32_H

#include "kernels/word_plan.h"

#define WORD_LANES FLOAT_LANES
#define WORD_VALUE float
#define WORD_HEAD 1
#define word_load float_load
#define word_spread float_spread
#define word_mac float_mac
typedef float_vec word_vec;

static inline word_vec word_start(const struct word_task *task, int vector, int vectors)
{
    (void)vectors;
    return word_load(task->tile + vector * WORD_LANES * 4);
}

static inline void word_finish(const struct word_task *task, int32_t row, int vector, int vectors,
                               word_vec sums, float *to, int32_t columns)
{
    (void)row;
    (void)vector;
    (void)vectors;
    float_store(to, sums, task->low, task->high, columns);
}

#include "kernels/word_tile.h"

#endif
