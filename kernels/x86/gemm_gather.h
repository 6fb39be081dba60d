// SPDX-License-Identifier: Apache-2.0
//
// Filling panels (see gemm_plan.h). The including file, which is one instruction set, defines before:
//   GATHER_BYTES    bytes of a panel value
//   GATHER_VECTOR   values that gather_vector moves
//   static inline void gather_vector(uint8_t *panel, const int8_t *x, int32_t zero_point)
//   static inline void gather_piece(uint8_t *panel, const int8_t *x, int32_t zero_point, const int size)
//       the same for `size` values, a constant <= GATHER_VECTOR; may write GATHER_VECTOR
//   static inline void gather_tail(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
//       n < GATHER_VECTOR values; reads no more than these
//   static inline void gather_padding(uint8_t *panel, int32_t zero_point)
// Each writes GATHER_VECTOR values: what lies behind is written later, or is the panel's slack.

#ifndef QEDGE_KERNELS_X86_GEMM_GATHER_H
#define QEDGE_KERNELS_X86_GEMM_GATHER_H

#include "kernels/x86/gemm_plan.h"

enum { GATHER_LINES = 16 }; // of a window, for the quick way

static inline void gather_copy(uint8_t *panel, const int8_t *x, int32_t n, int32_t zero_point)
{
    for (; n >= GATHER_VECTOR; n -= GATHER_VECTOR, x += GATHER_VECTOR, panel += GATHER_VECTOR * GATHER_BYTES)
        gather_vector(panel, x, zero_point);
    if (n > 0)
        gather_tail(panel, x, n, zero_point);
}

static inline void gather_fill(uint8_t *panel, int32_t n, int32_t zero_point)
{
    for (int32_t i = 0; i < n; i += GATHER_VECTOR)
        gather_padding(panel + i * GATHER_BYTES, zero_point);
}

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

// Any window, anywhere.
static void gather_window(const struct gemm_plan *plan, const int8_t *picture, int32_t top, int32_t left,
                          uint8_t *panel)
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

// Windows that stick out neither left nor right, and may be read a vector's length too far: `count` of
// them, whose lines start at lines[] (NULL: padding) and then `step` bytes on. Pieces of fitting `size`, a
// constant, are worth having: 64-byte moves nearly all cross a cache line.
static inline __attribute__((always_inline)) void gather_pieces(const struct gemm_plan *plan,
                                                                const int8_t *const *lines, ptrdiff_t step,
                                                                int32_t count, uint8_t *panel,
                                                                const int size)
{
    const struct kernel_conv_shape *s = plan->shape;
    const int32_t n = s->k_w * plan->group_in, zero_point = s->input_zero_point;
    for (int32_t i = 0; i < count; i++, panel += plan->row_bytes) {
        uint8_t *at = panel;
        for (int32_t ky = 0; ky < s->k_h; ky++, at += n * GATHER_BYTES) {
            if (!lines[ky]) {
                gather_fill(at, n, zero_point);
                continue;
            }
            const int8_t *x = lines[ky] + i * step;
            int32_t k = 0;
            do
                gather_piece(at + k * GATHER_BYTES, x + k, zero_point, size);
            while ((k += size) < n);
        }
    }
}

static void gather_inner(const struct gemm_plan *plan, const int8_t *picture, int32_t top, int32_t left,
                         int32_t count, uint8_t *panel)
{
    const struct kernel_conv_shape *s = plan->shape;
    const int8_t *lines[GATHER_LINES];
    ptrdiff_t line_bytes = (ptrdiff_t)s->in_w * s->in_c, step = (ptrdiff_t)s->stride_w * s->in_c;
    int32_t n = s->k_w * plan->group_in;
    for (int32_t ky = 0, y = top; ky < s->k_h; ky++, y += s->dilation_h)
        lines[ky] = y >= 0 && y < s->in_h ? picture + y * line_bytes + (ptrdiff_t)left * s->in_c : NULL;
    if (GATHER_VECTOR > 16 && (n <= 16 || (n > 32 && n <= 48)))
        gather_pieces(plan, lines, step, count, panel, 16);
    else if (GATHER_VECTOR > 32 && n <= 32)
        gather_pieces(plan, lines, step, count, panel, 32);
    else
        gather_pieces(plan, lines, step, count, panel, GATHER_VECTOR);
}

