// SPDX-License-Identifier: Apache-2.0
//
// Difference rows, best first, and how one is chosen.

#include "kernels/arch.h"
#include "kernels/c/rows_c.h"

static const struct kernel_difference *const rows[] = {KERNEL_ARCH_DIFFERENCE &
                                                       kernel_difference_c};

const struct kernel_difference *kernel_difference_select(uint32_t cpu)
{
    const struct kernel_difference *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0)
        row++;
    return *row;
}

const struct kernel_difference *const *kernel_difference_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}
