// SPDX-License-Identifier: Apache-2.0
//
// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: checks, a PAD before them taken over, the kernel
// chosen and its weights packed.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/ops/conv.h"
#include "engine/ops/float_ops.h"
#include "engine/ops/ops.h"
#include "engine/ops/wide_ops.h"
#include "engine/ops/window.h"
#include "kernels/kernels.h"

static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct conv_params *p = params;
    p->kernel->run(&p->shape, p->packed, io->in[0], io->out[0], scratch, first, last);
}

const struct conv_params *conv_params_of(const struct layer *layer)
{
    return layer->run == run_conv ? layer->params : NULL;
}

// ---- arguments ---------------------------------------------------------------------------------

struct arguments {
    struct graph_tensor *in, *weights, *bias, *out;
};

// Which kind of model is it? int8; float; dynamic range: float with int8 weights; 16x8: int16 with
// int8 weights.
static int check_kinds(struct build *b, const struct arguments *a)
{
    int32_t in = a->in->type, w = a->weights->type;
    if (!a->weights->data)
        return build_fail(b, -ENOTSUP, "weights '%s' are not constant", a->weights->name);
    if (in == TENSOR_FLOAT32 && (w == TENSOR_FLOAT32 || w == TENSOR_INT8))
        return build_need_type(b, a->out, TENSOR_FLOAT32);
    if (in == TENSOR_INT16 && w == TENSOR_INT8)
        return build_need_type(b, a->out, TENSOR_INT16);
    int rc = build_need_int8(b, a->in);
    if (rc == 0)
        rc = build_need_int8(b, a->out);
    if (rc == 0)
        rc = build_need_type(b, a->weights, TENSOR_INT8);
    return rc;
}

static int get_arguments(struct build *b, struct arguments *a)
{
    int rc = build_count(b, 2, 3, 1);
    if (rc < 0)
        return rc;
    a->in = build_input(b, 0);
    a->weights = build_input(b, 1);
    a->bias = build_has_input(b, 2) ? build_input(b, 2) : NULL;
    a->out = build_output(b, 0);
    if (!a->in || !a->weights)
        return -EINVAL;
    return check_kinds(b, a);
}

static int check_bias(struct build *b, const struct arguments *a, int32_t out_c, int32_t type)
{
    if (!a->bias)
        return 0;
    if (!a->bias->data)
        return build_fail(b, -ENOTSUP, "bias '%s' is not constant", a->bias->name);
    if (graph_elements(a->bias) != out_c)
        return build_fail(b, -EINVAL, "bias '%s' has %lld values for %d channels", a->bias->name,
                          (long long)graph_elements(a->bias), out_c);
    return build_need_type(b, a->bias, type);
}

// One factor per output channel, in LiteRT's order of operations.
static int get_scales(struct build *b, const struct arguments *a, int32_t out_c, float *scale)
{
    uint32_t count = a->weights->scales.count;
    if (count != 1 && count != (uint32_t)out_c)
        return build_fail(b, -EINVAL, "weights '%s' have %u scales for %d channels",
                          a->weights->name, count, out_c);
    float in = build_scale(a->in, 0), out = build_scale(a->out, 0);
    for (int32_t c = 0; c < out_c; c++) {
        scale[c] = in * build_scale(a->weights, c) / out;
        if (!(scale[c] > 0) || !isfinite(scale[c]))
            return build_fail(b, -EINVAL, "channel %d: requantization factor %g", c,
                              (double)scale[c]);
    }
    return 0;
}

// ---- int8 --------------------------------------------------------------------------------------

static uint64_t shape_macs(const struct kernel_conv_shape *s)
{
    uint64_t taps = (uint64_t)s->k_h * (uint64_t)s->k_w;
    if (s->kind == KERNEL_CONV)
        taps *= (uint64_t)(s->in_c / s->groups);
    return taps * (uint64_t)s->batch * (uint64_t)s->out_h * (uint64_t)s->out_w * (uint64_t)s->out_c;
}

static int pack(struct build *b, const struct arguments *a, struct conv_params *p,
                size_t *packed_bytes)
{
    size_t out_c = (size_t)p->shape.out_c;
    struct kernel_conv_weights weights = {0};
    float *scale = store_take_array(b->temp, out_c, sizeof(*scale));
    if (!scale)
        return build_fail(b, -ENOMEM, "no memory for scales");
    int rc = get_scales(b, a, p->shape.out_c, scale);
    if (rc < 0)
        return rc;
    weights.scale = scale;
    weights.weights = (const int8_t *)a->weights->data;
    if (a->weights->flip)
        weights.weights = build_constant(b, a->weights, b->temp);
    if (a->bias)
        weights.bias = build_constant(b, a->bias, b->temp);
    if (!weights.weights || (a->bias && !weights.bias))
        return -ENOMEM;
    *packed_bytes = p->kernel->packed_size(&p->shape);
    p->packed = build_params(b, *packed_bytes);
    if (!p->packed)
        return -ENOMEM;
    p->kernel->pack(&p->shape, &weights, p->packed);
    return 0;
}

