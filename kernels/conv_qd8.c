// SPDX-License-Identifier: Apache-2.0
//
// Dynamic-range convolution rows, best first, and how one is chosen.

#include "kernels/float_rows.h"

static const struct kernel_hybrid_conv *const rows[] = {KERNEL_ARCH_HYBRID_CONV &
                                                        kernel_conv_qd8_c};

const struct kernel_hybrid_conv *kernel_hybrid_conv_select(const struct kernel_conv_shape *shape,
                                                           uint32_t cpu)
{
    const struct kernel_hybrid_conv *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0 || !(*row)->accepts(shape))
        row++;
    return *row;
}

const struct kernel_hybrid_conv *const *kernel_hybrid_conv_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

// ---- quantizing --------------------------------------------------------------------------------

static const struct kernel_hybrid_quantize *const quantize_rows[] = {KERNEL_ARCH_HYBRID_QUANTIZE &
                                                                     kernel_quantize_qd8_c};

const struct kernel_hybrid_quantize *kernel_hybrid_quantize_select(uint32_t cpu)
{
    const struct kernel_hybrid_quantize *const *row = quantize_rows;
    while (((*row)->cpu & ~cpu) != 0)
        row++;
    return *row;
}

const struct kernel_hybrid_quantize *const *kernel_hybrid_quantize_rows(size_t *count)
{
    *count = sizeof quantize_rows / sizeof quantize_rows[0];
    return quantize_rows;
}

static const struct kernel_hybrid_round *const round_rows[] = {KERNEL_ARCH_HYBRID_ROUND &
                                                               kernel_round_qd8_c};

const struct kernel_hybrid_round *kernel_hybrid_round_select(uint32_t cpu)
{
    const struct kernel_hybrid_round *const *row = round_rows;
    while (((*row)->cpu & ~cpu) != 0)
        row++;
    return *row;
}

const struct kernel_hybrid_round *const *kernel_hybrid_round_rows(size_t *count)
{
    *count = sizeof round_rows / sizeof round_rows[0];
    return round_rows;
}
