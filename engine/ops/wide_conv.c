// SPDX-License-Identifier: Apache-2.0
//
// 16x8 convolutions: int64 sums, TFLite's 16-bit multiplier; with an int32 bias int32 sums and its
// 32-bit one.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/fixedpoint.h"
#include "engine/ops/wide_ops.h"

struct wide_conv_params {
    struct kernel_conv_shape shape;
    const int8_t *weights;
    const int64_t *bias;
    const struct fixed_multiplier *multipliers;
    const double *factors; // instead, of a fully connected layer: TFLite rounds there in double
    bool narrow;           // int32 bias
    int32_t low, high;
};

int wide_need_int16(struct build *b, const struct graph_tensor *t)
{
    int rc = build_need_type(b, t, TENSOR_INT16);
    if (rc < 0)
        return rc;
    float scale = build_scale(t, 0);
    if (t->scales.count != 1 || !(scale > 0) || !isfinite(scale) || t->zero_point != 0)
        return build_fail(b, -EINVAL, "int16 tensor '%s' has %u scales and zero point %d", t->name,
                          t->scales.count, t->zero_point);
    return 0;
}

void *wide_weights(struct build *b, const struct kernel_conv_shape *s, size_t element)
{
    const struct graph_tensor *weights = build_input(b, 1);
    if (s->kind == KERNEL_DEPTHWISE)
        return build_constant(b, weights, b->keep);
    const uint8_t *from = build_constant(b, weights, b->temp);
    uint8_t *to = from ? build_params(b, weights->data_bytes) : NULL;
    if (!to)
        return NULL;
    int32_t depth = s->in_c / s->groups, width = s->out_c / s->groups, taps = s->k_h * s->k_w;
    for (int32_t o = 0; o < s->out_c; o++)
        for (int32_t t = 0; t < taps; t++)
            for (int32_t i = 0; i < depth; i++, from += element) {
                size_t row =
                    ((size_t)(o / width) * (size_t)taps + (size_t)t) * (size_t)depth + (size_t)i;
                memcpy(to + (row * (size_t)width + (size_t)(o % width)) * element, from, element);
            }
    return to;
}

// ---- running -----------------------------------------------------------------------------------

static void add_tap(const struct wide_conv_params *p, const int16_t *pixel, int32_t tap,
                    int64_t *sums)
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
            for (int32_t c = 0; c < width; c++)
                sums[g * width + c] += pixel[g * depth + i] * w[c];
        }
}

static int64_t scale_sum(const struct wide_conv_params *p, int64_t sum, int32_t c)
{
    struct fixed_multiplier m = p->multipliers[c];
    if (p->narrow)
        return fixed_scale((int32_t)(uint32_t)(uint64_t)sum, m);
    if (p->factors) {
        double y = round((double)sum * p->factors[c]);
        return y < -32768 ? -32768 : y > 32767 ? 32767 : (int64_t)y;
    }
    int64_t reduced = m.multiplier < 0x7FFF0000 ? (m.multiplier + (1 << 15)) >> 16 : 0x7FFF;
    int32_t shift = 15 - m.shift;
    // Sums beyond 2^47 clamp either way; the product must not overflow.
    int64_t bounded = sum > (INT64_C(1) << 47)    ? INT64_C(1) << 47
                      : sum < -(INT64_C(1) << 47) ? -(INT64_C(1) << 47)
                                                  : sum;
    return (bounded * reduced + (INT64_C(1) << (shift - 1))) >> shift;
}

static void run_pixel(const struct wide_conv_params *p, const int16_t *picture, int32_t top,
                      int32_t left, int64_t *sums, int16_t *out)
{
    const struct kernel_conv_shape *s = &p->shape;
    memcpy(sums, p->bias, sizeof(*sums) * (size_t)s->out_c);
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
        int64_t value = scale_sum(p, sums[c], c);
        out[c] = (int16_t)(value < p->low ? p->low : value > p->high ? p->high : value);
    }
}

// A unit is an output row.
static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct wide_conv_params *p = params;
    const struct kernel_conv_shape *s = &p->shape;
    size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    for (int32_t row = first; row < last; row++) {
        int16_t *out = (int16_t *)io->out[0] + (size_t)row * (size_t)s->out_w * (size_t)s->out_c;
        int32_t top = row % s->out_h * s->stride_h - s->pad_top;
        for (int32_t x = 0; x < s->out_w; x++, out += s->out_c)
            run_pixel(p, (const int16_t *)io->in[0] + (size_t)(row / s->out_h) * picture, top,
                      x * s->stride_w - s->pad_left, scratch, out);
    }
}

