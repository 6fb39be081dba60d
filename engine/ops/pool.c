// SPDX-License-Identifier: Apache-2.0
//
// AVERAGE_POOL_2D, MAX_POOL_2D, and MEAN over one run of neighbouring axes, which is a pool whose
// window is the whole picture.

#include <errno.h>
#include <math.h>

#include "engine/ops/float_ops.h"
#include "engine/ops/ops.h"
#include "engine/ops/wide_ops.h"
#include "engine/ops/window.h"
#include "kernels/kernels.h"

struct pool_params {
    struct kernel_pool_shape shape;
    const struct kernel_pool *kernel;
};

static void run_pool(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct pool_params *p = params;
    (void)scratch;
    p->kernel->run(&p->shape, io->in[0], io->out[0], first, last);
}

// ---- legacy uint8 ------------------------------------------------------------------------------

struct window {
    const int8_t *picture;
    int32_t top, bottom, left, right, count;
};

static struct window window_of(const struct kernel_pool_shape *s, const int8_t *in, int32_t pixel)
{
    int32_t row = pixel / s->out_w;
    int32_t top = row % s->out_h * s->stride_h - s->pad_top,
            left = pixel % s->out_w * s->stride_w - s->pad_left;
    struct window w = {
        .picture =
            in + (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->channels,
        .top = top < 0 ? 0 : top,
        .bottom = top + s->k_h < s->in_h ? top + s->k_h : s->in_h,
        .left = left < 0 ? 0 : left,
        .right = left + s->k_w < s->in_w ? left + s->k_w : s->in_w,
    };
    w.count = (w.bottom - w.top) * (w.right - w.left);
    return w;
}

// Sum of the values as the file counts them: 128 more each.
static int32_t window_sum(const struct kernel_pool_shape *s, const struct window *w,
                          int32_t channel)
{
    int32_t sum = 128 * w->count;
    for (int32_t y = w->top; y < w->bottom; y++)
        for (int32_t x = w->left; x < w->right; x++)
            sum += w->picture[((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->channels +
                              (size_t)channel];
    return sum;
}

// In uint8, TFLite's average rounds halves up (int8: away from zero), and MEAN's float sum is
// rounded at another magnitude: both are computed as the file counts. mean_bias holds uint8's then.
static void run_legacy(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last)
{
    const struct kernel_pool_shape *s = &((const struct pool_params *)params)->shape;
    (void)scratch;
    for (int32_t pixel = first; pixel < last; pixel++) {
        struct window w = window_of(s, io->in[0], pixel);
        int8_t *out = (int8_t *)io->out[0] + (size_t)pixel * (size_t)s->channels;
        for (int32_t c = 0; c < s->channels; c++) {
            int32_t sum = window_sum(s, &w, c), value;
            if (s->kind == KERNEL_POOL_AVERAGE)
                value = (sum + w.count / 2) / w.count - 128;
            else
                value = (int32_t)lrintf(
                            fminf(fmaxf((float)sum * s->mean_scale + s->mean_bias, -1000), 1000)) -
                        128;
            out[c] = (int8_t)(value < s->act_min   ? s->act_min
                              : value > s->act_max ? s->act_max
                                                   : value);
        }
    }
}

// Legacy averages over whole windows as a MEAN: floor((sum + n/2) / n) is the nearest whole number
// to (sum + n/2 - (n - 1)/2) / n, which stays 1 / 2n away from any half; float is exact enough for
// n <= 4096.
static bool average_as_mean(struct kernel_pool_shape *s)
{
    bool whole = s->pad_top == 0 && s->pad_left == 0 &&
                 (s->out_h - 1) * s->stride_h + s->k_h <= s->in_h &&
                 (s->out_w - 1) * s->stride_w + s->k_w <= s->in_w;
    int32_t n = s->k_h * s->k_w;
    if (!whole || n > 4096 || s->kind != KERNEL_POOL_AVERAGE)
        return false;
    s->kind = KERNEL_POOL_MEAN;
    s->mean_scale = 1.0f / (float)n;
    s->mean_bias = ((float)(n / 2) - (float)(n - 1) * 0.5f) / (float)n;
    return true;
}

static int add_layer(struct build *b, const struct kernel_pool_shape *shape, bool legacy)
{
    struct pool_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *shape;
    if (legacy && average_as_mean(&p->shape))
        legacy = false;
    p->kernel = kernel_pool_select(&p->shape, b->cpu);
    bool own = legacy && shape->kind != KERNEL_POOL_MAX;
    struct layer *layer =
        build_layer(b, own ? run_legacy : run_pool, own ? "pool_uint8_c" : p->kernel->name, p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = shape->batch * shape->out_h * shape->out_w;
    return 0;
}

// ---- pools -------------------------------------------------------------------------------------

static int solve_shape(struct build *b, const struct graph_tensor *in, struct kernel_pool_shape *s)
{
    const struct graph_options *o = &b->op->options;
    if (in->rank != 4)
        return build_fail(b, -EINVAL, "input has %d dimensions, expected 4", in->rank);
    struct window_axis y = {in->dims[1], o->filter_h, o->stride_h, 1, 0, 0};
    struct window_axis x = {in->dims[2], o->filter_w, o->stride_w, 1, 0, 0};
    int rc = window_solve(b, o->padding, &y);
    if (rc == 0)
        rc = window_solve(b, o->padding, &x);
    if (rc < 0)
        return rc;
    if ((int64_t)y.filter * x.filter > 1 << 23)
        return build_fail(b, -ENOTSUP, "filter %d x %d", y.filter, x.filter);
    *s = (struct kernel_pool_shape){
        .kind = b->op->code == OP_MAX_POOL_2D ? KERNEL_POOL_MAX : KERNEL_POOL_AVERAGE,
        .batch = in->dims[0],
        .in_h = y.in,
        .in_w = x.in,
        .channels = in->dims[3],
        .out_h = y.out,
        .out_w = x.out,
        .k_h = y.filter,
        .k_w = x.filter,
        .stride_h = y.stride,
        .stride_w = x.stride,
        .pad_top = y.pad,
        .pad_left = x.pad,
    };
    return build_shape(b, 0, 4, (int32_t[]){s->batch, s->out_h, s->out_w, s->channels});
}

int op_pool(struct build *b)
{
    struct kernel_pool_shape s;
    int rc = build_count(b, 1, 1, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    rc = solve_shape(b, in, &s);
    if (rc < 0)
        return rc;
    if (in->type == TENSOR_FLOAT32 && out->type == TENSOR_FLOAT32)
        return float_pool(b, &s);
    if (in->type == TENSOR_INT16)
        return wide_pool(b, &s);
    rc = build_need_int8(b, in);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc == 0 && !build_same_quantization(in, out))
        rc = build_fail(b, -ENOTSUP, "input and output differ in scale or zero point");
    if (rc == 0)
        rc = build_activation(b, out, b->op->options.activation, &s.act_min, &s.act_max);
    return rc < 0 ? rc : add_layer(b, &s, out->flip);
}

// ---- mean --------------------------------------------------------------------------------------

// The axes to reduce as bits; they must be neighbours, so that the tensor is [outer, middle,
// inner].
static int mean_axes(struct build *b, const struct graph_tensor *in, uint32_t *axes)
{
    struct graph_tensor *list = build_integers(b, 1, TENSOR_RANK_MAX);
    if (!list)
        return -EINVAL;
    *axes = 0;
    for (int64_t i = 0; i < graph_elements(list); i++) {
        int axis = build_axis(b, graph_constant_int(list, i), in->rank);
        if (axis < 0)
            return axis;
        *axes |= 1u << axis;
    }
    return 0;
}

static int mean_output(struct build *b, const struct graph_tensor *in, uint32_t axes)
{
    int32_t dims[TENSOR_RANK_MAX], rank = 0;
    for (int32_t d = 0; d < in->rank; d++) {
        if (!(axes >> d & 1))
            dims[rank++] = in->dims[d];
        else if (b->op->options.keep_dims)
            dims[rank++] = 1;
    }
    return build_shape(b, 0, rank, dims);
}

static int mean_shape(struct build *b, const struct graph_tensor *in, uint32_t axes,
                      struct kernel_pool_shape *s)
{
    int32_t first = 0, last;
    while (first < in->rank && (!(axes >> first & 1) || in->dims[first] == 1))
        first++;
    last = first;
    while (last < in->rank && (axes >> last & 1))
        last++;
    for (int32_t d = last; d < in->rank; d++)
        if ((axes >> d & 1) && in->dims[d] != 1)
            return build_fail(b, -ENOTSUP, "mean over axes that are not neighbours");
    int64_t outer = build_product(in, 0, first), n = build_product(in, first, last);
    int64_t inner = build_product(in, last, in->rank);
    if (n > 1 << 23)
        return build_fail(b, -ENOTSUP, "mean over %lld values", (long long)n);
    *s = (struct kernel_pool_shape){
        .kind = KERNEL_POOL_MEAN,
        .batch = (int32_t)outer,
        .in_h = 1,
        .in_w = (int32_t)n,
        .channels = (int32_t)inner,
        .out_h = 1,
        .out_w = 1,
        .k_h = 1,
        .k_w = (int32_t)n,
        .stride_h = 1,
        .stride_w = 1,
        .act_min = -128,
        .act_max = 127,
    };
    return 0;
}

static void mean_factors(const struct graph_tensor *in, const struct graph_tensor *out,
                         struct kernel_pool_shape *s)
{
    int32_t offset = in->flip ? 128 : 0; // both sides have one type
    s->mean_scale = build_scale(in, 0) / build_scale(out, 0) * (1.0f / (float)s->k_w);
    s->mean_bias = (float)(out->zero_point + offset) -
                   (float)(s->k_w * (in->zero_point + offset)) * s->mean_scale;
}

int op_mean(struct build *b)
{
    struct kernel_pool_shape s;
    uint32_t axes;
    int rc = build_count(b, 2, 2, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    rc = mean_axes(b, in, &axes);
    if (rc == 0)
        rc = mean_output(b, in, axes);
    if (rc == 0)
        rc = mean_shape(b, in, axes, &s);
    if (rc < 0)
        return rc;
    if (in->type == TENSOR_FLOAT32 && out->type == TENSOR_FLOAT32)
        return float_pool(b, &s);
    if (in->type == TENSOR_INT16)
        return wide_pool(b, &s);
    rc = build_need_int8(b, in);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc == 0 && in->flip != out->flip)
        rc = build_fail(b, -ENOTSUP, "input and output are not of the same type");
    if (rc < 0)
        return rc;
    mean_factors(in, out, &s);
    if (!isfinite(s.mean_scale) || !isfinite(s.mean_bias))
        return build_fail(b, -EINVAL, "scales %g and %g", (double)build_scale(in, 0),
                          (double)build_scale(out, 0));
    return add_layer(b, &s, in->flip);
}
