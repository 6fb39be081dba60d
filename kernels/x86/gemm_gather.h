// SPDX-License-Identifier: Apache-2.0
//
// Filling panels (see gemm_plan.h). The including file, which is one instruction set, defines before:
//   GATHER_BYTES                                    bytes of a panel value
//   static inline void gather_copy(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
//   static inline void gather_fill(uint8_t *panel, int32_t n, int32_t zero_point)
// Both may write up to 64 bytes too many (what follows is written later), but read exactly n values.

#ifndef QEDGE_KERNELS_X86_GEMM_GATHER_H
#define QEDGE_KERNELS_X86_GEMM_GATHER_H

#include "kernels/x86/gemm_plan.h"

// One line of taps: k_w positions from (y, left) on.
static inline uint8_t *gather_line(const struct gemm_plan *plan, const int8_t *line, int32_t left,
                                   uint8_t *panel)
{
    const struct kernel_conv_shape *s = plan->shape;
    int32_t depth = plan->group_in, zero_point = s->input_zero_point;
    int32_t reach = left + (s->k_w - 1) * s->dilation_w;
    if (left >= 0 && reach < s->in_w && (s->k_w == 1 || (s->dilation_w == 1 && plan->groups == 1))) {
        gather_copy(panel, line + (ptrdiff_t)left * s->in_c, s->k_w * depth, zero_point);
        return panel + (size_t)(s->k_w * depth) * GATHER_BYTES;
    }
    for (int32_t kx = 0, x = left; kx < s->k_w; kx++, x += s->dilation_w) {
        if (x >= 0 && x < s->in_w)
            gather_copy(panel, line + (ptrdiff_t)x * s->in_c, depth, zero_point);
        else
            gather_fill(panel, depth, zero_point);
        panel += (size_t)depth * GATHER_BYTES;
    }
    return panel;
}

static inline void gather_window(const struct gemm_plan *plan, const int8_t *picture, int32_t top,
                                 int32_t left, uint8_t *panel)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t line_bytes = (size_t)s->in_w * (size_t)s->in_c;
    for (int32_t ky = 0, y = top; ky < s->k_h; ky++, y += s->dilation_h) {
        if (y >= 0 && y < s->in_h) {
            panel = gather_line(plan, picture + (size_t)y * line_bytes, left, panel);
        } else {
            gather_fill(panel, s->k_w * plan->group_in, s->input_zero_point);
            panel += (size_t)(s->k_w * plan->group_in) * GATHER_BYTES;
        }
    }
}

static inline bool gather_is_copy(const struct gemm_plan *plan)
{
    const struct kernel_conv_shape *s = plan->shape;
    return s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->in_h == s->out_h && s->in_w == s->out_w && plan->groups == 1;
}

static inline void gather_rows(const struct gemm_plan *plan, const int8_t *input, int32_t first,
                               int32_t count, uint8_t *panel)
{
    const int8_t *x = input + (size_t)first * (size_t)plan->depth;
    if (plan->row_bytes == (size_t)plan->depth * GATHER_BYTES) {
        gather_copy(panel, x, count * plan->depth, plan->shape->input_zero_point);
        return;
    }
    for (int32_t row = 0; row < count; row++, x += plan->depth, panel += plan->row_bytes)
        gather_copy(panel, x, plan->depth, plan->shape->input_zero_point);
}

static void gather(const struct gemm_plan *plan, const int8_t *input, int32_t group, int32_t first,
                   int32_t count, uint8_t *panel)
{
    const struct kernel_conv_shape *s = plan->shape;
    if (gather_is_copy(plan)) {
        gather_rows(plan, input, first, count, panel);
        return;
    }
    size_t picture_size = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    int32_t ox = first % s->out_w, oy = first / s->out_w % s->out_h;
    const int8_t *picture = input + (size_t)(first / s->out_w / s->out_h) * picture_size +
                            (size_t)(group * plan->group_in);
    for (int32_t row = 0; row < count; row++, panel += plan->row_bytes) {
        gather_window(plan, picture, oy * s->stride_h - s->pad_top, ox * s->stride_w - s->pad_left, panel);
        if (++ox == s->out_w) {
            ox = 0;
            if (++oy == s->out_h) {
                oy = 0;
                picture += picture_size;
            }
        }
    }
}

#endif
