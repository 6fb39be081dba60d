// SPDX-License-Identifier: Apache-2.0
//
// Add, subtract and multiply, the definition. Every sum fits int32: |mul| <= 2^21, |x| <= 128, |bias| < 2^30.

#include "kernels/c/rows_c.h"
#include "kernels/requantize.h"

static void run_add(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t sum = params->bias + a[i] * params->a_mul + b[b_scalar ? 0 : i] * params->b_mul;
        output[i] = requantize_clamp((sum >> params->shift) + params->out_zero_point, params->act_min,
                                     params->act_max);
    }
}

static void run_mul(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    struct requantize_range range =
        requantize_range(params->out_zero_point, params->act_min, params->act_max);
    for (size_t i = 0; i < n; i++) {
        int32_t product =
            (a[i] - params->a_zero_point) * (b[b_scalar ? 0 : i] - params->b_zero_point);
        output[i] = requantize(product, params->scale, &range);
    }
}

const struct kernel_binary kernel_add_c = {
    .name = "add_c", .cpu = 0, .kind = KERNEL_ADD, .run = run_add,
};
// The sign is in b_mul: subtraction runs as addition.
const struct kernel_binary kernel_sub_c = {
    .name = "sub_c", .cpu = 0, .kind = KERNEL_SUB, .run = run_add,
};
const struct kernel_binary kernel_mul_c = {
    .name = "mul_c", .cpu = 0, .kind = KERNEL_MUL, .run = run_mul,
};
