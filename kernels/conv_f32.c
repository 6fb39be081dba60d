// SPDX-License-Identifier: Apache-2.0
//
// Float convolution rows, best first, and how one is chosen.

#include "kernels/float_rows.h"

static const struct kernel_float_conv *const rows[] = {KERNEL_ARCH_FLOAT_CONV & kernel_conv_f32_c};

const struct kernel_float_conv *kernel_float_conv_select(const struct kernel_conv_shape *shape,
                                                         uint32_t cpu)
{
    const struct kernel_float_conv *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0 || !(*row)->accepts(shape))
        row++;
    return *row;
}

const struct kernel_float_conv *const *kernel_float_conv_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}
