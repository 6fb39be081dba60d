// SPDX-License-Identifier: Apache-2.0
//
// ONNX says what is quantized by pairs of QuantizeLinear and DequantizeLinear around float
// operators. Here
//
//     q0 ─DEQUANTIZE─ float CONV_2D ─QUANTIZE─ q1     becomes     q0 ─ int8 CONV_2D ─ q1
//
// in four steps: what only moves numbers (reshape, max pool, pad …) is exchanged with the
// DEQUANTIZE before it or the QUANTIZE after it; DEQUANTIZE then QUANTIZE cancel out, or become one
// QUANTIZE between two scales; operators whose inputs and output are quantized become integer ones;
// the operators are ordered anew. Nobody is forced: what TFLite has no integer form of stays float
// between its DEQUANTIZE and QUANTIZE.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/import_passes.h"
#include "qmodel/integer.h"

struct integer_pass {
    struct importer *im;
    struct draft *d;
    struct import_links links;
};

static bool same_steps(const struct draft_tensor *a, const struct draft_tensor *b)
{
    return a->type == b->type && a->scale_count == 1 && b->scale_count == 1 &&
           a->scales[0] == b->scales[0] && a->zero_point == b->zero_point;
}

static uint32_t data_input(const struct draft_operator *op)
{
    return op->code == OP_SPLIT ? 1 : 0;
}

// Numbers come out as they went in: the same in steps as in floats.
static bool is_moving(const struct draft_operator *op)
{
    switch (op->code) {
    case OP_RESHAPE:
    case OP_TRANSPOSE:
    case OP_PAD:
    case OP_PADV2:
    case OP_MIRROR_PAD:
    case OP_STRIDED_SLICE:
    case OP_SPLIT:
    case OP_SPLIT_V:
    case OP_RESIZE_NEAREST_NEIGHBOR: return true;
    case OP_MAX_POOL_2D: return op->options.activation == ACTIVATION_NONE;
    default: return false;
    }
}

// The operator of that code that makes the tensor, or NULL.
static struct draft_operator *maker(struct integer_pass *p, int32_t tensor, int32_t code)
{
    bool linked = tensor != GRAPH_ABSENT && (uint32_t)tensor < p->links.capacity;
    int32_t op = linked ? p->links.producer[tensor] : IMPORT_NONE;
    return op != IMPORT_NONE && p->d->operators[op].code == code ? &p->d->operators[op] : NULL;
}

// The QUANTIZE that is the only reader of the tensor, or NULL.
static struct draft_operator *only_quantize(struct integer_pass *p, int32_t tensor)
{
    int32_t op = p->links.uses[tensor] == 1 ? p->links.reader[tensor] : IMPORT_NONE;
    return op != IMPORT_NONE && p->d->operators[op].code == OP_QUANTIZE ? &p->d->operators[op]
                                                                        : NULL;
}

static int32_t int8_like(struct integer_pass *p, int32_t shape, int32_t steps)
{
    struct draft_tensor t = p->d->tensors[shape];
    const struct draft_tensor *s = &p->d->tensors[steps];
    t.type = TENSOR_INT8;
    t.scales = s->scales;
    t.scale_count = 1;
    t.zero_point = s->zero_point;
    return import_tensor(p->im, &t, NULL);
}

// The border's value in steps: what is below the range is its lowest.
static int32_t border_steps(struct integer_pass *p, int32_t value, int32_t steps)
{
    struct draft_tensor t = p->d->tensors[value];
    const struct draft_tensor *s = &p->d->tensors[steps];
    float q = nearbyintf(*(const float *)t.data / s->scales[0]) + (float)s->zero_point;
    int8_t *data = import_take(p->im, 1, 1);
    if (!data)
        return -ENOMEM;
    *data = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
    t.data = data;
    t.data_bytes = 1;
    t.type = TENSOR_INT8;
    t.scales = s->scales;
    t.scale_count = 1;
    t.zero_point = s->zero_point;
    return import_tensor(p->im, &t, NULL);
}

// ---- moving operators -------------------------------------------------------

static int set_border(struct integer_pass *p, struct draft_operator *op, int32_t steps)
{
    if (op->code != OP_PADV2)
        return 0;
    op->inputs[2] = border_steps(p, op->inputs[2], steps);
    return op->inputs[2] < 0 ? op->inputs[2] : 0;
}

