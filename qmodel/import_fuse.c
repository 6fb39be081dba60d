// SPDX-License-Identifier: Apache-2.0
//
// y = (W x + b) g + o is one convolution with weights W g and biases b g + o: batch norms, MatMul
// followed by Add, and normalisations that exporters leave. Weights that came as integers keep
// their scales and are not touched.

#include <errno.h>
#include <string.h>

#include "qmodel/clean.h"
#include "qmodel/import_passes.h"
#include "qmodel/weights.h"

struct fusing {
    struct importer *im;
    struct import_links links;
};

// The operator whose only reader is `op` through that input, in float; NULL if there is none such.
static struct draft_operator *before(struct fusing *f, const struct draft_operator *op,
                                     uint32_t input)
{
    struct draft *d = f->im->draft;
    int32_t tensor = op->inputs[input];
    if (tensor == GRAPH_ABSENT || f->links.uses[tensor] != 1 ||
        f->links.producer[tensor] == IMPORT_NONE || d->tensors[tensor].type != TENSOR_FLOAT32)
        return NULL;
    return &d->operators[f->links.producer[tensor]];
}

// `op` is gone, its output comes from `from` now.
static void merge(struct fusing *f, struct draft_operator *from, struct draft_operator *op)
{
    from->outputs[0] = op->outputs[0];
    f->links.producer[op->outputs[0]] = (int32_t)(from - f->im->draft->operators);
    op->output_count = 0;
}

static int32_t channels_of(const struct fusing *f, const struct draft_operator *op)
{
    const struct draft_tensor *w = &f->im->draft->tensors[op->inputs[1]];
    return w->dims[weights_axis(op)];
}

// ---- factors and offsets ----------------------------------------------------

// One number, or one a channel along the last axis.
static bool is_by_channel(const struct draft_tensor *t, int32_t channels)
{
    int64_t n = draft_elements(t);
    return t->data && t->type == TENSOR_FLOAT32 &&
           (n == 1 || (n == channels && t->dims[t->rank - 1] == channels));
}

static float channel_value(const struct draft_tensor *t, int32_t channel)
{
    return ((const float *)t->data)[draft_elements(t) == 1 ? 0 : channel];
}

// Elements of one channel lie together in [out, ...], and `channels` apart in [1, h, w, out].
static int scale_weights(struct fusing *f, const struct draft_operator *op,
                         const struct draft_tensor *factors)
{
    struct draft_tensor *w = &f->im->draft->tensors[op->inputs[1]];
    int64_t n = draft_elements(w), channels = channels_of(f, op), each = n / channels;
    float *scaled = import_take(f->im, (size_t)n, sizeof(*scaled));
    if (!scaled)
        return -ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        int64_t channel = op->code == OP_DEPTHWISE_CONV_2D ? i % channels : i / each;
        scaled[i] = ((const float *)w->data)[i] * channel_value(factors, (int32_t)channel);
    }
    w->data = scaled;
    return 0;
}

static int change_bias(struct fusing *f, struct draft_operator *op, int32_t code,
                       const struct draft_tensor *by)
{
    struct draft *d = f->im->draft;
    int32_t channels = channels_of(f, op);
    const float *old = op->inputs[2] == GRAPH_ABSENT ? NULL : d->tensors[op->inputs[2]].data;
    float *values = import_take(f->im, (size_t)channels, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (int32_t i = 0; i < channels; i++) {
        float b = old ? old[i] : 0, v = channel_value(by, i);
        values[i] = code == OP_MUL ? b * v : code == OP_ADD ? b + v : b - v;
    }
    op->inputs[2] = import_floats_tensor(f->im, values, channels);
    return op->inputs[2] < 0 ? op->inputs[2] : 0;
}

// 1 = done, 0 = not possible, or -errno.
static int fold_constant(struct fusing *f, struct draft_operator *op)
{
    struct draft *d = f->im->draft;
    uint32_t at = op->code != OP_SUB && d->tensors[op->inputs[0]].data ? 1 : 0; // the activation
    struct draft_operator *from = before(f, op, at);
    if (!from || !weights_are(from, 1) || from->options.activation != ACTIVATION_NONE)
        return 0;
    struct draft_tensor by = d->tensors[op->inputs[1 - at]];
    const struct draft_tensor *in = &d->tensors[op->inputs[at]], *out = &d->tensors[op->outputs[0]];
    if (!is_by_channel(&by, channels_of(f, from)) || draft_elements(in) != draft_elements(out) ||
        in->rank != out->rank)
        return 0;
    if (op->code == OP_MUL &&
        (f->im->origins[from->inputs[1]].data || scale_weights(f, from, &by) < 0))
        return f->im->origins[from->inputs[1]].data ? 0 : -ENOMEM;
    int rc = op->code != OP_MUL || from->inputs[2] != GRAPH_ABSENT
                 ? change_bias(f, from, op->code, &by)
                 : 0;
    if (rc < 0)
        return rc;
    from->options.activation = op->options.activation;
    merge(f, from, op);
    return 1;
}

// ---- activations ------------------------------------------------------------

static void fold_activation(struct fusing *f, struct draft_operator *op)
{
    struct draft_operator *from = before(f, op, 0);
    if (!from || !clean_takes_activation(from->code) || from->options.activation != ACTIVATION_NONE)
        return;
    from->options.activation = clean_activation(op->code);
    merge(f, from, op);
}

int import_fuse(struct importer *im)
{
    struct fusing f = {.im = im};
    if (import_links_make(im, &f.links) < 0)
        return -ENOMEM;
    int rc = 0;
    for (uint32_t i = 0; rc >= 0 && i < im->draft->operator_count; i++) {
        struct draft_operator *op = &im->draft->operators[i];
        if (op->code == OP_MUL || op->code == OP_ADD || op->code == OP_SUB)
            rc = fold_constant(&f, op);
        else if (clean_activation(op->code) != ACTIVATION_NONE)
            fold_activation(&f, op);
    }
    return rc < 0 ? rc : import_schedule(im);
}
