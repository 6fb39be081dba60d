// SPDX-License-Identifier: Apache-2.0
//
// Average, maximum and mean over windows of floats: channels innermost.

#include <string.h>

#include "kernels/float_rows.h"
#include "kernels/packing.h"

struct window {
    const float *picture;
    int32_t top, bottom, left, right;
};

static struct window window_of(const struct kernel_pool_shape *s, const float *in, int32_t pixel)
{
    int32_t row = pixel / s->out_w;
    int32_t top = row % s->out_h * s->stride_h - s->pad_top;
    int32_t left = pixel % s->out_w * s->stride_w - s->pad_left;
    return (struct window){
        .picture =
            in + (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->channels,
        .top = packing_max(top, 0),
        .bottom = packing_min(top + s->k_h, s->in_h),
        .left = packing_max(left, 0),
        .right = packing_min(left + s->k_w, s->in_w),
    };
}

static void add_pixel(const float *restrict x, float *restrict out, int32_t channels)
{
    for (int32_t c = 0; c < channels; c++)
        out[c] += x[c];
}

static void most_of_pixel(const float *restrict x, float *restrict out, int32_t channels)
{
    for (int32_t c = 0; c < channels; c++)
        out[c] = x[c] > out[c] ? x[c] : out[c];
}

static void divide_and_clamp(float *out, int32_t channels, float count,
                             const struct kernel_float_range *range)
{
    float low = range->low, high = range->high;
    for (int32_t c = 0; c < channels; c++) {
        float v = out[c] / count;
        v = v < low ? low : v;
        out[c] = v > high ? high : v;
    }
}

static bool accepts(const struct kernel_pool_shape *shape)
{
    (void)shape;
    return true;
}

static void run(const struct kernel_pool_shape *s, const struct kernel_float_range *range,
                const float *input, float *output, int32_t first, int32_t last)
{
    const size_t pixel_bytes = (size_t)s->channels * sizeof(float);
    for (int32_t pixel = first; pixel < last; pixel++) {
        struct window w = window_of(s, input, pixel);
        float *out = output + (size_t)pixel * (size_t)s->channels;
        for (int32_t y = w.top; y < w.bottom; y++)
            for (int32_t x = w.left; x < w.right; x++) {
                const float *in =
                    w.picture + ((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->channels;
                if (y == w.top && x == w.left)
                    memcpy(out, in, pixel_bytes);
                else if (s->kind == KERNEL_POOL_MAX)
                    most_of_pixel(in, out, s->channels);
                else
                    add_pixel(in, out, s->channels);
            }
        int32_t count = s->kind == KERNEL_POOL_MAX ? 1 : (w.bottom - w.top) * (w.right - w.left);
        divide_and_clamp(out, s->channels, (float)count, range);
    }
}

const struct kernel_float_pool kernel_pool_f32_c = {"pool_f32_c", 0, accepts, run};
