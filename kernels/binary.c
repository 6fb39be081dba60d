// SPDX-License-Identifier: Apache-2.0
//
// Element-wise rows, best first, how one is chosen, and the fixed-point numbers that all of them share.

#include <errno.h>
#include <math.h>

#include "kernels/arch.h"
#include "kernels/c/rows_c.h"

static const struct kernel_binary *const rows[] = {KERNEL_ARCH_BINARY &kernel_add_c, &kernel_sub_c,
                                                   &kernel_mul_c};

const struct kernel_binary *kernel_binary_select(enum kernel_binary_kind kind, uint32_t cpu)
{
    const struct kernel_binary *const *row = rows;
    while (((*row)->cpu & ~cpu) != 0 || (*row)->kind != kind)
        row++;
    return *row;
}

const struct kernel_binary *const *kernel_binary_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

static bool within(float value, float low, float high)
{
    return value >= low && value < high; // false for a NaN
}

// Both multipliers get the shift at which the larger one has 21 bits.
static int prepare_sum(struct kernel_binary_params *params)
{
    float a_ratio = params->a_scale / params->out_scale;
    float b_ratio = params->b_scale / params->out_scale;
    if (!within(a_ratio, 0x1p-10f, 0x1p8f) || !within(b_ratio, 0x1p-10f, 0x1p8f))
        return -ERANGE;
    params->shift = 20 - ilogbf(fmaxf(a_ratio, b_ratio));
    params->a_mul = (int32_t)lrintf(ldexpf(a_ratio, params->shift));
    params->b_mul = (int32_t)lrintf(ldexpf(b_ratio, params->shift));
    if (params->kind == KERNEL_SUB)
        params->b_mul = -params->b_mul;
    params->bias = (1 << (params->shift - 1)) - params->a_mul * params->a_zero_point -
                   params->b_mul * params->b_zero_point;
    return 0;
}

int kernel_binary_prepare(struct kernel_binary_params *params)
{
    if (params->kind != KERNEL_MUL)
        return prepare_sum(params);
    params->scale = params->a_scale * params->b_scale / params->out_scale;
    return within(params->scale, 0x1p-16f, 0x1p8f) ? 0 : -ERANGE;
}

void kernel_binary_swap(struct kernel_binary_params *params)
{
    struct kernel_binary_params old = *params;
    params->a_scale = old.b_scale;
    params->a_zero_point = old.b_zero_point;
    params->a_mul = old.b_mul;
    params->b_scale = old.a_scale;
    params->b_zero_point = old.a_zero_point;
    params->b_mul = old.a_mul;
}
