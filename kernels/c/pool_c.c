// SPDX-License-Identifier: Apache-2.0
//
// Average, max and mean over windows, the definition.

#include "kernels/c/rows_c.h"
#include "kernels/packing.h"
#include "kernels/requantize.h"

static bool accepts(const struct kernel_pool_shape *shape)
{
    (void)shape;
    return true;
}

// The part of a window that lies inside the picture.
struct window {
    const int8_t *picture;
    int32_t top, bottom, left, right;
};

static struct window window_of(const struct kernel_pool_shape *shape, const int8_t *input, int32_t pixel)
{
    int32_t ox = pixel % shape->out_w, row = pixel / shape->out_w;
    int32_t top = row % shape->out_h * shape->stride_h - shape->pad_top;
    int32_t left = ox * shape->stride_w - shape->pad_left;
    size_t picture_size = (size_t)shape->in_h * (size_t)shape->in_w * (size_t)shape->channels;
    return (struct window){
        .picture = input + (size_t)(row / shape->out_h) * picture_size,
        .top = packing_max(top, 0),
        .bottom = packing_min(top + shape->k_h, shape->in_h),
        .left = packing_max(left, 0),
        .right = packing_min(left + shape->k_w, shape->in_w),
    };
}

static const int8_t *window_pixel(const struct kernel_pool_shape *shape, const struct window *window,
                                  int32_t y, int32_t x)
{
    size_t pixel = (size_t)y * (size_t)shape->in_w + (size_t)x;
    return window->picture + pixel * (size_t)shape->channels;
}

static int8_t window_max(const struct kernel_pool_shape *shape, const struct window *window, int32_t c)
{
    int32_t best = -128;
    for (int32_t y = window->top; y < window->bottom; y++)
        for (int32_t x = window->left; x < window->right; x++)
            best = packing_max(best, window_pixel(shape, window, y, x)[c]);
    return requantize_clamp(best, shape->act_min, shape->act_max);
}

static int32_t window_sum(const struct kernel_pool_shape *shape, const struct window *window, int32_t c)
{
    int32_t sum = 0;
    for (int32_t y = window->top; y < window->bottom; y++)
        for (int32_t x = window->left; x < window->right; x++)
            sum += window_pixel(shape, window, y, x)[c];
    return sum;
}

static int8_t window_average(const struct kernel_pool_shape *shape, const struct window *window,
                             int32_t c)
{
    int32_t n = (window->bottom - window->top) * (window->right - window->left);
    int32_t sum = window_sum(shape, window, c);
    int32_t value = sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n;
    return requantize_clamp(value, shape->act_min, shape->act_max);
}

static int8_t window_mean(const struct kernel_pool_shape *shape, const struct window *window, int32_t c)
{
    struct requantize_range range = requantize_range(0, shape->act_min, shape->act_max);
    float product = (float)window_sum(shape, window, c) * shape->mean_scale;
    return requantize_float(product + shape->mean_bias, &range);
}

static void run(const struct kernel_pool_shape *shape, const int8_t *input, int8_t *output,
                int32_t first, int32_t last)
{
    int8_t *out = output + (size_t)first * (size_t)shape->channels;
    for (int32_t pixel = first; pixel < last; pixel++) {
        struct window window = window_of(shape, input, pixel);
        for (int32_t c = 0; c < shape->channels; c++) {
            if (shape->kind == KERNEL_POOL_MAX)
                *out++ = window_max(shape, &window, c);
            else if (shape->kind == KERNEL_POOL_AVERAGE)
                *out++ = window_average(shape, &window, c);
            else
                *out++ = window_mean(shape, &window, c);
        }
    }
}

const struct kernel_pool kernel_pool_c = {
    .name = "pool_c",
    .cpu = 0,
    .accepts = accepts,
    .run = run,
};
