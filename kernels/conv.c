// SPDX-License-Identifier: Apache-2.0
//
// Convolution rows, best first, and how one is chosen.

#include "kernels/arch.h"
#include "kernels/c/rows_c.h"

static const struct kernel_conv *const rows[] = {KERNEL_ARCH_CONV &kernel_conv_c, &kernel_depthwise_c};

const struct kernel_conv *kernel_conv_select(const struct kernel_conv_shape *shape, uint32_t cpu)
{
    const struct kernel_conv *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0 || !(*row)->accepts(shape))
        row++;
    return *row;
}

const struct kernel_conv *const *kernel_conv_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}
