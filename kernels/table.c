// SPDX-License-Identifier: Apache-2.0
//
// Byte table rows, best first, and how one is chosen.

#include "kernels/arch.h"
#include "kernels/c/rows_c.h"

static const struct kernel_table *const rows[] = {KERNEL_ARCH_TABLE &kernel_table_c};

const struct kernel_table *kernel_table_select(uint32_t cpu)
{
    const struct kernel_table *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0)
        row++;
    return *row;
}

const struct kernel_table *const *kernel_table_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}
