// SPDX-License-Identifier: Apache-2.0
//
// 16x8 convolution and depthwise convolution, the definition. Weights after the head: KERNEL_CONV
// [group][k_h][k_w][in][out], so that the inner loop runs over outputs; depthwise as given.

#include "kernels/c/weights_c.h"
#include "kernels/wide_round.h"
#include "kernels/wide_rows.h"

static bool accepts(const struct kernel_conv_shape *shape)
{
    (void)shape;
    return true;
}

static size_t packed_size(const struct kernel_conv_shape *shape)
{
    return wide_head_size(shape) + weights_count(shape);
}

static void pack(const struct kernel_conv_shape *shape, const struct kernel_wide_weights *weights,
                 void *packed)
{
    int8_t *to = (int8_t *)packed + wide_head_size(shape);
    wide_head_pack(shape, weights, packed);
    weights_transpose(shape, weights->weights, sizeof *to, to);
}

// One int64 sum an output channel.
static size_t scratch_size(const struct kernel_conv_shape *shape)
{
    return (size_t)shape->out_c * sizeof(int64_t);
}

// Adds what one input pixel under filter tap `tap` gives to the sums of one output pixel.
static void add_tap(const struct kernel_conv_shape *s, const int8_t *weights, const int16_t *pixel,
                    int32_t tap, int64_t *sums)
{
    if (s->kind == KERNEL_DEPTHWISE) {
        const int8_t *w = weights + (size_t)tap * (size_t)s->out_c;
        for (int32_t c = 0; c < s->out_c; c++)
            sums[c] += pixel[c / s->depth_multiplier] * w[c];
        return;
    }
    int32_t depth = s->in_c / s->groups, width = s->out_c / s->groups, taps = s->k_h * s->k_w;
    for (int32_t g = 0; g < s->groups; g++)
        for (int32_t i = 0; i < depth; i++) {
            size_t row = ((size_t)g * (size_t)taps + (size_t)tap) * (size_t)depth + (size_t)i;
            const int8_t *w = weights + row * (size_t)width;
            for (int32_t c = 0; c < width; c++)
                sums[g * width + c] += pixel[g * depth + i] * w[c];
        }
}

static void sum_pixel(const struct kernel_conv_shape *s, const void *packed, const int16_t *picture,
                      int32_t top, int32_t left, int64_t *sums)
{
    const int8_t *weights = (const int8_t *)packed + wide_head_size(s);
    memcpy(sums, wide_bias(packed), sizeof(*sums) * (size_t)s->out_c);
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        int32_t y = top + ky * s->dilation_h;
        if (y < 0 || y >= s->in_h)
            continue;
        for (int32_t kx = 0; kx < s->k_w; kx++) {
            int32_t x = left + kx * s->dilation_w;
            size_t pixel = (size_t)y * (size_t)s->in_w + (size_t)x;
            if (x >= 0 && x < s->in_w)
                add_tap(s, weights, picture + pixel * (size_t)s->in_c, ky * s->k_w + kx, sums);
        }
    }
}

static void run(const struct kernel_conv_shape *s, const struct kernel_wide_range *range,
                const void *packed, const int16_t *input, int16_t *output, void *scratch,
                int32_t first, int32_t last)
{
    size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    int64_t *sums = scratch;
    for (int32_t row = first; row < last; row++) {
        int16_t *out = output + (size_t)row * (size_t)s->out_w * (size_t)s->out_c;
        int32_t top = row % s->out_h * s->stride_h - s->pad_top;
        for (int32_t x = 0; x < s->out_w; x++, out += s->out_c) {
            sum_pixel(s, packed, input + (size_t)(row / s->out_h) * picture, top,
                      x * s->stride_w - s->pad_left, sums);
            for (int32_t c = 0; c < s->out_c; c++)
                out[c] = wide_round(packed, c, sums[c], range);
        }
    }
}

const struct kernel_wide_conv kernel_conv_16x8_c = {
    .name = "conv_16x8_c",
    .cpu = 0,
    .accepts = accepts,
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = scratch_size,
    .units = weights_units,
    .run = run,
};
