// SPDX-License-Identifier: Apache-2.0
//
// 16x8 convolutions: which of TFLite's three ways to round, and the kernel's weights.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/ops/wide_ops.h"
#include "kernels/wide.h"

struct wide_conv_params {
    struct kernel_conv_shape shape;
    struct kernel_wide_range range;
    const struct kernel_wide_conv *kernel;
    void *packed;
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

static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct wide_conv_params *p = params;
    p->kernel->run(&p->shape, &p->range, p->packed, io->in[0], io->out[0], scratch, first, last);
}

// ---- build -------------------------------------------------------------------------------------

static int64_t *make_bias(struct build *b, int32_t out_c, bool *narrow)
{
    int64_t *bias = store_take_array(b->temp, (size_t)out_c, sizeof(*bias));
    if (!bias) {
        build_fail(b, -ENOMEM, "no memory for biases");
        return NULL;
    }
    memset(bias, 0, sizeof(*bias) * (size_t)out_c);
    if (!build_has_input(b, 2))
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

// Fills multipliers and factors, all of them in (0, 128).
static int make_multipliers(struct build *b, int32_t out_c, struct fixed_multiplier *m,
                            double *factors)
{
    const struct graph_tensor *weights = build_input(b, 1);
    double in = (double)build_scale(build_input(b, 0), 0),
           out = (double)build_scale(build_output(b, 0), 0);
    for (int32_t c = 0; c < out_c; c++) {
        factors[c] = in * (double)build_scale(weights, c) / out;
        if (!(factors[c] > 0) || !(factors[c] < 128))
            return build_fail(b, -EINVAL, "channel %d: requantization factor %g", c, factors[c]);
        m[c] = fixed_multiplier_from(factors[c]);
    }
    return 0;
}

static int pack(struct build *b, struct wide_conv_params *p)
{
    size_t out_c = (size_t)p->shape.out_c;
    bool narrow = false;
    const int64_t *bias = make_bias(b, p->shape.out_c, &narrow);
    if (!bias)
        return -EINVAL;
    struct fixed_multiplier *multipliers = store_take_array(b->temp, out_c, sizeof(*multipliers));
    double *factors = store_take_array(b->temp, out_c, sizeof(*factors));
    const int8_t *given = build_constant(b, build_input(b, 1), b->temp);
    if (!multipliers || !factors || !given)
        return build_fail(b, -ENOMEM, "no memory for weights");
    int rc = make_multipliers(b, p->shape.out_c, multipliers, factors);
    p->packed = rc < 0 ? NULL : build_params(b, p->kernel->packed_size(&p->shape));
    if (!p->packed)
        return rc < 0 ? rc : -ENOMEM;
    bool real = b->op->code == OP_FULLY_CONNECTED;
    struct kernel_wide_weights weights = {
        given, bias, narrow ? KERNEL_WIDE_FIXED : real ? KERNEL_WIDE_REAL : KERNEL_WIDE_REDUCED,
        multipliers, factors};
    p->kernel->pack(&p->shape, &weights, p->packed);
    return 0;
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
    if (graph_zeros_differ(weights) || weights->zero_point != 0)
        return build_fail(b, -ENOTSUP, "weights '%s' have a zero point in a 16x8 model",
                          weights->name);
    return 0;
}

int wide_conv(struct build *b, const struct kernel_conv_shape *s, uint64_t macs)
{
    int rc = check(b, s);
    struct wide_conv_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    p->shape = *s;
    p->kernel = kernel_wide_conv_select(s, b->cpu);
    rc = wide_activation(b, build_output(b, 0), b->op->options.activation, &p->range.low,
                         &p->range.high);
    if (rc == 0)
        rc = pack(b, p);
    struct layer *layer = rc < 0 ? NULL : build_layer(b, run_conv, p->kernel->name, p, 1);
    if (!layer)
        return rc < 0 ? rc : -ENOMEM;
    layer->units = p->kernel->units(s);
    layer->scratch = p->kernel->scratch_size(s);
    layer->macs = macs;
    layer->packed_bytes = p->kernel->packed_size(s);
    return 0;
}
