// SPDX-License-Identifier: Apache-2.0
//
// QUANTIZE and DEQUANTIZE. Between a model's edge and its first or last layer they become part of
// the edge (edge.h); elsewhere they are layers.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/ops/lookup.h"
#include "engine/ops/ops.h"
#include "engine/ops/wide_ops.h"
#include "kernels/fixedpoint.h"

#define QUANTIZE_CHUNK 8192

// ---- layers ------------------------------------------------------------------------------------

// A layer that treats every value alike; a unit is a chunk of them.
struct quantize_params {
    void (*values)(const struct quantize_params *p, const void *from, void *to, size_t n);
    size_t elements, size_from, size_to; // bytes of a value
    struct edge edge;                    // int8 and float
    float scale, inverse;                // int16 and float
    struct fixed_multiplier ratio;       // between integers
    int32_t in_zero, out_zero;
};

static void run_values(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last)
{
    const struct quantize_params *p = params;
    size_t from = (size_t)first * QUANTIZE_CHUNK, to = (size_t)last * QUANTIZE_CHUNK;
    (void)scratch;
    if (to > p->elements)
        to = p->elements;
    p->values(p, (const char *)io->in[0] + from * p->size_from,
              (char *)io->out[0] + from * p->size_to, to - from);
}

static int add_values(struct build *b, struct quantize_params p, const char *kernel)
{
    struct quantize_params *kept = build_params(b, sizeof(*kept));
    if (!kept)
        return -ENOMEM;
    *kept = p;
    kept->elements = (size_t)graph_elements(build_input(b, 0));
    struct layer *layer = build_layer(b, run_values, kernel, kept, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = (int32_t)((kept->elements + QUANTIZE_CHUNK - 1) / QUANTIZE_CHUNK);
    return 0;
}

static void convert_edge(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    struct edge edge = {.kind = p->edge.kind,
                        .scale = p->edge.scale,
                        .zero_point = p->edge.zero_point,
                        .elements = n};
    edge_convert(&edge, from, to);
}

static int add_layer(struct build *b, enum edge_kind kind, const struct graph_tensor *steps)
{
    bool quantize = kind == EDGE_QUANTIZE;
    struct quantize_params p = {
        .values = convert_edge, .size_from = quantize ? 4 : 1, .size_to = quantize ? 1 : 4};
    p.edge.kind = kind;
    p.edge.scale = build_scale(steps, 0);
    p.edge.zero_point = steps->zero_point;
    return add_values(b, p, quantize ? "quantize_c" : "dequantize_c");
}

// ---- int16 on one side -------------------------------------------------------------------------
//
// From float as XNNPACK does it, halves to even; between integers TFLite's fixed point.

static void float_to_wide(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    const float *in = from;
    int16_t *out = to;
    for (size_t i = 0; i < n; i++) {
        float step = in[i] * p->inverse;
        step = step > -32768 ? step : -32768; // not a number: the lowest
        out[i] = (int16_t)lrintf(step < 32767 ? step : 32767);
    }
}

static void wide_to_float(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    const int16_t *in = from;
    float *out = to;
    for (size_t i = 0; i < n; i++)
        out[i] = (float)in[i] * p->scale;
}

static int64_t rescale(const struct quantize_params *p, int32_t value)
{
    return (int64_t)fixed_scale(value - p->in_zero, p->ratio) + p->out_zero;
}

static void wide_to_wide(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    const int16_t *in = from;
    int16_t *out = to;
    for (size_t i = 0; i < n; i++) {
        int64_t y = rescale(p, in[i]);
        out[i] = (int16_t)(y < -32768 ? -32768 : y > 32767 ? 32767 : y);
    }
}

static void bytes_to_wide(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    const int8_t *in = from;
    int16_t *out = to;
    for (size_t i = 0; i < n; i++) {
        int64_t y = rescale(p, in[i]);
        out[i] = (int16_t)(y < -32768 ? -32768 : y > 32767 ? 32767 : y);
    }
}

static void wide_to_bytes(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    const int16_t *in = from;
    int8_t *out = to;
    for (size_t i = 0; i < n; i++) {
        int64_t y = rescale(p, in[i]);
        out[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
    }
}

static size_t value_size(const struct graph_tensor *t)
{
    return t->type == TENSOR_FLOAT32 ? 4 : t->type == TENSOR_INT16 ? 2 : 1;
}

// `steps`: the int16 side that there must be.
static int add_wide_layer(struct build *b, const struct graph_tensor *steps, const char *kernel)
{
    const struct graph_tensor *in = build_input(b, 0), *out = build_output(b, 0);
    bool real_in = in->type == TENSOR_FLOAT32, real_out = out->type == TENSOR_FLOAT32;
    int rc = wide_need_int16(b, steps);
    if (rc < 0)
        return rc;
    struct quantize_params p = {
        .size_from = value_size(in), .size_to = value_size(out), .scale = build_scale(steps, 0)};
    p.inverse = 1.0f / p.scale;
    p.in_zero = in->zero_point;
    p.out_zero = out->zero_point;
    if (!real_in && !real_out)
        p.ratio = fixed_multiplier_from((double)build_scale(in, 0) / (double)build_scale(out, 0));
    p.values = real_in            ? float_to_wide
               : real_out         ? wide_to_float
               : p.size_from == 1 ? bytes_to_wide
               : p.size_to == 1   ? wide_to_bytes
                                  : wide_to_wide;
    return add_values(b, p, kernel);
}

// ---- constants ---------------------------------------------------------------------------------

// float16 (weights of float16 models) becomes float32; such a layer is always folded.
static void half_to_float(const struct quantize_params *p, const void *from, void *to, size_t n)
{
    const uint16_t *in = from;
    float *out = to;
    (void)p;
    for (size_t i = 0; i < n; i++) {
        uint32_t sign = (uint32_t)(in[i] & 0x8000) << 16, bits = in[i] & 0x7fff;
        if (bits >= 0x7c00)
            bits = 0x7f800000 | (bits & 0x3ff) << 13;
        else if (bits >= 0x400)
            bits = (bits << 13) + ((127 - 15) << 23);
        if (bits >= 0x400) {
            bits |= sign;
            memcpy(&out[i], &bits, sizeof(bits));
        } else {
            out[i] = ldexpf(sign ? -(float)bits : (float)bits, -24);
        }
    }
}

// float32 weights stored as int8 per channel or per tensor: de-quantized once, at load.
struct spread_params {
    const float *scales;
    const int32_t *zeros;
    size_t outer, channels, inner;
};

static void run_spread(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last)
{
    const struct spread_params *p = params;
    const int8_t *in = io->in[0];
    float *out = io->out[0];
    (void)scratch;
    (void)first;
    (void)last;
    for (size_t o = 0; o < p->outer; o++)
        for (size_t c = 0; c < p->channels; c++)
            for (size_t i = 0; i < p->inner; i++)
                *out++ = (float)(*in++ - p->zeros[c]) * p->scales[c];
}

static int dequantize_constant(struct build *b, const struct graph_tensor *in)
{
    struct spread_params *p = build_params(b, sizeof(*p));
    uint32_t count = in->scales.count;
    float *scales = p ? store_take_array(b->keep, count, sizeof(float)) : NULL;
    int32_t *zeros = scales ? store_take_array(b->keep, count, sizeof(*zeros)) : NULL;
    if (!zeros)
        return build_fail(b, -ENOMEM, "no memory for scales");
    int axis = count > 1 ? build_axis(b, in->channel_axis, in->rank) : 0;
    if (axis < 0)
        return axis;
    if (count == 0 || (count > 1 && (uint32_t)in->dims[axis] != count))
        return build_fail(b, -EINVAL, "tensor '%s' has %u scales", in->name, count);
    for (uint32_t c = 0; c < count; c++) {
        int64_t zero =
            in->zeros.count > 1 ? flat_list_i64(&in->zeros, c) - (in->flip ? 128 : 0) : in->zero_point;
        if (zero < -128 || zero > 127)
            return build_fail(b, -EINVAL, "tensor '%s': zero point %lld", in->name,
                              (long long)zero);
        scales[c] = build_scale(in, (int32_t)c);
        zeros[c] = (int32_t)zero;
    }
    *p = (struct spread_params){scales, zeros, 1, count, (size_t)graph_elements(in)};
    if (count > 1) {
        p->outer = (size_t)build_product(in, 0, axis);
        p->inner = (size_t)build_product(in, axis + 1, in->rank);
    }
    return build_layer(b, run_spread, "dequantize_c", p, 1) ? 0 : -ENOMEM;
}

// ---- edges -------------------------------------------------------------------------------------

// The graph input whose only reader is this operator and that is not yet converted, or NULL.
static struct edge *input_edge(struct build *b)
{
    if (b->graph->tensors[b->op->inputs[0]].uses != 1)
        return NULL;
    for (uint32_t i = 0; i < b->graph->input_count; i++)
        if (b->graph->inputs[i] == b->op->inputs[0] && b->inputs[i].tensor == b->op->inputs[0])
            return &b->inputs[i];
    return NULL;
}

// The graph output that this operator makes for nobody else, or NULL.
static struct edge *output_edge(struct build *b)
{
    if (build_output(b, 0)->uses != 1)
        return NULL;
    for (uint32_t i = 0; i < b->graph->output_count; i++)
        if (b->graph->outputs[i] == b->op->outputs[0])
            return &b->outputs[i];
    return NULL;
}

// Float on one side: the edge converts with the scale of the int8 side. The file's type of that
// side does not matter to an edge next to float, so `flip` stays off.
static void set_float_edge(struct edge *edge, enum edge_kind kind, const struct graph_tensor *steps,
                           int32_t tensor)
{
    edge->kind = kind;
    edge->tensor = tensor;
    edge->scale = build_scale(steps, 0);
    edge->zero_point = steps->zero_point;
}

// Both sides are bytes: what the file calls uint8 is flipped on its own side of the table.
static void set_table_edge(struct edge *edge, const uint8_t table[256], bool flip_from,
                           bool flip_to, int32_t tensor)
{
    edge->kind = EDGE_TABLE;
    edge->tensor = tensor;
    for (uint32_t i = 0; i < 256; i++)
        edge->table[i] = table[i ^ (flip_from ? 0x80 : 0)] ^ (flip_to ? 0x80 : 0);
}

// ---- build -------------------------------------------------------------------------------------

static int requantize(struct build *b, const struct graph_tensor *in,
                      const struct graph_tensor *out)
{
    int rc = build_need_int8(b, in);
    if (rc < 0)
        return rc;
    uint8_t table[256];
    lookup_requantize(in, out, table);
    bool same = true;
    for (uint32_t i = 0; i < 256; i++)
        same = same && table[i] == i;
    bool other_bytes = in->data && in->flip != out->flip;
    if (same && !other_bytes)
        return build_alias(b);
    struct edge *edge = input_edge(b);
    if (edge) {
        set_table_edge(edge, table, in->flip, false, b->op->outputs[0]);
        return 0;
    }
    edge = output_edge(b);
    if (edge) {
        set_table_edge(edge, table, false, out->flip, b->op->inputs[0]);
        return 0;
    }
    return lookup_add(b, table);
}

// One side, or both, is int16.
static int quantize_wide(struct build *b, const struct graph_tensor *in,
                         const struct graph_tensor *out)
{
    if (in->type == TENSOR_FLOAT32)
        return add_wide_layer(b, out, "quantize_int16_c");
    bool wide_in = in->type == TENSOR_INT16, wide_out = out->type == TENSOR_INT16;
    int rc = wide_in ? wide_need_int16(b, in) : build_need_int8(b, in);
    if (rc == 0)
        rc = wide_out ? wide_need_int16(b, out) : build_need_int8(b, out);
    if (rc == 0 && (in->flip || out->flip))
        rc = build_fail(b, -ENOTSUP, "between uint8 and int16");
    if (rc < 0)
        return rc;
    return add_wide_layer(b, wide_in ? in : out, "requantize_int16_c");
}

int op_quantize(struct build *b)
{
    int rc = build_count(b, 1, 1, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    rc = build_shape_like(b, 0, in);
    if (rc == 0 && (in->type == TENSOR_INT16 || out->type == TENSOR_INT16))
        return quantize_wide(b, in, out);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc < 0)
        return rc;
    if (in->type != TENSOR_FLOAT32)
        return requantize(b, in, out);
    struct edge *edge = in->data ? NULL : input_edge(b);
    if (!edge)
        return add_layer(b, EDGE_QUANTIZE, out);
    set_float_edge(edge, EDGE_QUANTIZE, out, b->op->outputs[0]);
    return 0;
}

int op_dequantize(struct build *b)
{
    int rc = build_count(b, 1, 1, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    rc = build_shape_like(b, 0, in);
    if (rc == 0)
        rc = build_need_type(b, out, TENSOR_FLOAT32);
    if (rc < 0)
        return rc;
    if (in->type == TENSOR_INT16)
        return add_wide_layer(b, in, "dequantize_int16_c");
    if (in->data && in->type == TENSOR_FLOAT16)
        return add_values(
            b, (struct quantize_params){.values = half_to_float, .size_from = 2, .size_to = 4},
            "dequantize_c");
    if (in->data && in->type == TENSOR_INT8)
        return dequantize_constant(b, in);
    rc = build_need_int8(b, in);
    if (rc < 0)
        return rc;
    struct edge *edge = output_edge(b);
    if (!edge)
        return add_layer(b, EDGE_DEQUANTIZE, in);
    set_float_edge(edge, EDGE_DEQUANTIZE, in, b->op->inputs[0]);
    return 0;
}
