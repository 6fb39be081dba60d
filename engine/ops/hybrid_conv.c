// SPDX-License-Identifier: Apache-2.0
//
// Dynamic-range convolutions, two layers each: one quantizes every picture (fully connected: every
// row) with steps of its own, the other computes integer sums and makes them float again. Between
// them lies a tensor that the file does not have: the steps of all pictures, then the pictures. A
// depthwise layer reads floats that were rounded to steps there, and multiplies them with float
// weights.

#include <errno.h>

#include "engine/ops/float_ops.h"
#include "engine/ops/wide_ops.h"
#include "kernels/float.h"

struct quantize_params {
    const struct kernel_hybrid_quantize *kernel; // NULL: to rounded floats, by
    const struct kernel_hybrid_round *round;
    size_t picture;                              // values of one picture
    size_t head;                                 // bytes before the first picture
};

struct hybrid_params {
    struct kernel_conv_shape shape;
    struct kernel_float_range range;
    const struct kernel_hybrid_conv *kernel;
    void *packed;
    size_t head; // bytes before the first picture
};

// A unit is a picture.
static void run_quantize(const void *params, const struct layer_io *io, void *scratch,
                         int32_t first, int32_t last)
{
    const struct quantize_params *p = params;
    struct kernel_hybrid_steps *steps = io->out[0];
    (void)scratch;
    for (int32_t i = first; i < last; i++)
        steps[i] = p->kernel->run((const float *)io->in[0] + (size_t)i * p->picture, p->picture,
                                  (uint8_t *)io->out[0] + p->head + (size_t)i * p->picture);
}

static void run_round(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                      int32_t last)
{
    const struct quantize_params *p = params;
    (void)scratch;
    for (int32_t i = first; i < last; i++)
        p->round->run((const float *)io->in[0] + (size_t)i * p->picture, p->picture,
                      (float *)io->out[0] + (size_t)i * p->picture);
}

static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct hybrid_params *p = params;
    p->kernel->run(&p->shape, &p->range, p->packed, (const uint8_t *)io->in[0] + p->head, io->in[0],
                   io->out[0], scratch, first, last);
}

// ---- build -------------------------------------------------------------------------------------

// The weights' scales, one a channel; NULL after writing the error.
static float *weight_scales(struct build *b, int32_t out_c)
{
    const struct graph_tensor *w = build_input(b, 1);
    if (w->scales.count != 1 && w->scales.count != (uint32_t)out_c) {
        build_fail(b, -EINVAL, "weights '%s' have %u scales for %d channels", w->name,
                   w->scales.count, out_c);
        return NULL;
    }
    if (graph_zeros_differ(w) || w->zero_point != 0 || w->flip) {
        build_fail(b, -ENOTSUP, "weights '%s' have a zero point in a dynamic-range model", w->name);
        return NULL;
    }
    float *scale = store_take_array(b->temp, (size_t)out_c, sizeof(*scale));
    if (!scale)
        build_fail(b, -ENOMEM, "no memory for scales");
    for (int32_t c = 0; scale && c < out_c; c++)
        scale[c] = build_scale(w, c);
    return scale;
}

static int pack(struct build *b, struct hybrid_params *p)
{
    struct kernel_hybrid_weights weights = {.scale = weight_scales(b, p->shape.out_c)};
    if (!weights.scale)
        return -EINVAL;
    weights.weights = build_constant(b, build_input(b, 1), b->temp);
    if (build_has_input(b, 2))
        weights.bias = build_constant(b, build_input(b, 2), b->temp);
    p->packed = build_params(b, p->kernel->packed_size(&p->shape));
    if (!weights.weights || (build_has_input(b, 2) && !weights.bias) || !p->packed)
        return -ENOMEM;
    p->kernel->pack(&p->shape, &weights, p->packed);
    return 0;
}

