// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution, the definition: output channel c reads input channel c / depth_multiplier.
// weights_c.h has how weights are packed.

#include "kernels/c/rows_c.h"
#include "kernels/c/weights_c.h"
#include "kernels/requantize.h"

static bool accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_DEPTHWISE;
}

// Sum over the window whose top left corner is (top, left), modulo 2^32, for output channel `c`.
static uint32_t window_sum(const struct kernel_conv_shape *shape, const int8_t *picture,
                           const int8_t *weights, int32_t top, int32_t left, int32_t c)
{
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
            int32_t value = picture[pixel * (size_t)shape->in_c + (size_t)(c / shape->depth_multiplier)];
            size_t tap = (size_t)ky * (size_t)shape->k_w + (size_t)kx;
            int32_t weight = weights[tap * (size_t)shape->out_c + (size_t)c];
            sum += (uint32_t)((value - shape->input_zero_point) * (weight - shape->weight_zero_point));
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

    for (int32_t unit = first; unit < last; unit++) {
        const int8_t *picture = input + (size_t)(unit / shape->out_h) * picture_size;
        int32_t top = unit % shape->out_h * shape->stride_h - shape->pad_top;
        int8_t *out = output + (size_t)unit * (size_t)shape->out_w * (size_t)shape->out_c;
        for (int32_t ox = 0; ox < shape->out_w; ox++) {
            int32_t left = ox * shape->stride_w - shape->pad_left;
            for (int32_t c = 0; c < shape->out_c; c++) {
                uint32_t acc =
                    (uint32_t)bias[c] + window_sum(shape, picture, weights, top, left, c);
                *out++ = requantize((int32_t)acc, scale[c], &range);
            }
        }
    }
}

const struct kernel_conv kernel_depthwise_c = {
    .name = "depthwise_c",
    .cpu = 0,
    .accepts = accepts,
    .packed_size = weights_packed_size,
    .pack = weights_pack,
    .scratch_size = weights_scratch_size,
    .units = weights_units,
    .run = run,
};