// DEQUANTIZE, op becomes op, DEQUANTIZE. Operators are appended; the order is made at the end.
static int push_down(struct integer_pass *p, uint32_t index)
{
    struct draft_operator *op = &p->d->operators[index];
    uint32_t at = data_input(op);
    const struct draft_operator *from = maker(p, op->inputs[at], OP_DEQUANTIZE);
    if (!from || !is_moving(op))
        return 0;
    int32_t q = from->inputs[0];
    op->inputs[at] = q;
    int rc = set_border(p, op, q);
    for (uint32_t i = 0; rc == 0 && i < op->output_count; i++) {
        int32_t real = op->outputs[i], made = int8_like(p, real, q);
        if (made < 0)
            return made;
        op->outputs[i] = made;
        rc = import_emit(p->im, OP_DEQUANTIZE, NULL, 1, &made, 1, &real);
        op = &p->d->operators[index]; // may have moved
        if (rc == 0)
            p->links.producer[real] = (int32_t)p->d->operator_count - 1;
    }
    return rc;
}

// op, QUANTIZE becomes QUANTIZE, op where every output is quantized with the same steps.
static int pull_up(struct integer_pass *p, uint32_t index)
{
    struct draft_operator *op = &p->d->operators[index];
    uint32_t at = data_input(op);
    int32_t x = op->inputs[at], first = IMPORT_NONE;
    if (import_is_dead(op) || !is_moving(op) || p->d->tensors[x].type != TENSOR_FLOAT32)
        return 0;
    for (uint32_t i = 0; i < op->output_count; i++) {
        const struct draft_operator *to = only_quantize(p, op->outputs[i]);
        if (!to || (first != IMPORT_NONE &&
                    !same_steps(&p->d->tensors[first], &p->d->tensors[to->outputs[0]])))
            return 0;
        first = to->outputs[0];
    }
    int32_t q = int8_like(p, x, first);
    int rc = q < 0 ? q : set_border(p, op, first);
    if (rc < 0)
        return rc;
    op->inputs[at] = q;
    for (uint32_t i = 0; i < op->output_count; i++) {
        struct draft_operator *to = only_quantize(p, op->outputs[i]);
        op->outputs[i] = to->outputs[0];
        to->output_count = 0;
    }
    rc = import_emit(p->im, OP_QUANTIZE, NULL, 1, &x, 1, &q);
    return rc < 0 ? rc : import_links_make(p->im, &p->links);
}

// ---- pairs ------------------------------------------------------------------

static void replace(struct integer_pass *p, int32_t old, int32_t new)
{
    for (uint32_t i = 0; i < p->d->operator_count; i++)
        for (uint32_t j = 0; j < p->d->operators[i].input_count; j++)
            if (p->d->operators[i].inputs[j] == old)
                p->d->operators[i].inputs[j] = new;
    for (uint32_t i = 0; i < p->d->output_count; i++)
        if (p->d->outputs[i] == old)
            p->d->outputs[i] = new;
}

// QUANTIZE of the same tensor with the same steps again, or of what a DEQUANTIZE made.
static int join_pairs(struct integer_pass *p)
{
    int32_t *first = import_take(p->im, p->d->tensor_count,
                                 sizeof(*first)); // 1 + the QUANTIZE of a tensor
    if (!first || import_links_make(p->im, &p->links) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->d->operator_count; i++) {
        struct draft_operator *op = &p->d->operators[i];
        if (op->code != OP_QUANTIZE || import_is_dead(op))
            continue;
        const struct draft_operator *from = maker(p, op->inputs[0], OP_DEQUANTIZE);
        if (from)
            op->inputs[0] = from->inputs[0];
        int32_t x = op->inputs[0],
                twin = first[x] ? p->d->operators[first[x] - 1].outputs[0] : IMPORT_NONE;
        const struct draft_tensor *tensors = p->d->tensors, *y = &tensors[op->outputs[0]];
        int32_t same = from && same_steps(&tensors[x], y) ? x : IMPORT_NONE;
        if (same == IMPORT_NONE && twin != IMPORT_NONE && same_steps(&tensors[twin], y))
            same = twin;
        if (same != IMPORT_NONE) {
            replace(p, op->outputs[0], same);
            op->output_count = 0;
        } else if (!first[x]) {
            first[x] = (int32_t)i + 1;
        }
    }
    return import_links_make(p->im, &p->links);
}

// ---- integer operators ------------------------------------------------------

