// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/float_zmm.h"
#include "kernels/float_rows.h"

#define WORD_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

#include "kernels/conv_f32.h"

static void multiply(const struct word_task *task)
{
    if (task->vectors == 2)
        word_tile(task, 12, 2);
    else
        word_tile(task, 12, 1);
}

// Layers of few channels go to narrower registers.
static bool accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV && shape->out_c / shape->groups > 8;
}

static const struct word_isa isa = {FLOAT_LANES, 2, 12, 4, multiply};

WORD_FLOAT_ROW(kernel_conv_f32_avx512vnni, "conv_f32_avx512vnni", KERNEL_CPU_AVX512VNNI, accepts,
               &isa);
