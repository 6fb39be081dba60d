// SPDX-License-Identifier: Apache-2.0
//
// Convolution, the definition. weights_c.h has how weights are packed.

#include "kernels/c/rows_c.h"
#include "kernels/c/weights_c.h"
#include "kernels/requantize.h"

static bool accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV;
}

// What one tap adds to the sum: `depth` products, modulo 2^32.
static uint32_t tap_sum(const struct kernel_conv_shape *shape, const int8_t *x, const int8_t *w,
                        int32_t depth)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < depth; i++)
        sum += (uint32_t)((x[i] - shape->input_zero_point) * (w[i] - shape->weight_zero_point));
    return sum;
}

// Sum over the window whose top left corner is (top, left), for the channels from `channel` on.
static uint32_t window_sum(const struct kernel_conv_shape *shape, const int8_t *picture,
                           const int8_t *w, int32_t top, int32_t left, int32_t channel)
{
    int32_t depth = shape->in_c / shape->groups;
    uint32_t sum = 0;
    for (int32_t ky = 0; ky < shape->k_h; ky++) {
        int32_t y = top + ky * shape->dilation_h;
        if (y < 0 || y >= shape->in_h)
            continue;
        for (int32_t kx = 0; kx < shape->k_w; kx++) {
            int32_t x = left + kx * shape->dilation_w;
            if (x < 0 || x >= shape->in_w)
                continue;
            size_t pixel = (size_t)y * (size_t)shape->in_w + (size_t)x;
            sum += tap_sum(shape, picture + pixel * (size_t)shape->in_c + channel,
                           w + ((size_t)ky * (size_t)shape->k_w + (size_t)kx) * (size_t)depth, depth);
        }
    }
    return sum;
}

static void run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                int8_t *output, void *scratch, int32_t first, int32_t last)
{
    (void)scratch;
    const float *scale = packed;
    const int32_t *bias = (const int32_t *)(scale + shape->out_c);
    const int8_t *weights = (const int8_t *)(bias + shape->out_c);
    struct requantize_range range =
        requantize_range(shape->output_zero_point, shape->act_min, shape->act_max);
    size_t picture_size = (size_t)shape->in_h * (size_t)shape->in_w * (size_t)shape->in_c;
    size_t filter_size = weights_count(shape) / (size_t)shape->out_c;
    int32_t group_in = shape->in_c / shape->groups, group_out = shape->out_c / shape->groups;

    for (int32_t unit = first; unit < last; unit++) {
        const int8_t *picture = input + (size_t)(unit / shape->out_h) * picture_size;
        int32_t top = unit % shape->out_h * shape->stride_h - shape->pad_top;
        int8_t *out = output + (size_t)unit * (size_t)shape->out_w * (size_t)shape->out_c;
        for (int32_t ox = 0; ox < shape->out_w; ox++) {
            int32_t left = ox * shape->stride_w - shape->pad_left;
            for (int32_t c = 0; c < shape->out_c; c++) {
                uint32_t acc = (uint32_t)bias[c] +
                               window_sum(shape, picture, weights + (size_t)c * filter_size, top, left,
                                          c / group_out * group_in);
                *out++ = requantize((int32_t)acc, scale[c], &range);
            }
        }
    }
}

const struct kernel_conv kernel_conv_c = {
    .name = "conv_c",
    .cpu = 0,
    .accepts = accepts,
    .packed_size = weights_packed_size,
    .pack = weights_pack,
    .scratch_size = weights_scratch_size,
    .units = weights_units,
    .run = run,
};
