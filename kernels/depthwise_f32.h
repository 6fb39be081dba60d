// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution of floats for one instruction set; the including file brings a float_*.h
// before. One filter a channel, at least a vector of channels: the last vector of a pixel overlaps
// the one before it, both compute the same there. Weights lie as kernels/c has them. Pixels whose
// window lies inside the picture go four at a time.

#ifndef QEDGE_KERNELS_DEPTHWISE_F32_H
#define QEDGE_KERNELS_DEPTHWISE_F32_H

#include <stddef.h>

#include "kernels/float_rows.h"
#include "kernels/packing.h"

#define DEPTHWISE_INLINE static inline __attribute__((always_inline))

// The taps of a window that lie inside the picture.
struct depthwise_window {
    const float *x, *weights; // first tap's pixel and weights
    int32_t lines, taps;
    size_t x_line, x_tap, w_line, w_tap; // steps in floats
};

// Four sums at once, so that they do not wait for one another: of one vector of channels for four
// pixels (`next` floats apart, sharing weights), or of four vectors of one pixel.
DEPTHWISE_INLINE void depthwise_four(const struct depthwise_window *win, const float *bias,
                                     const struct kernel_float_range *range, int32_t c, float *out,
                                     size_t next, size_t out_next, const bool pixels)
{
    const size_t w_next = pixels ? 0 : next;
    float_vec a = float_load(bias + c), b = float_load(bias + c + w_next),
              d = float_load(bias + c + 2 * w_next), e = float_load(bias + c + 3 * w_next);
    for (int32_t ky = 0; ky < win->lines; ky++) {
        const float *x = win->x + (size_t)ky * win->x_line + c,
                    *w = win->weights + (size_t)ky * win->w_line + c;
        for (int32_t kx = 0; kx < win->taps; kx++, x += win->x_tap, w += win->w_tap) {
            float_vec weight = float_load(w);
            a = float_mac(a, float_load(x), weight);
            b = float_mac(b, float_load(x + next), pixels ? weight : float_load(w + next));
            d = float_mac(d, float_load(x + 2 * next), pixels ? weight : float_load(w + 2 * next));
            e = float_mac(e, float_load(x + 3 * next), pixels ? weight : float_load(w + 3 * next));
        }
    }
    float_store(out + c, a, range->low, range->high, FLOAT_LANES);
    float_store(out + out_next + c, b, range->low, range->high, FLOAT_LANES);
    float_store(out + 2 * out_next + c, d, range->low, range->high, FLOAT_LANES);
    float_store(out + 3 * out_next + c, e, range->low, range->high, FLOAT_LANES);
}

DEPTHWISE_INLINE void depthwise_one(const struct depthwise_window *win, const float *bias,
                                    const struct kernel_float_range *range, int32_t c, float *out)
{
    float_vec a = float_load(bias + c);
    for (int32_t ky = 0; ky < win->lines; ky++) {
        const float *x = win->x + (size_t)ky * win->x_line + c,
                    *w = win->weights + (size_t)ky * win->w_line + c;
        for (int32_t kx = 0; kx < win->taps; kx++, x += win->x_tap, w += win->w_tap)
            a = float_mac(a, float_load(x), float_load(w));
    }
    float_store(out + c, a, range->low, range->high, FLOAT_LANES);
}

static inline void depthwise_pixel(const struct kernel_conv_shape *s,
                                   const struct kernel_float_range *range, const float *bias,
                                   const struct depthwise_window *win, float *out)
{
    int32_t c = 0;
    for (; c + 4 * FLOAT_LANES <= s->in_c; c += 4 * FLOAT_LANES)
        depthwise_four(win, bias, range, c, out, FLOAT_LANES, FLOAT_LANES, false);
    for (; c < s->in_c; c += FLOAT_LANES)
        depthwise_one(win, bias, range, packing_min(c, s->in_c - FLOAT_LANES), out);
}

static inline void depthwise_pixels(const struct kernel_conv_shape *s,
                                    const struct kernel_float_range *range, const float *bias,
                                    const struct depthwise_window *win, float *out)
{
    const size_t next = (size_t)s->stride_w * (size_t)s->in_c;
    for (int32_t c = 0; c < s->in_c; c += FLOAT_LANES)
        depthwise_four(win, bias, range, packing_min(c, s->in_c - FLOAT_LANES), out, next,
                       (size_t)s->in_c, true);
}

