// SPDX-License-Identifier: Apache-2.0
#include "qmodel/fold.h"

#include <errno.h>
#include <string.h>

#include "qmodel/weights.h"

// y = factor[c] x + offset[c]; one value for all channels or one for each.
struct affine {
    double sign;         // of x
    const float *factor; // NULL = 1
    const float *offset; // NULL = 0
    double offset_sign;
    int64_t count; // of the constant's values
};

static double factor_at(const struct affine *a, int64_t channel)
{
    return a->sign * (a->factor ? (double)a->factor[a->count > 1 ? channel : 0] : 1.0);
}

static double offset_at(const struct affine *a, int64_t channel)
{
    return a->offset ? a->offset_sign * (double)a->offset[a->count > 1 ? channel : 0] : 0.0;
}

// The operator as such a function of its input `*input`; false when it is another.
static bool read_affine(const struct draft *d, const struct draft_operator *op, struct affine *a,
                        int32_t *input)
{
    if ((op->code != OP_MUL && op->code != OP_ADD && op->code != OP_SUB) ||
        d->tensors[op->outputs[0]].type != TENSOR_FLOAT32)
        return false;
    uint32_t constant = d->tensors[op->inputs[1]].data ? 1 : 0;
    const struct draft_tensor *c = &d->tensors[op->inputs[constant]],
                              *out = &d->tensors[op->outputs[0]];
    *input = op->inputs[1 - constant];
    a->count = draft_elements(c);
    int32_t channels = out->rank ? out->dims[out->rank - 1] : 1;
    bool last = c->rank == 0 || a->count == 1 ||
                (a->count == channels && c->dims[c->rank - 1] == channels);
    if (!c->data || d->tensors[*input].data || !last ||
        draft_elements(out) != draft_elements(&d->tensors[*input]))
        return false;
    a->sign = op->code == OP_SUB && constant == 0 ? -1 : 1;
    a->offset_sign = op->code == OP_SUB && constant == 1 ? -1 : 1;
    a->factor = op->code == OP_MUL ? c->data : NULL;
    a->offset = op->code == OP_MUL ? NULL : c->data;
    return true;
}

// ---- weights of one's own ---------------------------------------------------

static int own_copy(struct draft *d, int32_t *index)
{
    struct draft_tensor copy = d->tensors[*index];
    void *data = store_take(&d->store, copy.data_bytes);
    if (!data)
        return -ENOMEM;
    memcpy(data, copy.data, copy.data_bytes);
    copy.data = data;
    int32_t made = draft_add_tensor(d, &copy);
    *index = made < 0 ? *index : made;
    return made < 0 ? made : 0;
}

static int zero_bias(struct draft *d, struct draft_operator *op)
{
    const struct draft_tensor *weights = &d->tensors[op->inputs[1]];
    struct draft_tensor bias = {
        .type = TENSOR_FLOAT32, .rank = 1, .dims = {weights->dims[weights_axis(op)]}};
    bias.data_bytes = (size_t)bias.dims[0] * sizeof(float);
    bias.data = store_take(&d->store, bias.data_bytes);
    bias.name = store_take_text(&d->store, "bias");
    int32_t *inputs = store_take_array(&d->store, 3, sizeof(*inputs));
    int32_t made = bias.data && bias.name && inputs ? draft_add_tensor(d, &bias) : -ENOMEM;
    if (made < 0)
        return made;
    memcpy(inputs, op->inputs, 2 * sizeof(*inputs));
    inputs[2] = made;
    op->inputs = inputs;
    op->input_count = 3;
    return 0;
}

int fold_own_weights(struct draft *d, uint32_t layer)
{
    struct draft_operator *op = &d->operators[layer];
    int rc = own_copy(d, &op->inputs[1]);
    if (rc == 0)
        rc = op->input_count > 2 && op->inputs[2] != GRAPH_ABSENT ? own_copy(d, &op->inputs[2])
                                                                  : zero_bias(d, op);
    return rc;
}

static float *values(struct draft *d, int32_t tensor)
{
    return (float *)(uintptr_t)d->tensors[tensor].data; // fold_own_weights made them ours
}

static bool is_float_layer(const struct draft *d, const struct draft_operator *op)
{
    return weights_are(op, 1) && d->tensors[op->inputs[1]].type == TENSOR_FLOAT32 &&
           d->tensors[op->inputs[1]].data &&
           (op->input_count < 3 || op->inputs[2] == GRAPH_ABSENT || d->tensors[op->inputs[2]].data);
}

// ---- into the layer before --------------------------------------------------

static void scale_outputs(struct draft *d, const struct draft_operator *op, const struct affine *a)
{
    const struct draft_tensor *t = &d->tensors[op->inputs[1]];
    float *w = values(d, op->inputs[1]), *bias = values(d, op->inputs[2]);
    int64_t n = draft_elements(t), channels = t->dims[weights_axis(op)];
    bool last = op->code == OP_DEPTHWISE_CONV_2D;
    for (int64_t i = 0; a->factor || a->sign < 0 ? i < n : false; i++)
        w[i] = (float)((double)w[i] * factor_at(a, last ? i % channels : i / (n / channels)));
    for (int64_t c = 0; c < channels; c++)
        bias[c] = (float)((double)bias[c] * factor_at(a, c) + offset_at(a, c));
}

