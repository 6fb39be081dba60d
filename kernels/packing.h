// SPDX-License-Identifier: Apache-2.0
//
// Small arithmetic that every packer shares.

#ifndef QEDGE_KERNELS_PACKING_H
#define QEDGE_KERNELS_PACKING_H

#include <stddef.h>
#include <stdint.h>

static inline size_t packing_round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static inline int32_t packing_divide_up(int32_t value, int32_t divisor)
{
    return (value + divisor - 1) / divisor;
}

static inline int32_t packing_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t packing_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

#endif