// Taps [first, last) of `taps` that lie inside [0, size) when tap 0 lies at `at`.
static inline void depthwise_clip(int32_t at, int32_t taps, int32_t dilation, int32_t size,
                                  int32_t *first, int32_t *last)
{
    *first = at < 0 ? packing_min(taps, packing_divide_up(-at, dilation)) : 0;
    *last = at < size ? packing_min(taps, packing_divide_up(size - at, dilation)) : 0;
    *last = packing_max(*first, *last);
}

static void depthwise_row(const struct kernel_conv_shape *s, const struct kernel_float_range *range,
                          const float *packed, const float *picture, int32_t top, float *out)
{
    const size_t c = (size_t)s->in_c, line = (size_t)s->in_w * c;
    int32_t first_y, last_y, first_x, last_x;
    depthwise_clip(top, s->k_h, s->dilation_h, s->in_h, &first_y, &last_y);
    struct depthwise_window win = {
        .lines = last_y - first_y,
        .x_line = (size_t)s->dilation_h * line,
        .x_tap = (size_t)s->dilation_w * c,
        .w_line = (size_t)s->k_w * c,
        .w_tap = c,
    };
    const float *weights = packed + c + (size_t)first_y * win.w_line;
    const float *lines =
        win.lines ? picture + (size_t)(top + first_y * s->dilation_h) * line : picture;
    int32_t reach = (s->k_w - 1) * s->dilation_w, ox = 0;
    while (ox < s->out_w) {
        int32_t left = ox * s->stride_w - s->pad_left;
        depthwise_clip(left, s->k_w, s->dilation_w, s->in_w, &first_x, &last_x);
        bool four = ox + 4 <= s->out_w && left >= 0 && left + 3 * s->stride_w + reach < s->in_w;
        win.taps = last_x - first_x;
        win.weights = weights + (size_t)first_x * c;
        win.x = win.taps ? lines + (size_t)(left + first_x * s->dilation_w) * c : lines;
        if (four)
            depthwise_pixels(s, range, packed, &win, out + (size_t)ox * c);
        else
            depthwise_pixel(s, range, packed, &win, out + (size_t)ox * c);
        ox += four ? 4 : 1;
    }
}

static void depthwise_run(const struct kernel_conv_shape *s, const struct kernel_float_range *range,
                          const void *packed, const float *input, float *output, void *scratch,
                          int32_t first, int32_t last)
{
    (void)scratch;
    size_t row = (size_t)s->out_w * (size_t)s->out_c,
           picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    for (int32_t unit = first; unit < last; unit++)
        depthwise_row(s, range, packed, input + (size_t)(unit / s->out_h) * picture,
                      unit % s->out_h * s->stride_h - s->pad_top, output + (size_t)unit * row);
}

static bool depthwise_accepts(const struct kernel_conv_shape *s)
{
    return s->kind == KERNEL_DEPTHWISE && s->depth_multiplier == 1 && s->in_c >= FLOAT_LANES;
}

// Bias and weights as they are given: sizes, packing and cutting are the C row's.
static size_t depthwise_packed_size(const struct kernel_conv_shape *s)
{
    return kernel_conv_f32_c.packed_size(s);
}

static void depthwise_pack(const struct kernel_conv_shape *s,
                           const struct kernel_float_weights *weights, void *packed)
{
    kernel_conv_f32_c.pack(s, weights, packed);
}

static size_t depthwise_scratch_size(const struct kernel_conv_shape *s)
{
    (void)s;
    return 0;
}

static int32_t depthwise_units(const struct kernel_conv_shape *s)
{
    return s->batch * s->out_h;
}

#define DEPTHWISE_FLOAT_ROW(symbol, row_name, flag)                                                \
    const struct kernel_float_conv symbol = {row_name,          flag,                              \
                                             depthwise_accepts, depthwise_packed_size,             \
                                             depthwise_pack,    depthwise_scratch_size,            \
                                             depthwise_units,   depthwise_run}

#endif