static int fold_back(struct draft *d, uint32_t at, const struct affine *a, int32_t input)
{
    int32_t from = draft_maker(d, input);
    if (from < 0 || draft_readers(d, input) != 1 || !is_float_layer(d, &d->operators[from]) ||
        d->operators[from].options.activation != ACTIVATION_NONE)
        return 0;
    if (fold_own_weights(d, (uint32_t)from) < 0)
        return -ENOMEM;
    struct draft_operator *layer = &d->operators[from];
    scale_outputs(d, layer, a);
    layer->outputs[0] = d->operators[at].outputs[0];
    d->tensors[input].merged = layer->outputs[0] + 1;
    layer->options.activation = d->operators[at].options.activation;
    draft_remove_operator(d, at);
    return 1;
}

// ---- into the layer behind --------------------------------------------------

static int32_t only_reader(const struct draft *d, int32_t tensor)
{
    if (draft_readers(d, tensor) != 1)
        return -1;
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].input_count; j++)
            if (d->operators[i].inputs[j] == tensor)
                return j == 0 ? (int32_t)i : -1;
    return -1;
}

static bool all_positive(const struct affine *a)
{
    for (int64_t i = 0; i < a->count; i++)
        if (!(factor_at(a, i) > 0))
            return false;
    return true;
}

// Operators past which an affine function may move: the largest of k x + b is k times the largest +
// b for k > 0.
static bool may_pass(const struct draft *d, const struct draft_operator *op, const struct affine *a)
{
    if (op->code == OP_MAX_POOL_2D)
        return op->options.activation == ACTIVATION_NONE && all_positive(a);
    if (op->code == OP_AVERAGE_POOL_2D)
        return op->options.activation == ACTIVATION_NONE;
    const struct draft_tensor *from = &d->tensors[op->inputs[0]], *to = &d->tensors[op->outputs[0]];
    return op->code == OP_RESHAPE && from->rank && to->rank &&
           to->dims[to->rank - 1] % from->dims[from->rank - 1] == 0;
}

// Channel of the affine function that input element i of output channel's weights meets.
static void scale_inputs(struct draft *d, const struct draft_operator *op, const struct affine *a,
                         int64_t channels)
{
    const struct draft_tensor *t = &d->tensors[op->inputs[1]];
    float *w = values(d, op->inputs[1]), *bias = values(d, op->inputs[2]);
    int64_t n = draft_elements(t), out = t->dims[weights_axis(op)], depth = t->dims[t->rank - 1];
    bool depthwise = op->code == OP_DEPTHWISE_CONV_2D;
    int64_t multiplier = depthwise ? out / channels : 1;
    for (int64_t o = 0; o < out; o++) {
        double shift = 0;
        for (int64_t i = 0; i < n / out; i++) {
            float *at = depthwise ? &w[i * out + o] : &w[o * (n / out) + i];
            int64_t c = depthwise ? o / multiplier : i % depth % channels;
            shift += (double)*at * offset_at(a, c);
            *at = (float)((double)*at * factor_at(a, c));
        }
        bias[o] = (float)((double)bias[o] + shift);
    }
}

static int fold_forward(struct draft *d, uint32_t at, const struct affine *a, int32_t input)
{
    int32_t output = d->operators[at].outputs[0], reader = only_reader(d, output);
    const struct draft_tensor *t = &d->tensors[output];
    if (d->operators[at].options.activation != ACTIVATION_NONE || t->rank == 0)
        return 0;
    int64_t channels = t->dims[t->rank - 1];
    while (reader >= 0 && may_pass(d, &d->operators[reader], a))
        reader = only_reader(d, d->operators[reader].outputs[0]);
    if (reader < 0 || !is_float_layer(d, &d->operators[reader]))
        return 0;
    const struct draft_operator *layer = &d->operators[reader];
    const struct draft_tensor *weights = &d->tensors[layer->inputs[1]];
    bool padded = layer->code != OP_FULLY_CONNECTED && layer->options.padding != PADDING_VALID &&
                  weights->dims[1] * weights->dims[2] > 1; // padding is zero before and after
    int64_t depth = weights->dims[weights->rank - 1];
    if ((a->offset && padded) || depth % channels != 0 ||
        (layer->code == OP_CONV_2D && depth != channels))
        return 0;
    if (fold_own_weights(d, (uint32_t)reader) < 0)
        return -ENOMEM;
    scale_inputs(d, &d->operators[reader], a, channels);
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].input_count; j++)
            if (d->operators[i].inputs[j] == output)
                d->operators[i].inputs[j] = input;
    d->tensors[output].merged = layer->outputs[0] + 1;
    draft_remove_operator(d, at);
    return 1;
}

int fold_affine(struct draft *d, uint32_t at)
{
    struct affine a;
    int32_t input;
    if (!read_affine(d, &d->operators[at], &a, &input))
        return 0;
    int rc = fold_back(d, at, &a, input);
    return rc ? rc : fold_forward(d, at, &a, input);
}
