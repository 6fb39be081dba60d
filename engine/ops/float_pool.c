// SPDX-License-Identifier: Apache-2.0
//
// Average, maximum and mean over windows in float32. Padding does not count.

#include <errno.h>
#include <math.h>

#include "engine/ops/float_ops.h"

struct float_pool_params {
    struct kernel_pool_shape shape;
    float low, high;
};

struct window {
    const float *picture;
    int32_t top, bottom, left, right;
};

static struct window window_of(const struct kernel_pool_shape *s, const float *in, int32_t pixel)
{
    int32_t row = pixel / s->out_w;
    int32_t top = row % s->out_h * s->stride_h - s->pad_top,
            left = pixel % s->out_w * s->stride_w - s->pad_left;
    return (struct window){
        .picture =
            in + (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->channels,
        .top = top < 0 ? 0 : top,
        .bottom = top + s->k_h < s->in_h ? top + s->k_h : s->in_h,
        .left = left < 0 ? 0 : left,
        .right = left + s->k_w < s->in_w ? left + s->k_w : s->in_w,
    };
}

static float window_value(const struct kernel_pool_shape *s, const struct window *w, int32_t c)
{
    float most = -INFINITY, sum = 0;
    for (int32_t y = w->top; y < w->bottom; y++)
        for (int32_t x = w->left; x < w->right; x++) {
            float v = w->picture[((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->channels +
                                 (size_t)c];
            most = v > most ? v : most;
            sum += v;
        }
    return s->kind == KERNEL_POOL_MAX ? most
                                      : sum / (float)((w->bottom - w->top) * (w->right - w->left));
}

// A unit is an output pixel.
static void run_pool(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct float_pool_params *p = params;
    const struct kernel_pool_shape *s = &p->shape;
    (void)scratch;
    for (int32_t pixel = first; pixel < last; pixel++) {
        struct window w = window_of(s, io->in[0], pixel);
        float *out = (float *)io->out[0] + (size_t)pixel * (size_t)s->channels;
        for (int32_t c = 0; c < s->channels; c++) {
            float v = window_value(s, &w, c);
            out[c] = v < p->low ? p->low : v > p->high ? p->high : v;
        }
    }
}

int float_pool(struct build *b, const struct kernel_pool_shape *shape)
{
    struct float_pool_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *shape;
    int32_t activation =
        shape->kind == KERNEL_POOL_MEAN ? ACTIVATION_NONE : b->op->options.activation;
    int rc = build_activation_float(b, activation, &p->low, &p->high);
    struct layer *layer = rc < 0 ? NULL : build_layer(b, run_pool, "pool_float_c", p, 1);
    if (!layer)
        return rc < 0 ? rc : -ENOMEM;
    layer->units = shape->batch * shape->out_h * shape->out_w;
    return 0;
}
