// SPDX-License-Identifier: Apache-2.0
//
// Functions of one value: RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1, LOGISTIC, TANH, ELU, HARD_SWISH
// and LEAKY_RELU. int8: a table, each entry computed as LiteRT computes that operator. float:
// directly.

#include <errno.h>
#include <math.h>

#include "kernels/fixedpoint.h"
#include "engine/ops/lookup.h"
#include "engine/ops/ops.h"
#include "engine/ops/wide_ops.h"

// ---- real functions ----------------------------------------------------------------------------

static float logistic(float x)
{
    if (x > 80) // e / (1 + e) is 1 from 17 on; from 89 on e is infinite
        return 1;
    if (x < -100)
        return 0;
    float e = expf(x);
    return e / (1.0f + e);
}

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static float real_function(int32_t code, float alpha, float x)
{
    switch (code) {
    case OP_RELU: return clamp(x, 0, INFINITY);
    case OP_RELU6: return clamp(x, 0, 6);
    case OP_RELU_N1_TO_1: return clamp(x, -1, 1);
    case OP_RELU_0_TO_1: return clamp(x, 0, 1);
    case OP_LOGISTIC: return logistic(x);
    case OP_TANH: return tanhf(x);
    case OP_ELU: return x < 0 ? expm1f(x) : x;
    case OP_HARD_SWISH: return x * clamp(x + 3, 0, 6) / 6;
    default: return x < 0 ? x * alpha : x; // LEAKY_RELU
    }
}

// ---- int8 --------------------------------------------------------------------------------------

struct steps {
    float x_scale, y_scale;
    int32_t x_zero, y_zero; // as the file counts: legacy uint8 has 128 more
    int32_t low, high;      // limits of the type, in the same counting
};

// LOGISTIC, TANH, ELU: XNNPACK's lookup table.
static int32_t entry_real(int32_t code, const struct steps *s, int32_t q)
{
    float x = ((float)q - (float)s->x_zero) * s->x_scale;
    float y = real_function(code, 0, x) * (1.0f / s->y_scale) + (float)s->y_zero;
    return (int32_t)lrintf(clamp(y, (float)s->low, (float)s->high));
}

static int32_t relu_bound(const struct steps *s, float real, int32_t unbounded)
{
    if (isinf(real))
        return unbounded;
    float step = roundf(real / s->y_scale);
    return fixed_clamp((int32_t)clamp(step, -100000, 100000) + s->y_zero, s->low, s->high);
}

// The RELU family: TFLite's fixed-point rescale, then the clamp.
static int32_t entry_relu(int32_t code, const struct steps *s, int32_t q)
{
    float low = code == OP_RELU_N1_TO_1 ? -1 : 0;
    float high = code == OP_RELU ? INFINITY : code == OP_RELU6 ? 6 : 1;
    struct fixed_multiplier m = fixed_multiplier_from((double)(s->x_scale / s->y_scale));
    int64_t y = (int64_t)fixed_scale(q - s->x_zero, m) + s->y_zero;
    int32_t from = relu_bound(s, low, s->low), to = relu_bound(s, high, s->high);
    return (int32_t)(y < from ? from : y > to ? to : y);
}

// LEAKY_RELU: XNNPACK's 8.8 multipliers; TFLite's fixed point where those do not reach.
static int32_t entry_leaky(float alpha, const struct steps *s, int32_t q)
{
    float positive = s->x_scale / s->y_scale, negative = positive * alpha;
    int32_t v = q - s->x_zero;
    bool coarse = positive >= 0x1p-8f && positive <= 0x1p7f && fabsf(negative) >= 0x1p-8f &&
                  fabsf(negative) < 128;
    if (coarse) {
        int32_t m = (int32_t)lrintf(256.0f * (v >= 0 ? positive : negative));
        return (s->y_zero * 256 + 0x80 + v * m) >> 8;
    }
    struct fixed_multiplier m = fixed_multiplier_from((double)(v >= 0 ? positive : negative));
    int64_t y = (int64_t)fixed_scale(v, m) + s->y_zero;
    return (int32_t)(y < s->low ? s->low : y > s->high ? s->high : y);
}

static int16_t saturate_16(int32_t x)
{
    return (int16_t)fixed_clamp(x, INT16_MIN, INT16_MAX);
}

static int16_t multiplier_16(struct fixed_multiplier m)
{
    return m.multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX
                                                 : (int16_t)((m.multiplier + (1 << 15)) >> 16);
}

