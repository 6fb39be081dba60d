// SPDX-License-Identifier: Apache-2.0
//
// SOFTMAX along the last dimension. int8 as TFLite computes it on x86: a table of exponentials made
// at load, summed in float, in order.

#include <errno.h>
#include <math.h>

#include "engine/ops/ops.h"
#include "engine/ops/wide_ops.h"

struct softmax_params {
    int32_t depth;
    float beta;
    float exponentials[256]; // of 0, -1, -2 ... input steps
    float y_scale;
    int32_t y_zero;
    bool legacy; // uint8: rounds halves up; int8: away from zero, the same for what is not negative
};

static int8_t quantize(const struct softmax_params *p, float value)
{
    float bounded = value < 1000 ? value : 1000;
    int32_t step = p->legacy ? (int32_t)(bounded + 0.5f) : (int32_t)roundf(bounded);
    int32_t y = step + p->y_zero;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

static void run_int8(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct softmax_params *p = params;
    (void)scratch;
    for (int32_t row = first; row < last; row++) {
        const int8_t *in = (const int8_t *)io->in[0] + (size_t)row * (size_t)p->depth;
        int8_t *out = (int8_t *)io->out[0] + (size_t)row * (size_t)p->depth;
        int32_t most = -128;
        for (int32_t i = 0; i < p->depth; i++)
            most = in[i] > most ? in[i] : most;
        float sum = 0;
        for (int32_t i = 0; i < p->depth; i++)
            sum += p->exponentials[most - in[i]];
        float inverse = 1.0f / (sum * p->y_scale);
        for (int32_t i = 0; i < p->depth; i++)
            out[i] = quantize(p, p->exponentials[most - in[i]] * inverse);
    }
}

static void run_float(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                      int32_t last)
{
    const struct softmax_params *p = params;
    (void)scratch;
    for (int32_t row = first; row < last; row++) {
        const float *in = (const float *)io->in[0] + (size_t)row * (size_t)p->depth;
        float *out = (float *)io->out[0] + (size_t)row * (size_t)p->depth;
        float most = in[0], sum = 0;
        for (int32_t i = 1; i < p->depth; i++)
            most = in[i] > most ? in[i] : most;
        for (int32_t i = 0; i < p->depth; i++) {
            out[i] = expf((in[i] - most) * p->beta);
            sum += out[i];
        }
        for (int32_t i = 0; i < p->depth; i++)
            out[i] /= sum;
    }
}

static int prepare_int8(struct build *b, struct softmax_params *p, const struct graph_tensor *in,
                        const struct graph_tensor *out)
{
    int rc = build_need_int8(b, in);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc < 0)
        return rc;
    p->y_scale = build_scale(out, 0);
    p->y_zero = out->zero_point;
    p->legacy = out->flip;
    float scale = -build_scale(in, 0) * p->beta;
    for (int32_t d = 0; d < 256; d++)
        p->exponentials[d] = expf(scale * (float)d);
    return 0;
}

int op_softmax(struct build *b)
{
    int rc = build_count(b, 1, 1, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    if (in->rank < 1)
        return build_fail(b, -EINVAL, "input has no dimensions");
    rc = build_shape_like(b, 0, in);
    struct softmax_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    p->depth = in->dims[in->rank - 1];
    p->beta = b->op->options.value;
    if (!(p->beta > 0) || !isfinite(p->beta))
        return build_fail(b, -EINVAL, "beta %g", (double)p->beta);
    if (in->type == TENSOR_INT16)
        return wide_softmax(b);
    bool real = in->type == TENSOR_FLOAT32 && out->type == TENSOR_FLOAT32;
    rc = real ? 0 : prepare_int8(b, p, in, out);
    if (rc < 0)
        return rc;
    struct layer *layer =
        build_layer(b, real ? run_float : run_int8, real ? "softmax_float_c" : "softmax_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = (int32_t)(graph_elements(in) / p->depth);
    return 0;
}
