// SPDX-License-Identifier: Apache-2.0
//
// Float rows for pooling and for sums and products, best first, and how one is chosen.

#include "kernels/float_rows.h"

static const struct kernel_float_pool *const pools[] = {KERNEL_ARCH_FLOAT_POOL &kernel_pool_f32_c};
static const struct kernel_float_binary *const binaries[] = {KERNEL_ARCH_FLOAT_BINARY &
                                                             kernel_binary_f32_c};

const struct kernel_float_pool *kernel_float_pool_select(const struct kernel_pool_shape *shape,
                                                         uint32_t cpu)
{
    const struct kernel_float_pool *const *row = pools;
    while (((*row)->cpu & ~cpu) != 0 || !(*row)->accepts(shape))
        row++;
    return *row;
}

const struct kernel_float_pool *const *kernel_float_pool_rows(size_t *count)
{
    *count = sizeof pools / sizeof pools[0];
    return pools;
}

const struct kernel_float_binary *kernel_float_binary_select(uint32_t cpu)
{
    const struct kernel_float_binary *const *row = binaries;
    while (((*row)->cpu & ~cpu) != 0)
        row++;
    return *row;
}

const struct kernel_float_binary *const *kernel_float_binary_rows(size_t *count)
{
    *count = sizeof binaries / sizeof binaries[0];
    return binaries;
}