static int add_layer(struct build *b, const struct arguments *a,
                     const struct kernel_conv_shape *shape)
{
    struct conv_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *shape;
    p->kernel = kernel_conv_select(shape, b->cpu);
    size_t packed_bytes = 0;
    int rc = pack(b, a, p, &packed_bytes);
    if (rc < 0)
        return rc;
    struct layer *layer = build_layer(b, run_conv, p->kernel->name, p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = p->kernel->units(shape);
    layer->scratch = p->kernel->scratch_size(shape);
    layer->packed_bytes = packed_bytes;
    layer->macs = shape_macs(shape);
    return 0;
}

static int set_quantization(struct build *b, const struct arguments *a, struct kernel_conv_shape *s)
{
    s->input_zero_point = a->in->zero_point;
    s->weight_zero_point = a->weights->zero_point;
    s->output_zero_point = a->out->zero_point;
    if (graph_zeros_differ(a->weights) ||
        (a->weights->scales.count > 1 && a->weights->zero_point != 0))
        return build_fail(b, -ENOTSUP, "weights '%s': a zero point and scales per channel",
                          a->weights->name);
    int rc = check_bias(b, a, s->out_c, TENSOR_INT32);
    if (rc < 0)
        return rc;
    return build_activation(b, a->out, b->op->options.activation, &s->act_min, &s->act_max);
}

// By the kind of model.
static int add_any_layer(struct build *b, const struct arguments *a, struct kernel_conv_shape *s)
{
    int rc;
    if (a->in->type == TENSOR_INT16) {
        rc = check_bias(b, a, s->out_c,
                        a->bias && a->bias->type == TENSOR_INT32 ? TENSOR_INT32 : TENSOR_INT64);
        return rc < 0 ? rc : wide_conv(b, s, shape_macs(s));
    }
    if (a->in->type == TENSOR_FLOAT32) {
        rc = check_bias(b, a, s->out_c, TENSOR_FLOAT32);
        if (rc < 0)
            return rc;
        if (a->weights->type == TENSOR_INT8)
            return hybrid_conv(b, s, shape_macs(s));
        return float_conv(b, s, NULL, shape_macs(s));
    }
    rc = set_quantization(b, a, s);
    return rc < 0 ? rc : add_layer(b, a, s);
}

// ---- pictures ----------------------------------------------------------------------------------

// Sizes from tensors and options; filters are OHWI, for depthwise [1, h, w, out_c].
static int solve_shape(struct build *b, const struct arguments *a, struct kernel_conv_shape *s)
{
    const struct graph_options *o = &b->op->options;
    if (a->in->rank != 4 || a->weights->rank != 4)
        return build_fail(b, -EINVAL,
                          "input has %d and weights have %d dimensions, expected 4 and 4",
                          a->in->rank, a->weights->rank);
    s->batch = a->in->dims[0], s->in_h = a->in->dims[1], s->in_w = a->in->dims[2],
    s->in_c = a->in->dims[3];
    s->k_h = a->weights->dims[1], s->k_w = a->weights->dims[2];
    s->stride_h = o->stride_h, s->stride_w = o->stride_w;
    s->dilation_h = o->dilation_h, s->dilation_w = o->dilation_w;
    struct window_axis y = {s->in_h, s->k_h, s->stride_h, s->dilation_h, 0, 0};
    struct window_axis x = {s->in_w, s->k_w, s->stride_w, s->dilation_w, 0, 0};
    int rc = window_solve(b, o->padding, &y);
    if (rc == 0)
        rc = window_solve(b, o->padding, &x);
    s->out_h = y.out, s->pad_top = y.pad, s->out_w = x.out, s->pad_left = x.pad;
    return rc;
}

// Does every window see at least one real pixel of an axis? Kernels may count on it.
static bool windows_touch(int32_t in, int32_t out, int32_t pad, int32_t filter, int32_t dilation,
                          int32_t stride)
{
    return pad < (filter - 1) * dilation + 1 && (int64_t)(out - 1) * stride - pad < in;
}

// A PAD that pads with what the convolution would take anyway: read its input instead.
static void take_pad(struct build *b, struct kernel_conv_shape *s)
{
    struct pad_amount pad;
    struct layer *before = build_producer(b, 0);
    if (!before || !pad_fusable(before, &pad))
        return;
    if (!windows_touch(s->in_h - pad.top - pad.bottom, s->out_h, s->pad_top + pad.top, s->k_h,
                       s->dilation_h, s->stride_h) ||
        !windows_touch(s->in_w - pad.left - pad.right, s->out_w, s->pad_left + pad.left, s->k_w,
                       s->dilation_w, s->stride_w))
        return;
    s->in_h -= pad.top + pad.bottom;
    s->in_w -= pad.left + pad.right;
    s->pad_top += pad.top;
    s->pad_left += pad.left;
    b->op->inputs[0] = before->in[0];
    before->dead = true;
}

static int finish_picture(struct build *b, const struct arguments *a, struct kernel_conv_shape *s)
{
    int rc = build_shape(b, 0, 4, (int32_t[]){s->batch, s->out_h, s->out_w, s->out_c});
    if (rc < 0)
        return rc;
    take_pad(b, s);
    return add_any_layer(b, a, s);
}

int op_conv(struct build *b)
{
    struct arguments a;
    struct kernel_conv_shape s = {.kind = KERNEL_CONV, .depth_multiplier = 1};
    int rc = get_arguments(b, &a);
    if (rc == 0)
        rc = solve_shape(b, &a, &s);
    if (rc < 0)
        return rc;
    s.out_c = a.weights->dims[0];
    int32_t depth = a.weights->dims[3];
    s.groups = s.in_c / depth;
    if (s.groups * depth != s.in_c || s.out_c % s.groups != 0)
        return build_fail(b, -EINVAL, "%d input channels, filters of %d, %d output channels",
                          s.in_c, depth, s.out_c);
    return finish_picture(b, &a, &s);
}

int op_depthwise(struct build *b)
{
    struct arguments a;
    struct kernel_conv_shape s = {.kind = KERNEL_DEPTHWISE, .groups = 1};
    int rc = get_arguments(b, &a);
    if (rc == 0)
        rc = solve_shape(b, &a, &s);
    if (rc < 0)
        return rc;
    s.out_c = a.weights->dims[3];
    // Not the option: converters have written wrong ones, TFLite goes by the shapes.
    s.depth_multiplier = s.out_c / s.in_c;
    if (a.weights->dims[0] != 1 || s.depth_multiplier * s.in_c != s.out_c)
        return build_fail(b, -EINVAL, "%d input channels, filter [%d, ..., %d]", s.in_c,
                          a.weights->dims[0], s.out_c);
    return finish_picture(b, &a, &s);
}

// ---- fully connected ---------------------------------------------------------------------------

static int fully_connected_shape(struct build *b, const struct arguments *a,
                                 struct kernel_conv_shape *s)
{
    if (a->weights->rank != 2)
        return build_fail(b, -EINVAL, "weights have %d dimensions, expected 2", a->weights->rank);
    s->out_c = a->weights->dims[0];
    s->in_c = a->weights->dims[1];
    int64_t elements = graph_elements(a->in);
    if (elements % s->in_c != 0)
        return build_fail(b, -EINVAL, "input has %lld values, weights take rows of %d",
                          (long long)elements, s->in_c);
    s->batch = (int32_t)(elements / s->in_c);
    if (!b->op->options.keep_dims)
        return build_shape(b, 0, 2, (int32_t[]){s->batch, s->out_c});
    int32_t dims[TENSOR_RANK_MAX];
    memcpy(dims, a->in->dims, sizeof(dims));
    if (a->in->rank < 1 || dims[a->in->rank - 1] != s->in_c)
        return build_fail(b, -EINVAL, "the last dimension of the input is not %d", s->in_c);
    dims[a->in->rank - 1] = s->out_c;
    return build_shape(b, 0, a->in->rank, dims);
}

int op_fully_connected(struct build *b)
{
    struct arguments a;
    struct kernel_conv_shape s = {
        .kind = KERNEL_CONV,
        .in_h = 1,
        .in_w = 1,
        .out_h = 1,
        .out_w = 1,
        .k_h = 1,
        .k_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
        .depth_multiplier = 1,
    };
    int rc = get_arguments(b, &a);
    if (rc < 0)
        return rc;
    if (b->op->options.weights_format != 0)
        return build_fail(b, -ENOTSUP, "shuffled weights");
    rc = fully_connected_shape(b, &a, &s);
    if (rc < 0)
        return rc;
    return add_any_layer(b, &a, &s);
}
