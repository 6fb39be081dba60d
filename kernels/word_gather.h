// SPDX-License-Identifier: Apache-2.0
//
// Input to scratch for kernels/word_plan.c: windows one by one, or whole lines with their padding.
// `value` is the size of a value; constant wherever these are inlined, so that copies are of a
// known size.

#ifndef QEDGE_KERNELS_WORD_GATHER_H
#define QEDGE_KERNELS_WORD_GATHER_H

#include <string.h>

#include "kernels/kernels.h"

// Short runs, whose length the compiler does not know: quicker than a call.
static inline void word_copy_run(uint8_t *to, const uint8_t *from, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        memcpy(to + i, from + i, 16);
    for (; i + 4 <= n; i += 4)
        memcpy(to + i, from + i, 4);
    for (; i < n; i++)
        to[i] = from[i];
}

// One filter row of one window: taps at x, x + dilation, ... of a picture's row, or NULL for a row
// outside.
static inline uint8_t *word_gather_taps(const struct kernel_conv_shape *s, const uint8_t *line,
                                        int32_t left, uint8_t *to, int fill, size_t value)
{
    size_t pixel = (size_t)s->in_c * value, run = (size_t)(s->in_c / s->groups) * value;
    if (line && s->dilation_w == 1 && s->groups == 1 && left >= 0 && left + s->k_w <= s->in_w) {
        word_copy_run(to, line + (size_t)left * pixel, run * (size_t)s->k_w);
        return to + run * (size_t)s->k_w;
    }
    for (int32_t kx = 0; kx < s->k_w; kx++, to += run) {
        int32_t x = left + kx * s->dilation_w;
        if (!line || x < 0 || x >= s->in_w)
            memset(to, fill, run);
        else
            word_copy_run(to, line + (size_t)x * pixel, run);
    }
    return to;
}

// The window of output pixel `row` of a group, then zeros up to row_bytes.
static inline void word_gather_row(const struct kernel_conv_shape *s, const uint8_t *input,
                                   int32_t group, int32_t row, int fill, uint8_t *panel,
                                   size_t row_bytes, size_t value)
{
    size_t line_bytes = (size_t)s->in_w * (size_t)s->in_c * value;
    int32_t line = row / s->out_w, top = line % s->out_h * s->stride_h - s->pad_top;
    int32_t left = row % s->out_w * s->stride_w - s->pad_left;
    const uint8_t *picture = input + (size_t)(line / s->out_h) * (size_t)s->in_h * line_bytes +
                             (size_t)(group * (s->in_c / s->groups)) * value;
    uint8_t *to = panel;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        int32_t y = top + ky * s->dilation_h;
        bool inside = y >= 0 && y < s->in_h;
        to = word_gather_taps(s, inside ? picture + (size_t)y * line_bytes : NULL, left, to, fill,
                              value);
    }
    memset(to, 0, (size_t)(panel + row_bytes - to));
}

// One line of a picture from pad_left pixels before it on, `bytes` of it; NULL: padding only.
static inline void word_copy_line(const struct kernel_conv_shape *s, const uint8_t *line, int fill,
                                  uint8_t *to, size_t bytes, size_t value)
{
    size_t pixel = (size_t)s->in_c * value, before = (size_t)s->pad_left * pixel;
    size_t inside = (size_t)s->in_w * pixel;
    if (!line) {
        memset(to, fill, bytes);
        return;
    }
    before = before < bytes ? before : bytes;
    inside = inside < bytes - before ? inside : bytes - before;
    memset(to, fill, before);
    memcpy(to + before, line, inside);
    memset(to + before + inside, fill, bytes - before - inside);
}

#endif