// HARD_SWISH: TFLite's reference/hard_swish.h, 16-bit fixed point.
static int32_t entry_hard_swish(const struct steps *s, int32_t q)
{
    float hires = s->x_scale * (1.0f / 128.0f);
    struct fixed_multiplier out = fixed_multiplier_from((double)(hires / s->y_scale));
    struct fixed_multiplier relu = fixed_multiplier_from((double)(hires / (3.0f / 32768.0f)));
    int16_t v = (int16_t)((q - s->x_zero) * 128);
    int16_t scaled = fixed_high_multiply_16(v, multiplier_16(out));
    int16_t r = v;
    if (relu.shift > 0)
        r = saturate_16((int32_t)fixed_clamp((int32_t)r, INT16_MIN, INT16_MAX) *
                        (relu.shift > 16 ? 1 << 15 : 1 << (relu.shift - 1)));
    r = fixed_high_multiply_16(r, multiplier_16(relu));
    if (relu.shift > 0)
        r = saturate_16((int32_t)r * 2);
    if (relu.shift < 0)
        r = (int16_t)fixed_divide_by_power(r, -relu.shift);
    r = (int16_t)((r + (1 << 15)) >> 1);
    int16_t product = (int16_t)((int32_t)r * scaled / (1 << 15));
    int32_t left = out.shift > 0 ? out.shift : 0; // the factor is below 1 in real models
    int64_t y =
        left ? (int64_t)product * (INT64_C(1) << left) : fixed_divide_by_power(product, -out.shift);
    y += s->y_zero;
    return (int32_t)(y < s->low ? s->low : y > s->high ? s->high : y);
}

static int32_t entry(const struct build *b, const struct steps *s, int32_t q)
{
    switch (b->op->code) {
    case OP_LOGISTIC:
    case OP_TANH:
    case OP_ELU: return entry_real(b->op->code, s, q);
    case OP_HARD_SWISH: return entry_hard_swish(s, q);
    case OP_LEAKY_RELU: return entry_leaky(b->op->options.value, s, q);
    }
    return entry_relu(b->op->code, s, q);
}

static int build_int8(struct build *b, const struct graph_tensor *in,
                      const struct graph_tensor *out)
{
    int rc = build_need_int8(b, in);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc == 0 && in->flip != out->flip)
        rc = build_fail(b, -ENOTSUP, "input and output are not of the same type");
    if (rc < 0)
        return rc;
    int32_t offset = out->flip ? 128 : 0;
    struct steps s = {build_scale(in, 0),       build_scale(out, 0), in->zero_point + offset,
                      out->zero_point + offset, -128 + offset,       127 + offset};
    uint8_t table[256];
    for (int32_t q = -128; q < 128; q++)
        table[(uint8_t)q] =
            (uint8_t)(int8_t)(fixed_clamp(entry(b, &s, q + offset), s.low, s.high) - offset);
    return lookup_add(b, table);
}

// ---- float -------------------------------------------------------------------------------------

#define UNARY_CHUNK 4096

struct unary_params {
    int32_t code;
    float alpha;
    size_t elements;
};

static void run_float(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                      int32_t last)
{
    const struct unary_params *p = params;
    const float *in = io->in[0];
    float *out = io->out[0];
    size_t to = (size_t)last * UNARY_CHUNK < p->elements ? (size_t)last * UNARY_CHUNK : p->elements;
    (void)scratch;
    for (size_t i = (size_t)first * UNARY_CHUNK; i < to; i++)
        out[i] = real_function(p->code, p->alpha, in[i]);
}

static int build_float(struct build *b)
{
    struct unary_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->code = b->op->code;
    p->alpha = b->op->options.value;
    p->elements = (size_t)graph_elements(build_output(b, 0));
    struct layer *layer = build_layer(b, run_float, "unary_float_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = (int32_t)((p->elements + UNARY_CHUNK - 1) / UNARY_CHUNK);
    return 0;
}

int op_unary(struct build *b)
{
    int rc = build_count(b, 1, 1, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    rc = build_shape_like(b, 0, in);
    if (rc < 0)
        return rc;
    if (in->type == TENSOR_FLOAT32 && out->type == TENSOR_FLOAT32)
        return build_float(b);
    if (in->type == TENSOR_INT16)
        return wide_unary(b);
    return build_int8(b, in, out);
}
