// SPDX-License-Identifier: Apache-2.0
//
// Pooling rows, best first, and how one is chosen.

#include "kernels/arch.h"
#include "kernels/c/rows_c.h"

static const struct kernel_pool *const rows[] = {KERNEL_ARCH_POOL &kernel_pool_c};

const struct kernel_pool *kernel_pool_select(const struct kernel_pool_shape *shape, uint32_t cpu)
{
    const struct kernel_pool *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0 || !(*row)->accepts(shape))
        row++;
    return *row;
}

const struct kernel_pool *const *kernel_pool_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}
