// SPDX-License-Identifier: Apache-2.0
//
// Functions of one int16 value: RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1, LEAKY_RELU, LOGISTIC, TANH.
// As TFLite's reference kernels have them (integer_ops/logistic.h and tanh.h, leaky_relu.h).

#include <errno.h>
#include <math.h>

#include "kernels/fixedpoint.h"
#include "engine/ops/wide_ops.h"

#define UNARY_CHUNK 4096
#define SIGMOID_POINTS 256

struct wide_unary_params {
    int32_t code;
    size_t elements;
    struct fixed_multiplier positive, negative; // RELU*, LEAKY_RELU; negative: of the factor's size
    bool negate;                                // LEAKY_RELU: the factor is below 0
    int32_t low, high;
    int32_t multiplier, shift;        // LOGISTIC, TANH: to steps of 1 / (3 * 4096)
    uint16_t sigmoid[SIGMOID_POINTS]; // of i / 24, in steps of 2^-16
};

// ---- running -----------------------------------------------------------------------------------

static int16_t rectified(const struct wide_unary_params *p, int32_t x)
{
    int32_t y = fixed_scale(x, x < 0 ? p->negative : p->positive);
    y = x < 0 && p->negate ? -y : y;
    return (int16_t)fixed_clamp(y, p->low, p->high);
}

// x to steps of the table, halves up.
static int64_t table_steps(const struct wide_unary_params *p, int32_t x)
{
    int64_t half = p->shift > 0 ? INT64_C(1) << (p->shift - 1) : 0;
    return ((int64_t)x * p->multiplier + half) >> p->shift;
}

// The table's value at `steps` (not negative) with `bits` bits of fraction, straight lines between
// points.
static int32_t interpolate(const struct wide_unary_params *p, int64_t steps, int32_t bits,
                           int32_t most)
{
    int64_t index = steps >> bits;
    if (index >= SIGMOID_POINTS - 1)
        return most;
    int32_t from = p->sigmoid[index], to = p->sigmoid[index + 1];
    return from * (1 << bits) + (int32_t)(steps & ((1 << bits) - 1)) * (to - from);
}

static int16_t logistic(const struct wide_unary_params *p, int32_t x)
{
    int64_t steps = table_steps(p, x);
    int32_t y = interpolate(p, steps < 0 ? -steps : steps, 9, 0x7FFF << 10);
    y = steps >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1;
    return (int16_t)(y >> 10);
}

static int16_t tangent(const struct wide_unary_params *p, int32_t x)
{
    int64_t steps = table_steps(p, x);
    int32_t y = interpolate(p, steps < 0 ? -steps : steps, 8, 0xFFFF << 8);
    y = steps >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1;
    return (int16_t)(y >> 8);
}

static void run_unary(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                      int32_t last)
{
    const struct wide_unary_params *p = params;
    const int16_t *in = io->in[0];
    int16_t *out = io->out[0];
    size_t to = (size_t)last * UNARY_CHUNK < p->elements ? (size_t)last * UNARY_CHUNK : p->elements;
    (void)scratch;
    for (size_t i = (size_t)first * UNARY_CHUNK; i < to; i++)
        out[i] = p->code == OP_LOGISTIC ? logistic(p, in[i])
                 : p->code == OP_TANH   ? tangent(p, in[i])
                                        : rectified(p, in[i]);
}

// ---- build -------------------------------------------------------------------------------------

// Each point lies a sixteenth of the curve's bend above it, where straight lines between points err
// least; rounded, that is TFLite's table. Its last point stands for 1.
static void make_sigmoid(uint16_t table[SIGMOID_POINTS])
{
    for (int i = 0; i < SIGMOID_POINTS; i++) {
        double before = 65536 / (1 + exp((1 - i) / 24.0)), here = 65536 / (1 + exp(-i / 24.0));
        double after = 65536 / (1 + exp((-1 - i) / 24.0));
        table[i] = (uint16_t)floor(here + (2 * here - before - after) / 16 + 0.5);
    }
    table[SIGMOID_POINTS - 1] = 65535;
}

static int prepare_sigmoid(struct build *b, struct wide_unary_params *p)
{
    float scale = build_scale(build_input(b, 0), 0), out = build_scale(build_output(b, 0), 0);
    if (out != 0x1p-15f)
        return build_fail(b, -EINVAL, "the output's scale is %g, expected 1/32768", (double)out);
    double multiplier = (double)scale * 4096 * 3;
    if (!(multiplier < 0x1p30))
        return build_fail(b, -ENOTSUP, "the input's scale is %g", (double)scale);
    for (; multiplier <= 32767.0 / 2 && p->shift <= 30; p->shift++)
        multiplier *= 2;
    p->multiplier = (int32_t)multiplier;
    make_sigmoid(p->sigmoid);
    return 0;
}

static int32_t bound(float real, float scale)
{
    float step = roundf(real / scale);
    return step < -32768 ? -32768 : step > 32767 ? 32767 : (int32_t)step;
}

static void prepare_rectifier(struct build *b, struct wide_unary_params *p)
{
    float in = build_scale(build_input(b, 0), 0), out = build_scale(build_output(b, 0), 0);
    float alpha = b->op->options.value;
    p->positive = p->negative = fixed_multiplier_from((double)(in / out));
    p->low = -32768, p->high = 32767;
    if (p->code == OP_LEAKY_RELU) {
        p->negative = fixed_multiplier_from((double)fabsf(in * alpha / out));
        p->negate = alpha < 0;
        return;
    }
    p->low = bound(p->code == OP_RELU_N1_TO_1 ? -1 : 0, out);
    if (p->code != OP_RELU)
        p->high = bound(p->code == OP_RELU6 ? 6 : 1, out);
}

int wide_unary(struct build *b)
{
    int rc = wide_need_int16(b, build_input(b, 0));
    if (rc == 0)
        rc = wide_need_int16(b, build_output(b, 0));
    if (rc == 0 && (b->op->code == OP_ELU || b->op->code == OP_HARD_SWISH))
        rc = build_fail(b, -ENOTSUP, "this operator has no 16x8 form");
    struct wide_unary_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    p->code = b->op->code;
    p->elements = (size_t)graph_elements(build_output(b, 0));
    if (p->code == OP_LOGISTIC || p->code == OP_TANH)
        rc = prepare_sigmoid(b, p);
    else
        prepare_rectifier(b, p);
    struct layer *layer = rc < 0 ? NULL : build_layer(b, run_unary, "unary_int16_c", p, 1);
    if (!layer)
        return rc < 0 ? rc : -ENOMEM;
    layer->units = (int32_t)((p->elements + UNARY_CHUNK - 1) / UNARY_CHUNK);
    return 0;
}