// ---- build -------------------------------------------------------------------------------------

static int64_t *make_bias(struct build *b, int32_t out_c, bool *narrow)
{
    int64_t *bias = build_params(b, sizeof(*bias) * (size_t)out_c);
    if (!bias || !build_has_input(b, 2))
        return bias;
    const struct graph_tensor *given = build_input(b, 2);
    *narrow = given->type == TENSOR_INT32;
    for (int32_t c = 0; c < out_c; c++) {
        int32_t small;
        if (*narrow)
            memcpy(&small, given->data + 4 * (size_t)c, sizeof(small)), bias[c] = small;
        else
            memcpy(&bias[c], given->data + 8 * (size_t)c, sizeof(bias[c]));
        // TFLite clamps nothing here; real biases are far below what int64 sums could overflow
        // with.
        if (bias[c] > INT64_C(1) << 52 || bias[c] < -(INT64_C(1) << 52)) {
            build_fail(b, -EINVAL, "bias of channel %d is beyond 2^52", c);
            return NULL;
        }
    }
    return bias;
}

static struct fixed_multiplier *make_multipliers(struct build *b, int32_t out_c, double *factors)
{
    const struct graph_tensor *weights = build_input(b, 1);
    struct fixed_multiplier *m = build_params(b, sizeof(*m) * (size_t)out_c);
    double in = (double)build_scale(build_input(b, 0), 0),
           out = (double)build_scale(build_output(b, 0), 0);
    for (int32_t c = 0; m && c < out_c; c++) {
        double factor = in * (double)build_scale(weights, c) / out;
        if (!(factor > 0) || !(factor < 128)) {
            build_fail(b, -EINVAL, "channel %d: requantization factor %g", c, factor);
            return NULL;
        }
        m[c] = fixed_multiplier_from(factor);
        if (factors)
            factors[c] = factor;
    }
    return m;
}

static int32_t bound(float real, float scale, int32_t unbounded)
{
    if (isinf(real))
        return unbounded;
    float step = roundf(real / scale);
    return step < -32768 ? -32768 : step > 32767 ? 32767 : (int32_t)step;
}

int wide_activation(struct build *b, const struct graph_tensor *out, int32_t activation,
                    int32_t *low, int32_t *high)
{
    float from, to, scale = build_scale(out, 0);
    int rc = build_activation_float(b, activation, &from, &to);
    *low = bound(from, scale, -32768);
    *high = bound(to, scale, 32767);
    return rc;
}

static int check(struct build *b, const struct kernel_conv_shape *s)
{
    const struct graph_tensor *weights = build_input(b, 1);
    int rc = wide_need_int16(b, build_input(b, 0));
    if (rc == 0)
        rc = wide_need_int16(b, build_output(b, 0));
    if (rc < 0)
        return rc;
    if (weights->scales.count != 1 && weights->scales.count != (uint32_t)s->out_c)
        return build_fail(b, -EINVAL, "weights '%s' have %u scales for %d channels", weights->name,
                          weights->scales.count, s->out_c);
    if (weights->zeros_differ || weights->zero_point != 0)
        return build_fail(b, -ENOTSUP, "weights '%s' have a zero point in a 16x8 model",
                          weights->name);
    return 0;
}

int wide_conv(struct build *b, const struct kernel_conv_shape *s, uint64_t macs)
{
    int32_t low, high;
    int rc = check(b, s);
    if (rc == 0)
        rc = wide_activation(b, build_output(b, 0), b->op->options.activation, &low, &high);
    struct wide_conv_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    p->shape = *s;
    p->low = low;
    p->high = high;
    p->weights = wide_weights(b, s, 1);
    p->bias = p->weights ? make_bias(b, s->out_c, &p->narrow) : NULL;
    bool real = b->op->code == OP_FULLY_CONNECTED && !p->narrow;
    double *factors = p->bias && real ? build_params(b, sizeof(*factors) * (size_t)s->out_c) : NULL;
    p->factors = factors;
    p->multipliers = p->bias ? make_multipliers(b, s->out_c, factors) : NULL;
    if (!p->multipliers || (real && !factors))
        return -EINVAL;
    bool depthwise = s->kind == KERNEL_DEPTHWISE;
    struct layer *layer =
        build_layer(b, run_conv, depthwise ? "depthwise_16x8_c" : "conv_16x8_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = s->batch * s->out_h;
    layer->scratch = sizeof(int64_t) * (size_t)s->out_c;
    layer->macs = macs;
    layer->packed_bytes = build_input(b, 1)->data_bytes;
    return 0;
}
