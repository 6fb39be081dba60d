// SPDX-License-Identifier: Apache-2.0
//
// Convolution, depthwise convolution and fully connected in float32. Weights are laid out with the
// output channel last, [group][k_h][k_w][in][out], so that the inner loop is over outputs and adds in the
// same order for every channel.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/ops/float_ops.h"
#include "engine/ops/wide_ops.h"

struct float_conv_params {
    struct kernel_conv_shape shape;
    const float *weights, *bias; // bias may be NULL
    float low, high;
};

// Adds what input pixel (y, x) under filter tap `tap` gives to the sums of one output pixel.
static void add_tap(const struct float_conv_params *p, const float *pixel, int32_t tap, float *sums)
{
    const struct kernel_conv_shape *s = &p->shape;
    if (s->kind == KERNEL_DEPTHWISE) {
        const float *w = p->weights + (size_t)tap * (size_t)s->out_c;
        for (int32_t c = 0; c < s->out_c; c++)
            sums[c] += pixel[c / s->depth_multiplier] * w[c];
        return;
    }
    int32_t depth = s->in_c / s->groups, width = s->out_c / s->groups, taps = s->k_h * s->k_w;
    for (int32_t g = 0; g < s->groups; g++)
        for (int32_t i = 0; i < depth; i++) {
            float x = pixel[g * depth + i];
            const float *w = p->weights + (((size_t)g * (size_t)taps + (size_t)tap) * (size_t)depth + (size_t)i) * (size_t)width;
            float *sum = sums + g * width;
            for (int32_t c = 0; c < width; c++)
                sum[c] += x * w[c];
        }
}

static void run_pixel(const struct float_conv_params *p, const float *picture, int32_t top, int32_t left, float *out)
{
    const struct kernel_conv_shape *s = &p->shape;
    for (int32_t c = 0; c < s->out_c; c++)
        out[c] = p->bias ? p->bias[c] : 0;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        int32_t y = top + ky * s->dilation_h;
        if (y < 0 || y >= s->in_h)
            continue;
        for (int32_t kx = 0; kx < s->k_w; kx++) {
            int32_t x = left + kx * s->dilation_w;
            if (x >= 0 && x < s->in_w)
                add_tap(p, picture + ((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->in_c, ky * s->k_w + kx, out);
        }
    }
    for (int32_t c = 0; c < s->out_c; c++)
        out[c] = out[c] < p->low ? p->low : out[c] > p->high ? p->high : out[c];
}

// A unit is an output row.
static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first, int32_t last)
{
    const struct float_conv_params *p = params;
    const struct kernel_conv_shape *s = &p->shape;
    (void)scratch;
    for (int32_t row = first; row < last; row++) {
        const float *picture = (const float *)io->in[0] + (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
        float *out = (float *)io->out[0] + (size_t)row * (size_t)s->out_w * (size_t)s->out_c;
        int32_t top = row % s->out_h * s->stride_h - s->pad_top;
        for (int32_t x = 0; x < s->out_w; x++, out += s->out_c)
            run_pixel(p, picture, top, x * s->stride_w - s->pad_left, out);
    }
}

int float_conv(struct build *b, const struct kernel_conv_shape *shape, uint64_t macs)
{
    const struct graph_tensor *weights = build_input(b, 1);
    struct float_conv_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *shape;
    int rc = build_activation_float(b, b->op->options.activation, &p->low, &p->high);
    if (rc < 0)
        return rc;
    bool depthwise = shape->kind == KERNEL_DEPTHWISE;
    p->weights = wide_weights(b, shape, sizeof(float));
    if (!p->weights)
        return -ENOMEM;
    if (build_has_input(b, 2)) {
        p->bias = build_constant(b, build_input(b, 2), b->keep);
        if (!p->bias)
            return -ENOMEM;
    }
    struct layer *layer = build_layer(b, run_conv, depthwise ? "depthwise_float_c" : "conv_float_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = shape->batch * shape->out_h;
    layer->macs = macs;
    layer->packed_bytes = weights->data_bytes;
    return 0;
}
