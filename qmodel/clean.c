// SPDX-License-Identifier: Apache-2.0
#include "qmodel/clean.h"

#include "qmodel/fold.h"

// ---- activations ------------------------------------------------------------

int32_t clean_activation(int32_t code)
{
    switch (code) {
    case OP_RELU: return ACTIVATION_RELU;
    case OP_RELU6: return ACTIVATION_RELU6;
    case OP_RELU_N1_TO_1: return ACTIVATION_RELU_N1_TO_1;
    default: return ACTIVATION_NONE;
    }
}

bool clean_takes_activation(int32_t code)
{
    return code == OP_CONV_2D || code == OP_DEPTHWISE_CONV_2D || code == OP_FULLY_CONNECTED ||
           code == OP_ADD || code == OP_SUB || code == OP_MUL || code == OP_AVERAGE_POOL_2D ||
           code == OP_MAX_POOL_2D;
}

// Does `next` after `first` do the same as one of them? ACTIVATION_NONE = no.
static int32_t combined(int32_t first, int32_t next)
{
    if (first == ACTIVATION_NONE || first == next)
        return next;
    if ((first == ACTIVATION_RELU && next == ACTIVATION_RELU6) ||
        (first == ACTIVATION_RELU6 && next == ACTIVATION_RELU))
        return ACTIVATION_RELU6;
    return ACTIVATION_NONE;
}

// The activation at `at` into what makes its input.
static bool fuse_activation(struct draft *d, uint32_t at)
{
    struct draft_operator *op = &d->operators[at];
    int32_t activation = clean_activation(op->code), from, input = op->inputs[0];
    if (activation == ACTIVATION_NONE || d->tensors[input].type != TENSOR_FLOAT32 ||
        draft_readers(d, input) != 1 || (from = draft_maker(d, input)) < 0 ||
        !clean_takes_activation(d->operators[from].code))
        return false;
    struct draft_operator *maker = &d->operators[from];
    int32_t both = combined(maker->options.activation, activation);
    if (both == ACTIVATION_NONE)
        return false;
    maker->options.activation = both;
    maker->outputs[0] = op->outputs[0];
    d->tensors[input].merged = op->outputs[0] + 1;
    draft_remove_operator(d, at);
    return true;
}

// ---- padding ----------------------------------------------------------------

static int64_t amount(const struct draft_tensor *t, int32_t axis, int32_t end)
{
    size_t i = (size_t)(2 * axis + end);
    return t->type == TENSOR_INT64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

static bool is_same_axis(int64_t size, int64_t kernel, int64_t stride, int64_t before,
                         int64_t after)
{
    int64_t out = (size + stride - 1) / stride, need = (out - 1) * stride + kernel - size;
    need = need > 0 ? need : 0;
    return before == need / 2 && after == need - need / 2;
}

// Are these the zeros that "same" padding of this convolution puts?
static bool is_same_padding(const struct draft *d, const struct draft_operator *pad,
                            const struct draft_operator *conv)
{
    const struct draft_tensor *in = &d->tensors[pad->inputs[0]],
                              *amounts = &d->tensors[pad->inputs[1]];
    const struct draft_tensor *weights = &d->tensors[conv->inputs[1]];
    const struct graph_options *o = &conv->options;
    if (in->rank != 4 || !amounts->data || weights->rank != 4 || draft_elements(amounts) != 8 ||
        (amounts->type != TENSOR_INT32 && amounts->type != TENSOR_INT64))
        return false;
    for (int32_t end = 0; end < 2; end++)
        if (amount(amounts, 0, end) || amount(amounts, 3, end))
            return false;
    int64_t high = (int64_t)(weights->dims[1] - 1) * o->dilation_h + 1,
            wide = (int64_t)(weights->dims[2] - 1) * o->dilation_w + 1;
    return is_same_axis(in->dims[1], high, o->stride_h, amount(amounts, 1, 0),
                        amount(amounts, 1, 1)) &&
           is_same_axis(in->dims[2], wide, o->stride_w, amount(amounts, 2, 0),
                        amount(amounts, 2, 1));
}

static bool fuse_padding(struct draft *d, uint32_t at)
{
    struct draft_operator *conv = &d->operators[at];
    int32_t from, input = conv->inputs[0];
    if ((conv->code != OP_CONV_2D && conv->code != OP_DEPTHWISE_CONV_2D) ||
        conv->options.padding != PADDING_VALID || d->tensors[input].type != TENSOR_FLOAT32 ||
        draft_readers(d, input) != 1 || (from = draft_maker(d, input)) < 0 ||
        d->operators[from].code != OP_PAD || !is_same_padding(d, &d->operators[from], conv))
        return false;
    conv->options.padding = PADDING_SAME;
    conv->inputs[0] = d->operators[from].inputs[0];
    d->tensors[input].merged = conv->outputs[0] + 1;
    draft_remove_operator(d, (uint32_t)from);
    return true;
}

// ---- all --------------------------------------------------------------------

// Each success takes an operator away, so this ends.
int clean_draft(struct draft *d)
{
    for (uint32_t i = 0; i < d->operator_count;) {
        int rc = fold_affine(d, i);
        if (rc < 0)
            return rc;
        if (rc > 0 || fuse_activation(d, i) || fuse_padding(d, i))
            i = 0;
        else
            i++;
    }
    return 0;
}