// The int8 tensor behind a float one: what was dequantized, or a constant that came as integers.
static int32_t steps_of(struct integer_pass *p, int32_t tensor)
{
    const struct draft_operator *from = maker(p, tensor, OP_DEQUANTIZE);
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
    int32_t axis = op->code == OP_DEPTHWISE_CONV_2D ? 3 : 0, channels = weights->dims[axis];
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
    if (same_steps(&p->d->tensors[x], &p->d->tensors[to->outputs[0]])) {
        finish(p, op, to);
        return 0;
    }
    int32_t made = int8_like(p, op->outputs[0], x);
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
        if (!maker(p, op->inputs[i], OP_DEQUANTIZE))
            return 0;
    for (uint32_t i = 0; i < op->input_count; i++) {
        int32_t x = maker(p, op->inputs[i], OP_DEQUANTIZE)->inputs[0];
        if (!same_steps(&p->d->tensors[x], &p->d->tensors[y])) {
            int32_t made = int8_like(p, x, y);
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

static int set_integer(struct integer_pass *p, uint32_t index)
{
    struct draft_operator *op = &p->d->operators[index];
    struct draft_operator *to = op->output_count == 1 ? only_quantize(p, op->outputs[0]) : NULL;
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

// ---- the whole --------------------------------------------------------------

// Weights with a zero point: TFLite has them only in uint8, where everything else is uint8 too.
static bool needs_unsigned(const struct draft *d)
{
    for (uint32_t i = 0; i < d->operator_count; i++) {
        const struct draft_operator *op = &d->operators[i];
        bool weighted = op->code == OP_CONV_2D || op->code == OP_DEPTHWISE_CONV_2D ||
                        op->code == OP_FULLY_CONNECTED;
        if (weighted && d->tensors[op->inputs[1]].type == TENSOR_INT8 &&
            d->tensors[op->inputs[1]].zero_point != 0)
            return true;
    }
    return false;
}

static int make_unsigned(struct importer *im)
{
    for (uint32_t i = 0; i < im->draft->tensor_count; i++) {
        struct draft_tensor *t = &im->draft->tensors[i];
        if (t->type != TENSOR_INT8)
            continue;
        if (t->scale_count > 1)
            return import_fail(im, -ENOTSUP,
                               "'%s' has scales by channel, other weights have a zero point",
                               t->name);
        t->type = TENSOR_UINT8;
        t->zero_point += 128;
        uint8_t *moved = t->data ? import_take(im, t->data_bytes, 1) : NULL;
        if (t->data && !moved)
            return -ENOMEM;
        for (size_t k = 0; k < t->data_bytes; k++)
            moved[k] = ((const uint8_t *)t->data)[k] ^ 0x80;
        t->data = moved;
    }
    return 0;
}

static int check_steps(struct importer *im)
{
    for (uint32_t i = 0; i < im->draft->tensor_count; i++)
        if (im->draft->tensors[i].type == TENSOR_INT8 && im->draft->tensors[i].scale_count == 0)
            return import_fail(
                im, -ENOTSUP,
                "'%s' holds 8-bit numbers, and no DequantizeLinear says what they mean",
                im->draft->tensors[i].name);
    return 0;
}

// The version of TFLite's operator that first had what this one needs.
static int32_t version_of(const struct draft *d, const struct draft_operator *op)
{
    bool small = d->tensors[op->inputs[0]].type == TENSOR_INT8;
    const struct graph_options *o = &op->options;
    int32_t version = small ? integer_version(op->code) : 1, more = 1;
    if (op->code == OP_FULLY_CONNECTED && d->tensors[op->inputs[1]].scale_count > 1)
        more = 12;
    else if (op->code == OP_FULLY_CONNECTED)
        more = small && op->inputs[2] == GRAPH_ABSENT ? 6 : o->keep_dims ? 5 : 1;
    else if (op->code == OP_QUANTIZE || op->code == OP_DEQUANTIZE)
        more = small ? 2 : 1;
    else if (o->half_pixel)
        more = 3;
    else if (op->code == OP_DEPTHWISE_CONV_2D && (o->dilation_h > 1 || o->dilation_w > 1))
        more = 2;
    return version > more ? version : more;
}

static int each(struct integer_pass *p, int (*step)(struct integer_pass *, uint32_t))
{
    int rc = 0;
    for (uint32_t i = 0, count = p->d->operator_count; rc == 0 && i < count; i++)
        if (!import_is_dead(&p->d->operators[i]))
            rc = step(p, i);
    return rc;
}

int import_integer(struct importer *im)
{
    struct integer_pass p = {.im = im, .d = im->draft};
    int rc = join_pairs(&p);
    if (rc == 0)
        rc = each(&p, push_down);
    if (rc == 0)
        rc = join_pairs(&p);
    for (uint32_t i = p.d->operator_count; rc == 0 && i-- > 0;)
        rc = pull_up(&p, i);
    if (rc == 0)
        rc = join_pairs(&p);
    if (rc == 0)
        rc = each(&p, set_integer);
    if (rc == 0)
        rc = import_schedule(im);
    if (rc == 0 && draft_compact(im->draft) < 0)
        rc = import_fail(im, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = check_steps(im);
    if (rc == 0)
        rc = needs_unsigned(im->draft) ? make_unsigned(im) : 0;
    for (uint32_t i = 0; rc == 0 && i < im->draft->operator_count; i++)
        im->draft->operators[i].version = version_of(im->draft, &im->draft->operators[i]);
    return rc;
}
