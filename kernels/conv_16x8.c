// SPDX-License-Identifier: Apache-2.0
//
// 16x8 convolution rows, best first, and how one is chosen.

#include "kernels/wide_rows.h"

static const struct kernel_wide_conv *const rows[] = {KERNEL_ARCH_WIDE_CONV &kernel_conv_16x8_c};

const struct kernel_wide_conv *kernel_wide_conv_select(const struct kernel_conv_shape *shape,
                                                       uint32_t cpu)
{
    const struct kernel_wide_conv *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0 || !(*row)->accepts(shape))
        row++;
    return *row;
}

const struct kernel_wide_conv *const *kernel_wide_conv_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}
