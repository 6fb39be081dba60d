// SPDX-License-Identifier: Apache-2.0
//
// The step of import_integer that makes float operators integer ones.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/integer_pass.h"
#include "qmodel/weights.h"

// The int8 tensor behind a float one: what was dequantized, or a constant that came as integers.
static int32_t steps_of(struct integer_pass *p, int32_t tensor)
{
    const struct draft_operator *from = integer_pass_maker(p, tensor, OP_DEQUANTIZE);
    if (from)
        return from->inputs[0];
    const struct import_origin *o = &p->im->origins[tensor];
    struct draft_tensor t = p->d->tensors[tensor];
    if (t.type != TENSOR_FLOAT32 || !t.data || !o->data || o->type != TENSOR_INT8 ||
        o->scale_count != 1)
        return IMPORT_NONE;
    t.type = TENSOR_INT8;
    t.data = o->data;
    t.data_bytes = (size_t)draft_elements(&t);
    t.scales = o->scales;
    t.scale_count = 1;
    t.zero_point = o->zero_point;
    return import_tensor(p->im, &t, NULL);
}

static void finish(struct integer_pass *p, struct draft_operator *op, struct draft_operator *to)
{
    op->outputs[0] = to->outputs[0];
    to->output_count = 0;
    p->links.producer[op->outputs[0]] = (int32_t)(op - p->d->operators);
}

// b in steps of xs * ws[c]; integers that were given in these steps stay what they are.
static int32_t bias_steps(struct integer_pass *p, int32_t bias, int32_t x,
                          const struct import_origin *w, int32_t channels)
{
    struct draft_tensor t = p->d->tensors[bias];
    const struct import_origin *o = &p->im->origins[bias];
    float *scales = import_take(p->im, w->scale_count, sizeof(*scales));
    int32_t *values = scales ? import_take(p->im, (size_t)channels, sizeof(*values)) : NULL;
    if (!values)
        return -ENOMEM;
    for (uint32_t i = 0; i < w->scale_count; i++)
        scales[i] = p->d->tensors[x].scales[0] * w->scales[i];
    for (int32_t i = 0; i < channels; i++) {
        uint32_t at = w->scale_count == 1 ? 0 : (uint32_t)i;
        double given = o->data ? o->scales[o->scale_count == 1 ? 0 : i] : 0, wanted = scales[at];
        double q = nearbyint((double)((const float *)t.data)[i] / wanted);
        if (o->data && o->type == TENSOR_INT32 && fabs(given - wanted) <= 1e-5 * wanted)
            q = (double)((const int32_t *)o->data)[i] - o->zero_point;
        if (!(fabs(q) <= INT32_MAX))
            return import_fail(p->im, -ENOTSUP,
                               "the bias of channel %d of '%s' does not fit 32 bits", i, t.name);
        values[i] = (int32_t)q;
    }
    t.type = TENSOR_INT32;
    t.data = values;
    t.data_bytes = (size_t)channels * 4;
    t.scales = scales;
    t.scale_count = w->scale_count;
    t.zero_point = t.axis = 0;
    return import_tensor(p->im, &t, NULL);
}

static int32_t weights_steps(struct integer_pass *p, int32_t tensor, const struct import_origin *w)
{
    struct draft_tensor t = p->d->tensors[tensor];
    t.type = TENSOR_INT8;
    t.data = w->data;
    t.data_bytes = (size_t)draft_elements(&t);
    t.scales = w->scales;
    t.scale_count = w->scale_count;
    t.zero_point = w->zero_point;
    t.axis = w->axis;
    return import_tensor(p->im, &t, NULL);
}

static int set_weighted(struct integer_pass *p, struct draft_operator *op,
                        struct draft_operator *to)
{
    struct import_origin w = p->im->origins[op->inputs[1]];
    const struct draft_tensor *weights = &p->d->tensors[op->inputs[1]];
    int32_t axis = weights_axis(op), channels = weights->dims[axis];
    int32_t x = steps_of(p, op->inputs[0]);
    if (x < 0 || !w.data || w.type != TENSOR_INT8 ||
        (w.scale_count > 1 && (w.axis != axis || w.zero_point != 0)))
        return x < IMPORT_NONE ? x : 0;
    int32_t made = weights_steps(p, op->inputs[1], &w);
    int32_t bias = made < 0 || op->inputs[2] == GRAPH_ABSENT
                       ? GRAPH_ABSENT
                       : bias_steps(p, op->inputs[2], x, &w, channels);
    if (made < 0 || bias < GRAPH_ABSENT)
        return made < 0 ? made : bias;
    op->inputs[0] = x;
    op->inputs[1] = made;
    op->inputs[2] = bias;
    finish(p, op, to);
    return 0;
}

