// SPDX-License-Identifier: Apache-2.0
//
// SOFTMAX of int16: exp and 1/(1+x) by tables of 513 points with straight lines between, as
// TFLite's reference/softmax.h (SoftmaxInt16) and common.h (lut_populate) define it.

#include <errno.h>
#include <math.h>

#include "kernels/fixedpoint.h"
#include "engine/ops/wide_ops.h"

#define TABLE_STEPS 512

struct wide_softmax_params {
    int32_t depth;
    struct fixed_multiplier input;
    int16_t exponential[TABLE_STEPS + 1]; // of -10 ... 0
    int16_t reciprocal[TABLE_STEPS + 1];  // 1 / (1 + x) of 0 ... 1
};

// ---- tables ------------------------------------------------------------------------------------

static double reciprocal(double x)
{
    return 1.0 / (1.0 + x);
}

static int16_t bounded(double x)
{
    return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
}

// Each point is moved by half the error that the straight line makes in the middle.
static void make_table(double (*function)(double), double low, double high,
                       int16_t table[TABLE_STEPS + 1])
{
    double step = (high - low) / TABLE_STEPS;
    for (int i = 0; i < TABLE_STEPS; i++) {
        double here = round(function(low + i * step) * 32768);
        double line = round((function(low + (i + 1) * step) * 32768 + here) / 2);
        double middle = round(function(low + i * step + step / 2) * 32768);
        table[i] = bounded(here - round((line - middle) / 2));
    }
    table[TABLE_STEPS] = bounded(round(function(high) * 32768));
}

static int16_t look_up(const int16_t *table, int32_t value)
{
    int32_t index = 256 + (value >> 7), offset = value & 0x7f;
    int32_t slope = table[index + 1] - table[index];
    return (int16_t)(table[index] + ((slope * offset + 64) >> 7));
}

// ---- running -----------------------------------------------------------------------------------

static int16_t exponential_of(const struct wide_softmax_params *p, int32_t difference)
{
    int64_t scaled = (int64_t)fixed_scale(difference, p->input) + 32767;
    return look_up(p->exponential, (int32_t)(scaled < -32768  ? -32768
                                             : scaled > 32767 ? 32767
                                                              : scaled));
}

static void run_row(const struct wide_softmax_params *p, const int16_t *in, int16_t *out)
{
    int32_t most = -32768;
    uint32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++)
        most = in[i] > most ? in[i] : most;
    for (int32_t i = 0; i < p->depth; i++) {
        out[i] = exponential_of(p, in[i] - most);
        sum += (uint32_t)out[i];
    }
    int32_t headroom = sum ? __builtin_clz(sum) : 31;
    int64_t shifted = (((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14;
    int32_t inverse = look_up(
        p->reciprocal, fixed_clamp((int32_t)(shifted - (1 << 15) - (1 << 16)), -32768, 32767));
    int32_t shift = 31 - headroom;
    int64_t half = shift > 0 ? INT64_C(1) << (shift - 1) : 0;
    for (int32_t i = 0; i < p->depth; i++)
        out[i] =
            (int16_t)fixed_clamp((int32_t)(((int64_t)out[i] * inverse + half) >> shift), 0, 32767);
}

static void run_softmax(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                        int32_t last)
{
    const struct wide_softmax_params *p = params;
    (void)scratch;
    for (int32_t row = first; row < last; row++)
        run_row(p, (const int16_t *)io->in[0] + (size_t)row * (size_t)p->depth,
                (int16_t *)io->out[0] + (size_t)row * (size_t)p->depth);
}

// The caller has checked the shape and beta.
int wide_softmax(struct build *b)
{
    const struct graph_tensor *in = build_input(b, 0);
    int rc = wide_need_int16(b, in);
    if (rc == 0)
        rc = wide_need_int16(b, build_output(b, 0));
    struct wide_softmax_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    p->depth = in->dims[in->rank - 1];
    if (p->depth > 1 << 15)
        return build_fail(b, -ENOTSUP, "softmax over %d int16 values", p->depth);
    p->input = fixed_multiplier_from((double)(build_scale(in, 0) * b->op->options.value) /
                                     (10.0 / 65535.0));
    make_table(exp, -10, 0, p->exponential);
    make_table(reciprocal, 0, 1, p->reciprocal);
    struct layer *layer = build_layer(b, run_softmax, "softmax_int16_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = (int32_t)(graph_elements(in) / p->depth);
    return 0;
}
