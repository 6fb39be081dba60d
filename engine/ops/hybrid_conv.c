// SPDX-License-Identifier: Apache-2.0
//
// Dynamic-range convolutions: each picture (fully connected: each row) is quantized to int8 when it
// comes, the sums are integers, the result is float again. The step is chosen as XNNPACK does for
// "qd8".

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/ops/wide_ops.h"

struct hybrid_params {
    struct kernel_conv_shape shape;
    const int8_t *weights;
    const float *scales, *bias; // bias: zeros when absent
    float low, high;
    size_t picture; // elements of one picture
    size_t sums_at; // bytes into the scratch, after the quantized picture
};

// ---- quantizing --------------------------------------------------------------------------------

struct steps {
    float inverse; // steps per 1.0
    float size;    // 1.0 per step
    int32_t zero_point;
};

static struct steps choose_steps(const float *x, size_t n)
{
    float low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    struct steps s = {.inverse = low == high ? 1.0f : 255.0f / (high - low)};
    if (!isfinite(s.inverse) || s.inverse < 1e-35f)
        s.inverse = 1.0f; // values that no float model means; the result only has to be defined
    float low_steps = low * s.inverse, high_steps = high * s.inverse;
    float zero = (-128.0f + low_steps) + (127.0f + high_steps) > 0 ? -128.0f - low_steps
                                                                   : 127.0f - high_steps;
    s.zero_point = (int32_t)lrintf(zero < -128 ? -128 : zero > 127 ? 127 : zero);
    s.size = 1.0f / s.inverse;
    return s;
}

// Stores x - zero point, which needs 9 bits, as int16.
static void quantize(const float *x, size_t n, const struct steps *s, int16_t *out)
{
    float low = (float)(-128 - s->zero_point), high = (float)(127 - s->zero_point);
    for (size_t i = 0; i < n; i++) {
        float v = x[i] * s->inverse;
        v = v > low ? v : low;
        out[i] = (int16_t)lrintf(v > high ? high : v);
    }
}

// ---- running -----------------------------------------------------------------------------------

static void add_tap(const struct hybrid_params *p, const int16_t *pixel, int32_t tap, int32_t *sums)
{
    const struct kernel_conv_shape *s = &p->shape;
    if (s->kind == KERNEL_DEPTHWISE) {
        const int8_t *w = p->weights + (size_t)tap * (size_t)s->out_c;
        for (int32_t c = 0; c < s->out_c; c++)
            sums[c] += pixel[c / s->depth_multiplier] * w[c];
        return;
    }
    int32_t depth = s->in_c / s->groups, width = s->out_c / s->groups, taps = s->k_h * s->k_w;
    for (int32_t g = 0; g < s->groups; g++)
        for (int32_t i = 0; i < depth; i++) {
            size_t row = ((size_t)g * (size_t)taps + (size_t)tap) * (size_t)depth + (size_t)i;
            const int8_t *w = p->weights + row * (size_t)width;
            int32_t x = pixel[g * depth + i];
            for (int32_t c = 0; c < width; c++)
                sums[g * width + c] += x * w[c];
        }
}

static void run_pixel(const struct hybrid_params *p, const int16_t *picture, float step,
                      int32_t top, int32_t left, int32_t *sums, float *out)
{
    const struct kernel_conv_shape *s = &p->shape;
    memset(sums, 0, sizeof(*sums) * (size_t)s->out_c);
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        int32_t y = top + ky * s->dilation_h;
        if (y < 0 || y >= s->in_h)
            continue;
        for (int32_t kx = 0; kx < s->k_w; kx++) {
            int32_t x = left + kx * s->dilation_w;
            if (x >= 0 && x < s->in_w)
                add_tap(p, picture + ((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->in_c,
                        ky * s->k_w + kx, sums);
        }
    }
    for (int32_t c = 0; c < s->out_c; c++) {
        float v = (float)sums[c] * step * p->scales[c] + p->bias[c];
        out[c] = v < p->low ? p->low : v > p->high ? p->high : v;
    }
}

// A unit is an output row. Whoever takes units of a picture quantizes it for itself.
static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct hybrid_params *p = params;
    const struct kernel_conv_shape *s = &p->shape;
    int16_t *quantized = scratch;
    int32_t *sums = (int32_t *)(void *)((char *)scratch + p->sums_at);
    struct steps steps = {0};
    for (int32_t row = first, at = -1; row < last; row++) {
        if (row / s->out_h != at) {
            at = row / s->out_h;
            const float *picture = (const float *)io->in[0] + (size_t)at * p->picture;
            steps = choose_steps(picture, p->picture);
            quantize(picture, p->picture, &steps, quantized);
        }
        float *out = (float *)io->out[0] + (size_t)row * (size_t)s->out_w * (size_t)s->out_c;
        int32_t top = row % s->out_h * s->stride_h - s->pad_top;
        for (int32_t x = 0; x < s->out_w; x++, out += s->out_c)
            run_pixel(p, quantized, steps.size, top, x * s->stride_w - s->pad_left, sums, out);
    }
}

// ---- build -------------------------------------------------------------------------------------

static float *make_scales(struct build *b, int32_t out_c)
{
    const struct graph_tensor *weights = build_input(b, 1);
    if (weights->scales.count != 1 && weights->scales.count != (uint32_t)out_c) {
        build_fail(b, -EINVAL, "weights '%s' have %u scales for %d channels", weights->name,
                   weights->scales.count, out_c);
        return NULL;
    }
    if (weights->zeros_differ || weights->zero_point != 0) {
        build_fail(b, -ENOTSUP, "weights '%s' have a zero point in a dynamic-range model",
                   weights->name);
        return NULL;
    }
    float *scales = build_params(b, sizeof(*scales) * (size_t)out_c);
    for (int32_t c = 0; scales && c < out_c; c++)
        scales[c] = build_scale(weights, c);
    return scales;
}

int hybrid_conv(struct build *b, const struct kernel_conv_shape *s, uint64_t macs)
{
    struct hybrid_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    int rc = build_activation_float(b, b->op->options.activation, &p->low, &p->high);
    if (rc < 0)
        return rc;
    p->shape = *s;
    // 255 * 128 products of depth and taps must fit the int32 sums.
    if ((uint64_t)s->k_h * (uint64_t)s->k_w * (uint64_t)s->in_c > 60000)
        return build_fail(b, -ENOTSUP,
                          "filters of more than 60000 values in a dynamic-range model");
    p->scales = make_scales(b, s->out_c);
    p->weights = p->scales ? wide_weights(b, s, 1) : NULL;
    if (!p->weights)
        return -EINVAL;
    p->bias = build_has_input(b, 2) ? build_constant(b, build_input(b, 2), b->keep)
                                    : build_params(b, sizeof(float) * (size_t)s->out_c);
    bool depthwise = s->kind == KERNEL_DEPTHWISE;
    struct layer *layer =
        p->bias ? build_layer(b, run_conv, depthwise ? "depthwise_hybrid_c" : "conv_hybrid_c", p, 1)
                : NULL;
    if (!layer)
        return -ENOMEM;
    p->picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    p->sums_at = (p->picture * sizeof(int16_t) + 63) / 64 * 64;
    layer->scratch = p->sums_at + sizeof(int32_t) * (size_t)s->out_c;
    layer->units = s->batch * s->out_h;
    layer->macs = macs;
    layer->packed_bytes = build_input(b, 1)->data_bytes;
    return 0;
}
