// SPDX-License-Identifier: Apache-2.0
//
// Dynamic-range convolution, the definition. Packed weights: bias[out_c], scale[out_c], then
// [group][k_h][k_w][in][out], so that the inner loop runs over outputs.

#include "kernels/c/weights_c.h"
#include "kernels/float_rows.h"

static bool accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV;
}

static size_t packed_size(const struct kernel_conv_shape *shape)
{
    return (size_t)shape->out_c * 8 + weights_count(shape);
}

static void pack(const struct kernel_conv_shape *shape, const struct kernel_hybrid_weights *weights,
                 void *packed)
{
    float *bias = packed, *scale = bias + shape->out_c;
    int8_t *to = (int8_t *)(scale + shape->out_c);
    for (int32_t c = 0; c < shape->out_c; c++) {
        bias[c] = weights->bias ? weights->bias[c] : 0;
        scale[c] = weights->scale[c];
    }
    weights_transpose(shape, weights->weights, sizeof *to, to);
}

// One int32 sum an output channel.
static size_t scratch_size(const struct kernel_conv_shape *shape)
{
    return (size_t)shape->out_c * sizeof(int32_t);
}

static void add_tap(const struct kernel_conv_shape *shape, const int8_t *weights,
                    const uint8_t *pixel, int32_t zero, int32_t tap, int32_t *sums)
{
    int32_t depth = shape->in_c / shape->groups, width = shape->out_c / shape->groups;
    int32_t taps = shape->k_h * shape->k_w;
    for (int32_t g = 0; g < shape->groups; g++)
        for (int32_t i = 0; i < depth; i++) {
            int32_t x = pixel[g * depth + i] - zero, *sum = sums + g * width;
            size_t row = ((size_t)g * (size_t)taps + (size_t)tap) * (size_t)depth + (size_t)i;
            const int8_t *w = weights + row * (size_t)width;
            for (int32_t c = 0; c < width; c++)
                sum[c] += x * w[c];
        }
}

static void sum_pixel(const struct kernel_conv_shape *shape, const int8_t *weights,
                      const uint8_t *picture, int32_t zero, int32_t top, int32_t left,
                      int32_t *sums)
{
    memset(sums, 0, (size_t)shape->out_c * sizeof *sums);
    for (int32_t ky = 0; ky < shape->k_h; ky++) {
        int32_t y = top + ky * shape->dilation_h;
        if (y < 0 || y >= shape->in_h)
            continue;
        for (int32_t kx = 0; kx < shape->k_w; kx++) {
            int32_t x = left + kx * shape->dilation_w;
            if (x < 0 || x >= shape->in_w)
                continue;
            size_t pixel = (size_t)y * (size_t)shape->in_w + (size_t)x;
            add_tap(shape, weights, picture + pixel * (size_t)shape->in_c, zero,
                    ky * shape->k_w + kx, sums);
        }
    }
}

static void run(const struct kernel_conv_shape *shape, const struct kernel_float_range *range,
                const void *packed, const uint8_t *input, const struct kernel_hybrid_steps *steps,
                float *output, void *scratch, int32_t first, int32_t last)
{
    const float *bias = packed, *scale = bias + shape->out_c;
    const int8_t *weights = (const int8_t *)(scale + shape->out_c);
    int32_t *sums = scratch;
    size_t picture_size = (size_t)shape->in_h * (size_t)shape->in_w * (size_t)shape->in_c;
    for (int32_t row = first; row < last; row++) {
        int32_t at = row / shape->out_h,
                top = row % shape->out_h * shape->stride_h - shape->pad_top;
        const uint8_t *picture = input + (size_t)at * picture_size;
        float *out = output + (size_t)row * (size_t)shape->out_w * (size_t)shape->out_c;
        for (int32_t ox = 0; ox < shape->out_w; ox++, out += shape->out_c) {
            int32_t left = ox * shape->stride_w - shape->pad_left;
            sum_pixel(shape, weights, picture, steps[at].zero_point, top, left, sums);
            for (int32_t c = 0; c < shape->out_c; c++) {
                float y = (float)sums[c] * steps[at].scale * scale[c] + bias[c];
                out[c] = y < range->low ? range->low : y > range->high ? range->high : y;
            }
        }
    }
}

const struct kernel_hybrid_conv kernel_conv_qd8_c = {
    .name = "conv_qd8_c",
    .cpu = 0,
    .accepts = accepts,
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = scratch_size,
    .units = weights_units,
    .run = run,
};
