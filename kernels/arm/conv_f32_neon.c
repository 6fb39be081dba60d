// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/float_q.h"
#include "kernels/float_rows.h"

#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

#include "kernels/conv_f32.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 8, 2);
    else
        word_tile(task, 8, 1);
}

static bool accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV;
}

static const struct word_isa isa = {FLOAT_LANES, 2, 8, 4, multiply};

WORD_FLOAT_ROW(kernel_conv_f32_neon, "conv_f32_neon", KERNEL_CPU_NEON, accepts, &isa);