// Inputs of any scale: 1, 2 … tensors become their integers.
static int set_free(struct integer_pass *p, struct draft_operator *op, struct draft_operator *to,
                    uint32_t inputs)
{
    int32_t made[2];
    for (uint32_t i = 0; i < inputs; i++) {
        made[i] = steps_of(p, op->inputs[i]);
        if (made[i] < 0)
            return made[i] == IMPORT_NONE ? 0 : made[i];
    }
    memcpy(op->inputs, made, inputs * sizeof(made[0]));
    finish(p, op, to);
    return 0;
}

// Input and output in the same steps: where they differ it works in the input's, and a QUANTIZE
// follows.
static int set_same(struct integer_pass *p, struct draft_operator *op, struct draft_operator *to)
{
    int32_t x = steps_of(p, op->inputs[0]);
    if (x < 0)
        return x == IMPORT_NONE ? 0 : x;
    op->inputs[0] = x;
    if (integer_pass_same_steps(&p->d->tensors[x], &p->d->tensors[to->outputs[0]])) {
        finish(p, op, to);
        return 0;
    }
    int32_t made = integer_pass_int8_like(p, op->outputs[0], x);
    if (made < 0)
        return made;
    op->outputs[0] = made;
    to->inputs[0] = made;
    return 0;
}

// TFLite fixes the output's steps of these.
static int set_fixed(struct integer_pass *p, struct draft_operator *op, struct draft_operator *to)
{
    const struct draft_tensor *y = &p->d->tensors[to->outputs[0]];
    bool fits = op->code == OP_TANH ? y->scales[0] == 1.0f / 128 && y->zero_point == 0
                                    : y->scales[0] == 1.0f / 256 && y->zero_point == -128;
    return fits ? set_free(p, op, to, 1) : 0;
}

// All in the output's steps; inputs in other ones get a QUANTIZE.
static int set_joined(struct integer_pass *p, uint32_t index, struct draft_operator *to)
{
    struct draft_operator *op = &p->d->operators[index];
    int32_t y = to->outputs[0];
    uint32_t quantizer = (uint32_t)(to - p->d->operators);
    for (uint32_t i = 0; i < op->input_count; i++)
        if (!integer_pass_maker(p, op->inputs[i], OP_DEQUANTIZE))
            return 0;
    for (uint32_t i = 0; i < op->input_count; i++) {
        int32_t x = integer_pass_maker(p, op->inputs[i], OP_DEQUANTIZE)->inputs[0];
        if (!integer_pass_same_steps(&p->d->tensors[x], &p->d->tensors[y])) {
            int32_t made = integer_pass_int8_like(p, x, y);
            int rc = made < 0 ? made : import_emit(p->im, OP_QUANTIZE, NULL, 1, &x, 1, &made);
            if (rc < 0)
                return rc;
            op = &p->d->operators[index];
            x = made;
        }
        op->inputs[i] = x;
    }
    finish(p, op, &p->d->operators[quantizer]);
    return 0;
}

int integer_pass_set_operator(struct integer_pass *p, uint32_t index)
{
    struct draft_operator *op = &p->d->operators[index];
    struct draft_operator *to = op->output_count == 1
                                    ? integer_pass_only_quantize(p, op->outputs[0])
                                    : NULL;
    if (!to || p->d->tensors[op->outputs[0]].type != TENSOR_FLOAT32)
        return 0;
    switch (op->code) {
    case OP_CONV_2D:
    case OP_DEPTHWISE_CONV_2D:
    case OP_FULLY_CONNECTED: return set_weighted(p, op, to);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_PRELU: return set_free(p, op, to, 2);
    case OP_MEAN:
    case OP_RELU:
    case OP_RELU6:
    case OP_RELU_N1_TO_1:
    case OP_ELU:
    case OP_LEAKY_RELU:
    case OP_HARD_SWISH: return set_free(p, op, to, 1);
    case OP_SOFTMAX:
    case OP_LOGISTIC:
    case OP_TANH: return set_fixed(p, op, to);
    case OP_AVERAGE_POOL_2D:
    case OP_MAX_POOL_2D:
    case OP_RESIZE_BILINEAR: return set_same(p, op, to);
    case OP_CONCATENATION: return set_joined(p, index, to);
    default: return 0;
    }
}
