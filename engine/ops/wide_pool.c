// SPDX-License-Identifier: Apache-2.0
//
// Average and maximum over windows of int16 values, by the rules of int8: halves away from zero.
// MEAN as TFLite's QuantizedMeanOrSum: 1/n goes into the fixed-point factor.

#include <errno.h>

#include "kernels/fixedpoint.h"
#include "engine/ops/wide_ops.h"

struct wide_pool_params {
    struct kernel_pool_shape shape;
    struct fixed_multiplier mean;
};

static int16_t window_value(const struct wide_pool_params *p, const int16_t *picture, int32_t y,
                            int32_t x, int32_t c)
{
    const struct kernel_pool_shape *s = &p->shape;
    int32_t most = -32768;
    int64_t sum = 0, n = 0;
    for (int32_t row = y < 0 ? 0 : y; row < y + s->k_h && row < s->in_h; row++)
        for (int32_t column = x < 0 ? 0 : x; column < x + s->k_w && column < s->in_w;
             column++, n++) {
            int16_t v =
                picture[((size_t)row * (size_t)s->in_w + (size_t)column) * (size_t)s->channels +
                        (size_t)c];
            most = v > most ? v : most;
            sum += v;
        }
    if (s->kind == KERNEL_POOL_AVERAGE)
        most = (int32_t)(sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n);
    if (s->kind == KERNEL_POOL_MEAN)
        most = fixed_scale((int32_t)sum, p->mean);
    return (int16_t)(most < s->act_min ? s->act_min : most > s->act_max ? s->act_max : most);
}

// A unit is an output pixel.
static void run_pool(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct wide_pool_params *p = params;
    const struct kernel_pool_shape *s = &p->shape;
    (void)scratch;
    for (int32_t pixel = first; pixel < last; pixel++) {
        int32_t row = pixel / s->out_w;
        const int16_t *picture =
            (const int16_t *)io->in[0] +
            (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->channels;
        int16_t *out = (int16_t *)io->out[0] + (size_t)pixel * (size_t)s->channels;
        for (int32_t c = 0; c < s->channels; c++)
            out[c] = window_value(p, picture, row % s->out_h * s->stride_h - s->pad_top,
                                  pixel % s->out_w * s->stride_w - s->pad_left, c);
    }
}

static struct fixed_multiplier mean_multiplier(double ratio, int32_t n)
{
    struct fixed_multiplier m = fixed_multiplier_from(ratio);
    int32_t shift = 31 - __builtin_clz((uint32_t)n);
    shift = shift < 31 + m.shift ? shift : 31 + m.shift;
    return (struct fixed_multiplier){(int32_t)(((int64_t)m.multiplier << shift) / n),
                                     m.shift - shift};
}

int wide_pool(struct build *b, const struct kernel_pool_shape *shape)
{
    const struct graph_tensor *in = build_input(b, 0), *out = build_output(b, 0);
    int rc = wide_need_int16(b, in);
    if (rc == 0)
        rc = wide_need_int16(b, out);
    bool mean = shape->kind == KERNEL_POOL_MEAN;
    if (rc == 0 && !mean && !build_same_quantization(in, out))
        rc = build_fail(b, -ENOTSUP, "input and output differ in scale");
    struct wide_pool_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    struct kernel_pool_shape *s = &p->shape;
    *s = *shape;
    rc = wide_activation(b, out, mean ? ACTIVATION_NONE : b->op->options.activation, &s->act_min,
                         &s->act_max);
    if (rc == 0 && s->k_h * s->k_w > 65535)
        rc = build_fail(b, -ENOTSUP, "int16 window of %d x %d", s->k_h, s->k_w);
    if (rc < 0)
        return rc;
    p->mean = mean_multiplier((double)build_scale(in, 0) / (double)build_scale(out, 0), s->k_w);
    struct layer *layer = build_layer(b, run_pool, "pool_int16_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = s->batch * s->out_h * s->out_w;
    return 0;
}
