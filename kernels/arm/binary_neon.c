// SPDX-License-Identifier: Apache-2.0
//
// Add, subtract and multiply for Armv8.0 and Armv7 NEON, 16 values at a time. The last ones go
// through buffers of 16, so that the output may be one of the inputs.

#include <string.h>

#include "kernels/arm/neon_round.h"
#include "kernels/arm/rows_arm.h"

enum { STEP = 16 };

struct words {
    int32x4_t part[4];
};

NEON_INLINE int16x8_t high_bytes(int8x16_t v)
{
    return vmovl_s8(vget_high_s8(v));
}

NEON_INLINE struct words multiply_add(struct words acc, int8x16_t v, int32_t factor)
{
    const int32x4_t by = vdupq_n_s32(factor);
    int16x8_t low = vmovl_s8(vget_low_s8(v)), high = high_bytes(v);

    acc.part[0] = vmlaq_s32(acc.part[0], vmovl_s16(vget_low_s16(low)), by);
    acc.part[1] = vmlaq_s32(acc.part[1], vmovl_s16(vget_high_s16(low)), by);
    acc.part[2] = vmlaq_s32(acc.part[2], vmovl_s16(vget_low_s16(high)), by);
    acc.part[3] = vmlaq_s32(acc.part[3], vmovl_s16(vget_high_s16(high)), by);
    return acc;
}

NEON_INLINE int8x16_t add_step(const struct kernel_binary_params *params, int8x16_t a, int8x16_t b)
{
    const struct neon_output out =
        neon_output_make(params->out_zero_point, params->act_min, params->act_max);
    const int32x4_t bias = vdupq_n_s32(params->bias), shift = vdupq_n_s32(-params->shift);
    struct words sum = {{bias, bias, bias, bias}};
    int16x8_t low, high;

    sum = multiply_add(multiply_add(sum, a, params->a_mul), b, params->b_mul);
    for (int i = 0; i < 4; i++)
        sum.part[i] = vshlq_s32(sum.part[i], shift);
    low = vqaddq_s16(neon_narrow_pair(sum.part[0], sum.part[1]), out.zero_point);
    high = vqaddq_s16(neon_narrow_pair(sum.part[2], sum.part[3]), out.zero_point);
    return neon_clamp(&out, low, high);
}

NEON_INLINE int16x8_t mul_half(const struct kernel_binary_params *params,
                               const struct neon_output *out, int8x8_t a, int8x8_t b)
{
    const float32x4_t scale = vdupq_n_f32(params->scale);
    int16x8_t x = vsubq_s16(vmovl_s8(a), vdupq_n_s16((int16_t)params->a_zero_point));
    int16x8_t y = vsubq_s16(vmovl_s8(b), vdupq_n_s16((int16_t)params->b_zero_point));

    return neon_scale(out, vmull_s16(vget_low_s16(x), vget_low_s16(y)),
                      vmull_s16(vget_high_s16(x), vget_high_s16(y)), scale, scale);
}

NEON_INLINE int8x16_t mul_step(const struct kernel_binary_params *params, int8x16_t a, int8x16_t b)
{
    const struct neon_output out =
        neon_output_make(params->out_zero_point, params->act_min, params->act_max);

    return neon_clamp(&out, mul_half(params, &out, vget_low_s8(a), vget_low_s8(b)),
                      mul_half(params, &out, vget_high_s8(a), vget_high_s8(b)));
}

typedef int8x16_t step_function(const struct kernel_binary_params *params, int8x16_t a,
                                int8x16_t b);

NEON_INLINE void run_steps(const struct kernel_binary_params *params, const int8_t *a,
                           const int8_t *b, bool b_scalar, int8_t *output, size_t n,
                           step_function *step)
{
    const struct kernel_binary_params local = *params; // no store below can change it
    int8_t last[3][STEP] = {{0}};
    int8x16_t second = vdupq_n_s8(b_scalar && n ? *b : 0);

    for (; n >= STEP; n -= STEP, a += STEP, output += STEP) {
        if (!b_scalar) {
            second = vld1q_s8(b);
            b += STEP;
        }
        vst1q_s8(output, step(&local, vld1q_s8(a), second));
    }
    if (n == 0)
        return;
    memcpy(last[0], a, n);
    if (!b_scalar) {
        memcpy(last[1], b, n);
        second = vld1q_s8(last[1]);
    }
    vst1q_s8(last[2], step(&local, vld1q_s8(last[0]), second));
    memcpy(output, last[2], n);
}

static void run_add(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    run_steps(params, a, b, b_scalar, output, n, add_step);
}

static void run_mul(const struct kernel_binary_params *params, const int8_t *a, const int8_t *b,
                    bool b_scalar, int8_t *output, size_t n)
{
    run_steps(params, a, b, b_scalar, output, n, mul_step);
}

const struct kernel_binary kernel_add_neon = {
    .name = "add_neon",
    .cpu = KERNEL_CPU_NEON,
    .kind = KERNEL_ADD,
    .run = run_add,
};
// The sign is in b_mul: subtraction runs as addition.
const struct kernel_binary kernel_sub_neon = {
    .name = "sub_neon",
    .cpu = KERNEL_CPU_NEON,
    .kind = KERNEL_SUB,
    .run = run_add,
};
const struct kernel_binary kernel_mul_neon = {
    .name = "mul_neon",
    .cpu = KERNEL_CPU_NEON,
    .kind = KERNEL_MUL,
    .run = run_mul,
};
