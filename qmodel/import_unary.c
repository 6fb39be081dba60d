// SPDX-License-Identifier: Apache-2.0
//
// Functions of one tensor, element by element (softmax: row by row): the order of the axes does not
// matter to them.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/import_nodes.h"

static int emit_unary(struct importer *im, int32_t code, float value, struct import_value *x,
                      struct import_value *out)
{
    struct graph_options options = {.value = value};
    int rc = import_need_activation(im, x, "input");
    if (rc < 0)
        return rc;
    import_order_copy(out, x);
    return import_emit_value(im, code, &options, 1, &x->tensor, out);
}

// x op one number; `value` is its place for the tensors on the way.
static int emit_number(struct importer *im, int32_t code, int32_t activation, float number,
                       struct import_value *value)
{
    struct graph_options options = {.activation = activation};
    int32_t inputs[2] = {value->tensor, import_floats_tensor(im, &number, 1)};
    return inputs[1] < 0 ? inputs[1] : import_emit_value(im, code, &options, 2, inputs, value);
}

int import_relu(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    (void)count;
    return emit_unary(im, OP_RELU, 0, in[0], out);
}

int import_sigmoid(struct importer *im, struct import_value **in, uint32_t count,
                   struct import_value *out)
{
    (void)count;
    return emit_unary(im, OP_LOGISTIC, 0, in[0], out);
}

int import_tanh(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    (void)count;
    return emit_unary(im, OP_TANH, 0, in[0], out);
}

int import_hard_swish(struct importer *im, struct import_value **in, uint32_t count,
                      struct import_value *out)
{
    (void)count;
    return emit_unary(im, OP_HARD_SWISH, 0, in[0], out);
}

int import_leaky_relu(struct importer *im, struct import_value **in, uint32_t count,
                      struct import_value *out)
{
    (void)count;
    return emit_unary(im, OP_LEAKY_RELU, import_attribute_float(im, "alpha", 0.01f), in[0], out);
}

int import_elu(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    (void)count;
    if (import_attribute_float(im, "alpha", 1) != 1)
        return import_fail(im, -ENOTSUP, "an alpha that is not 1");
    return emit_unary(im, OP_ELU, 0, in[0], out);
}

// max(0, min(1, alpha x + beta)) = min(6, max(0, 6 alpha x + 6 beta)) / 6
int import_hard_sigmoid(struct importer *im, struct import_value **in, uint32_t count,
                        struct import_value *out)
{
    float alpha = import_attribute_float(im, "alpha", 0.2f),
          beta = import_attribute_float(im, "beta", 0.5f);
    (void)count;
    int rc = import_need_activation(im, in[0], "input");
    if (rc < 0)
        return rc;
    bool unit = fabsf(6 * alpha - 1) < 1e-6f;
    import_order_copy(out, in[0]);
    out->tensor = in[0]->tensor;
    if (!unit)
        rc = emit_number(im, OP_MUL, ACTIVATION_NONE, 6 * alpha, out);
    if (rc == 0)
        rc = emit_number(im, OP_ADD, ACTIVATION_RELU6, 6 * beta, out);
    if (rc == 0)
        rc = emit_number(im, OP_MUL, ACTIVATION_NONE, 1.0f / 6, out);
    if (unit && beta == 0.5f)
        out->gate_of = in[0]->tensor;
    return rc;
}

// Bounds come as attributes (before operator set 11) or as inputs.
static int clip_bounds(struct importer *im, struct import_value **in, uint32_t count, float *low,
                       float *high)
{
    *low = import_attribute_float(im, "min", -INFINITY);
    *high = import_attribute_float(im, "max", INFINITY);
    int rc = count > 1 && in[1] ? import_float(im, in[1], low) : 0;
    if (rc == 0 && count > 2 && in[2])
        rc = import_float(im, in[2], high);
    if (rc == 0 && !(*low <= *high))
        rc = import_fail(im, -EINVAL, "bounds %g and %g", (double)*low, (double)*high);
    // What exporters write for "none".
    *low = *low < -1e38f ? -INFINITY : *low;
    *high = *high > 1e38f ? INFINITY : *high;
    return rc;
}

int import_clip(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    float low, high;
    int rc = clip_bounds(im, in, count, &low, &high);
    if (rc == 0)
        rc = import_need_activation(im, in[0], "input");
    if (rc < 0)
        return rc;
    if (low == 0 && (high == INFINITY || high == 6))
        return emit_unary(im, high == 6 ? OP_RELU6 : OP_RELU, 0, in[0], out);
    if (low == -1 && high == 1)
        return emit_unary(im, OP_RELU_N1_TO_1, 0, in[0], out);
    import_order_copy(out, in[0]);
    out->tensor = in[0]->tensor;
    out->type = in[0]->type;
    if (low == 0)
        rc = import_emit_value(im, OP_RELU, NULL, 1, &in[0]->tensor, out);
    else if (low != -INFINITY)
        rc = emit_number(im, OP_MAXIMUM, 0, low, out);
    return rc == 0 && high != INFINITY ? emit_number(im, OP_MINIMUM, 0, high, out) : rc;
}

// TFLite's softmax runs over the last axis. Before operator set 13 ONNX runs over all axes from the
// given one on.
int import_softmax(struct importer *im, struct import_value **in, uint32_t count,
                   struct import_value *out)
{
    struct import_value *x = in[0];
    (void)count;
    int rc = import_need_activation(im, x, "input");
    if (rc < 0)
        return rc;
    int axis = import_axis(im, import_attribute_int(im, "axis", im->opset < 13 ? 1 : -1), x->rank);
    if (axis < 0)
        return axis;
    for (int32_t i = axis + 1; i < x->rank && im->opset < 13; i++)
        if (x->dims[i] != 1)
            return import_fail(im, -ENOTSUP, "over several axes (operator set %lld)",
                               (long long)im->opset);
    int32_t perm[TENSOR_RANK_MAX], at = 0;
    for (int32_t i = 0; i < x->rank; i++)
        if (x->perm[i] != axis)
            perm[at++] = x->perm[i];
    perm[at] = axis;
    int32_t tensor = import_arrange(im, x, x->shuffled[0] ? import_plain : perm);
    return tensor < 0 ? tensor : emit_unary(im, OP_SOFTMAX, 1, x, out);
}
