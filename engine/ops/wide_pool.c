// SPDX-License-Identifier: Apache-2.0
//
// Average and maximum over windows of int16 values, by the rules of int8: halves away from zero.

#include <errno.h>

#include "engine/ops/wide_ops.h"

static int16_t window_value(const struct kernel_pool_shape *s, const int16_t *picture, int32_t y, int32_t x, int32_t c)
{
    int32_t most = -32768;
    int64_t sum = 0, n = 0;
    for (int32_t row = y < 0 ? 0 : y; row < y + s->k_h && row < s->in_h; row++)
        for (int32_t column = x < 0 ? 0 : x; column < x + s->k_w && column < s->in_w; column++, n++) {
            int16_t v = picture[((size_t)row * (size_t)s->in_w + (size_t)column) * (size_t)s->channels + (size_t)c];
            most = v > most ? v : most;
            sum += v;
        }
    if (s->kind == KERNEL_POOL_AVERAGE)
        most = (int32_t)(sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n);
    return (int16_t)(most < s->act_min ? s->act_min : most > s->act_max ? s->act_max : most);
}

// A unit is an output pixel.
static void run_pool(const void *params, const struct layer_io *io, void *scratch, int32_t first, int32_t last)
{
    const struct kernel_pool_shape *s = params;
    (void)scratch;
    for (int32_t pixel = first; pixel < last; pixel++) {
        int32_t row = pixel / s->out_w;
        const int16_t *picture = (const int16_t *)io->in[0] +
                                 (size_t)(row / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->channels;
        int16_t *out = (int16_t *)io->out[0] + (size_t)pixel * (size_t)s->channels;
        for (int32_t c = 0; c < s->channels; c++)
            out[c] = window_value(s, picture, row % s->out_h * s->stride_h - s->pad_top,
                                  pixel % s->out_w * s->stride_w - s->pad_left, c);
    }
}

int wide_pool(struct build *b, const struct kernel_pool_shape *shape)
{
    const struct graph_tensor *in = build_input(b, 0), *out = build_output(b, 0);
    int rc = wide_need_int16(b, in);
    if (rc == 0)
        rc = wide_need_int16(b, out);
    if (rc == 0 && (!build_same_quantization(in, out) || b->op->options.activation != ACTIVATION_NONE))
        rc = build_fail(b, -ENOTSUP, "int16 pool with an activation or with scales that differ");
    struct kernel_pool_shape *s = rc < 0 ? NULL : build_params(b, sizeof(*s));
    if (!s)
        return rc < 0 ? rc : -ENOMEM;
    *s = *shape;
    s->act_min = -32768;
    s->act_max = 32767;
    struct layer *layer = build_layer(b, run_pool, "pool_int16_c", s, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = s->batch * s->out_h * s->out_w;
    return 0;
}