// The quantizing layer; returns the index of the tensor that it writes, or the error. `kernel`
// NULL: to floats.
static int32_t add_quantize(struct build *b, const struct kernel_hybrid_quantize *kernel,
                            size_t head, size_t picture, int32_t batch)
{
    struct quantize_params *q = build_params(b, sizeof(*q));
    if (!q)
        return -ENOMEM;
    *q = (struct quantize_params){kernel, kernel_hybrid_round_select(b->cpu), picture, head};
    int64_t bytes =
        (int64_t)head + (int64_t)batch * (int64_t)picture * (kernel ? 1 : (int64_t)sizeof(float));
    int32_t tensor = build_extra_tensor(b, bytes);
    if (tensor < 0)
        return tensor;
    struct layer *layer = build_layer(b, kernel ? run_quantize : run_round,
                                      kernel ? kernel->name : q->round->name, q, 1);
    if (!layer)
        return -ENOMEM;
    layer->out[0] = tensor;
    layer->units = batch;
    return tensor;
}

// Weights as floats, then a float layer on rounded floats.
static int add_depthwise(struct build *b, const struct kernel_conv_shape *s, uint64_t macs)
{
    const float *scale = weight_scales(b, s->out_c);
    const int8_t *given = scale ? build_constant(b, build_input(b, 1), b->temp) : NULL;
    size_t count = (size_t)s->k_h * (size_t)s->k_w * (size_t)s->out_c;
    float *weights = given ? store_take_array(b->temp, count, sizeof(*weights)) : NULL;
    if (!weights)
        return scale ? build_fail(b, -ENOMEM, "no memory for weights") : -EINVAL;
    for (size_t i = 0; i < count; i++)
        weights[i] = (float)given[i] * scale[i % (size_t)s->out_c];
    size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    int32_t rounded = add_quantize(b, NULL, 0, picture, s->batch);
    if (rounded < 0)
        return rounded;
    int rc = float_conv(b, s, weights, macs);
    if (rc == 0)
        b->layers[b->layer_count - 1].in[0] = rounded;
    return rc;
}

// XNNPACK makes such a convolution a fully connected layer: every pixel has steps of its own.
static bool is_pointwise(const struct kernel_conv_shape *s)
{
    return s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->groups == 1 &&
           s->out_h == s->in_h && s->out_w == s->in_w && s->in_c + s->out_c > 2;
}

static struct kernel_conv_shape rows_of_pixels(const struct kernel_conv_shape *s)
{
    struct kernel_conv_shape rows = *s;
    rows.batch = s->batch * s->in_h * s->in_w;
    rows.in_h = rows.in_w = rows.out_h = rows.out_w = 1;
    return rows;
}

int hybrid_conv(struct build *b, const struct kernel_conv_shape *s, uint64_t macs)
{
    if (s->kind == KERNEL_DEPTHWISE)
        return add_depthwise(b, s, macs);
    if ((uint64_t)s->k_h * (uint64_t)s->k_w * (uint64_t)s->in_c > KERNEL_HYBRID_DEPTH)
        return build_fail(b, -ENOTSUP, "filters of more than %d values in a dynamic-range model",
                          KERNEL_HYBRID_DEPTH);
    struct hybrid_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *s;
    if (is_pointwise(s))
        p->shape = rows_of_pixels(s);
    p->kernel = kernel_hybrid_conv_select(&p->shape, b->cpu);
    p->head = ((size_t)p->shape.batch * sizeof(struct kernel_hybrid_steps) + 63) / 64 * 64;
    int rc = build_activation_float(b, b->op->options.activation, &p->range.low, &p->range.high);
    if (rc == 0)
        rc = pack(b, p);
    if (rc < 0)
        return rc;
    const struct kernel_hybrid_quantize *quantize = kernel_hybrid_quantize_select(b->cpu);
    size_t picture = (size_t)p->shape.in_h * (size_t)p->shape.in_w * (size_t)p->shape.in_c;
    int32_t quantized = add_quantize(b, quantize, p->head, picture, p->shape.batch);
    if (quantized < 0)
        return quantized;
    struct layer *layer = build_layer(b, run_conv, p->kernel->name, p, 1);
    if (!layer)
        return -ENOMEM;
    layer->in[0] = quantized;
    layer->units = p->kernel->units(&p->shape);
    layer->scratch = p->kernel->scratch_size(&p->shape);
    layer->macs = macs;
    layer->packed_bytes = p->kernel->packed_size(&p->shape);
    return 0;
}
