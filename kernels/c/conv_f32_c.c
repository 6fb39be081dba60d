// SPDX-License-Identifier: Apache-2.0
//
// Convolution and depthwise convolution of floats, the definition. Packed weights: bias[out_c],
// then for KERNEL_CONV [group][k_h][k_w][in][out], so that the inner loop runs over outputs;
// depthwise as given.

#include "kernels/c/weights_c.h"
#include "kernels/float_rows.h"

static bool accepts(const struct kernel_conv_shape *shape)
{
    (void)shape;
    return true;
}

static size_t packed_size(const struct kernel_conv_shape *shape)
{
    return ((size_t)shape->out_c + weights_count(shape)) * sizeof(float);
}

static void pack(const struct kernel_conv_shape *shape, const struct kernel_float_weights *weights,
                 void *packed)
{
    float *bias = packed, *to = bias + shape->out_c;
    for (int32_t c = 0; c < shape->out_c; c++)
        bias[c] = weights->bias ? weights->bias[c] : 0;
    weights_transpose(shape, weights->weights, sizeof *to, to);
}

// Adds what one input pixel under filter tap `tap` gives to the sums of one output pixel.
static void add_tap(const struct kernel_conv_shape *shape, const float *weights, const float *pixel,
                    int32_t tap, float *sums)
{
    if (shape->kind == KERNEL_DEPTHWISE) {
        const float *w = weights + (size_t)tap * (size_t)shape->out_c;
        for (int32_t c = 0; c < shape->out_c; c++)
            sums[c] += pixel[c / shape->depth_multiplier] * w[c];
        return;
    }
    int32_t depth = shape->in_c / shape->groups, width = shape->out_c / shape->groups;
    int32_t taps = shape->k_h * shape->k_w;
    for (int32_t g = 0; g < shape->groups; g++)
        for (int32_t i = 0; i < depth; i++) {
            float x = pixel[g * depth + i], *sum = sums + g * width;
            size_t row = ((size_t)g * (size_t)taps + (size_t)tap) * (size_t)depth + (size_t)i;
            const float *w = weights + row * (size_t)width;
            for (int32_t c = 0; c < width; c++)
                sum[c] += x * w[c];
        }
}

static void run_pixel(const struct kernel_conv_shape *shape, const float *packed,
                      const float *picture, int32_t top, int32_t left, float *out)
{
    memcpy(out, packed, (size_t)shape->out_c * sizeof(float));
    for (int32_t ky = 0; ky < shape->k_h; ky++) {
        int32_t y = top + ky * shape->dilation_h;
        if (y < 0 || y >= shape->in_h)
            continue;
        for (int32_t kx = 0; kx < shape->k_w; kx++) {
            int32_t x = left + kx * shape->dilation_w;
            if (x < 0 || x >= shape->in_w)
                continue;
            size_t pixel = (size_t)y * (size_t)shape->in_w + (size_t)x;
            add_tap(shape, packed + shape->out_c, picture + pixel * (size_t)shape->in_c,
                    ky * shape->k_w + kx, out);
        }
    }
}

static void run(const struct kernel_conv_shape *shape, const struct kernel_float_range *range,
                const void *packed, const float *input, float *output, void *scratch, int32_t first,
                int32_t last)
{
    (void)scratch;
    size_t picture_size = (size_t)shape->in_h * (size_t)shape->in_w * (size_t)shape->in_c;
    for (int32_t unit = first; unit < last; unit++) {
        const float *picture = input + (size_t)(unit / shape->out_h) * picture_size;
        float *out = output + (size_t)unit * (size_t)shape->out_w * (size_t)shape->out_c;
        int32_t top = unit % shape->out_h * shape->stride_h - shape->pad_top;
        for (int32_t ox = 0; ox < shape->out_w; ox++, out += shape->out_c) {
            run_pixel(shape, packed, picture, top, ox * shape->stride_w - shape->pad_left, out);
            for (int32_t c = 0; c < shape->out_c; c++)
                out[c] = out[c] < range->low    ? range->low
                         : out[c] > range->high ? range->high
                                                : out[c];
        }
    }
}

const struct kernel_float_conv kernel_conv_f32_c = {
    .name = "conv_f32_c",
    .cpu = 0,
    .accepts = accepts,
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = weights_scratch_size,
    .units = weights_units,
    .run = run,
};