// How many of the windows from column ox on, at most `count`, gather_inner may take: they stay inside the
// picture's width, and the whole vectors that it reads stay inside the input.
static int32_t inner_count(const struct gemm_plan *plan, int32_t batch, int32_t oy, int32_t ox, int32_t count)
{
    const struct kernel_conv_shape *s = plan->shape;
    int32_t left = ox * s->stride_w - s->pad_left, fit = s->in_w - s->k_w - left;
    bool one_piece = s->k_w == 1 || (s->dilation_w == 1 && plan->groups == 1);
    if (s->k_h > GATHER_LINES || !one_piece || left < 0 || fit < 0)
        return 0;
    int32_t bottom = oy * s->stride_h - s->pad_top + (s->k_h - 1) * s->dilation_h;
    bottom = bottom < 0 ? 0 : bottom < s->in_h ? bottom : s->in_h - 1;
    int64_t from = (((int64_t)batch * s->in_h + bottom) * s->in_w + left + 1) * s->in_c - plan->group_in;
    int64_t end = (int64_t)s->batch * s->in_h * s->in_w * s->in_c;
    int32_t vectors = (s->k_w * plan->group_in + GATHER_VECTOR - 1) / GATHER_VECTOR;
    int64_t spare = end - from - vectors * GATHER_VECTOR;
    if (spare < 0)
        return 0;
    int64_t readable = spare / ((int64_t)s->stride_w * s->in_c);
    int64_t inner = (readable < fit / s->stride_w ? readable : fit / s->stride_w) + 1;
    return inner < count ? (int32_t)inner : count;
}

// The last of a window line's nine values, of three lines, for each pixel: value 8 of the windows' lines from
// there on, which is byte 8 - i of line i counted from where it goes to.
static void gather_rests(const struct gemm_plan *plan, uint8_t *line, int32_t width)
{
    enum { CHUNK = GEMM_REST_CHUNK };
#define FOUR(a, b, c) a, b, c, a, b, c, a, b, c, a, b, c
#define MASK(a, b, c) {FOUR(a, b, c), FOUR(a, b, c), FOUR(a, b, c), FOUR(a, b, c)}
    static const uint8_t of_a[CHUNK] = MASK(255, 0, 0), of_b[CHUNK] = MASK(0, 255, 0);
    static const uint8_t of_c[CHUNK] = MASK(0, 0, 255);
#undef MASK
#undef FOUR
    for (int32_t at = 0; at < width; at += CHUNK) {
        const uint8_t *a = line + at + 8, *b = line + plan->line_bytes + at + 7;
        const uint8_t *c = line + 2 * plan->line_bytes + at + 6;
        uint8_t rests[CHUNK];
        for (int32_t i = 0; i < CHUNK; i++)
            rests[i] = (uint8_t)((a[i] & of_a[i]) | (b[i] & of_b[i]) | (c[i] & of_c[i]));
        memcpy(line + plan->rest + at, rests, CHUNK);
    }
}

// Input lines with what the windows need on both sides.
static void gather_lines(const struct gemm_plan *plan, const int8_t *input, int32_t batch, int32_t top,
                         int32_t count, uint8_t *panel)
{
    const struct kernel_conv_shape *s = plan->shape;
    int32_t width = (s->out_w - 1) * s->stride_w + s->k_w, zero_point = s->input_zero_point;
    int32_t before = s->pad_left < width ? s->pad_left : width;
    int32_t inside = width - before < s->in_w ? width - before : s->in_w;
    int32_t after = width - before - inside;
    ptrdiff_t line = (ptrdiff_t)s->in_w * s->in_c;
    const int8_t *picture = input + (ptrdiff_t)batch * s->in_h * line;
    uint8_t *first = panel;
    for (int32_t i = 0; i < count; i++, panel += plan->line_bytes / (size_t)s->dilation_h) {
        if (top + i < 0 || top + i >= s->in_h) {
            gather_fill(panel, width * s->in_c, zero_point);
            continue;
        }
        uint8_t *middle = panel + before * s->in_c * GATHER_BYTES;
        gather_fill(panel, before * s->in_c, zero_point);
        gather_copy(middle, picture + (top + i) * line, inside * s->in_c, zero_point);
        gather_fill(middle + inside * s->in_c * GATHER_BYTES, after * s->in_c, zero_point);
    }
    for (int32_t i = 0; plan->rest && i + s->k_h <= count; i += s->stride_h)
        gather_rests(plan, first + (size_t)i * plan->line_bytes, width * s->in_c);
}

static inline bool gather_is_copy(const struct gemm_plan *plan)
{
    const struct kernel_conv_shape *s = plan->shape;
    return s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->in_h == s->out_h && s->in_w == s->out_w && plan->groups == 1;
}

static void gather_rows(const struct gemm_plan *plan, const int8_t *input, int32_t first, int32_t count,
                        uint8_t *panel)
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
    int32_t ox = first % s->out_w, oy = first / s->out_w % s->out_h, batch = first / s->out_w / s->out_h;
    const int8_t *pictures = input + (size_t)(group * plan->group_in);
    while (count > 0) {
        const int8_t *picture = pictures + (size_t)batch * picture_size;
        int32_t top = oy * s->stride_h - s->pad_top, left = ox * s->stride_w - s->pad_left;
        int32_t row = s->out_w - ox < count ? s->out_w - ox : count;
        int32_t done = inner_count(plan, batch, oy, ox, row);
        if (done > 0) {
            gather_inner(plan, picture, top, left, done, panel);
        } else {
            gather_window(plan, picture, top, left, panel);
            done = 1;
        }
        panel += (size_t)done * plan->row_bytes;
        count -= done;
        ox += done;
        if (ox == s->out_w) {
            ox = 0;
            if (++oy == s->out_h) {
                oy = 0;
                batch++;
            }
        }
    }
}

#endif
