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

#include "qmodel/integer.h"
#include "qmodel/integer_pass.h"
#include "qmodel/weights.h"

bool integer_pass_same_steps(const struct draft_tensor *a, const struct draft_tensor *b)
{
    return a->type == b->type && a->scale_count == 1 && b->scale_count == 1 &&
           a->scales[0] == b->scales[0] && a->zero_point == b->zero_point;
}

struct draft_operator *integer_pass_maker(struct integer_pass *p, int32_t tensor, int32_t code)
{
    bool linked = tensor != GRAPH_ABSENT && (uint32_t)tensor < p->links.capacity;
    int32_t op = linked ? p->links.producer[tensor] : IMPORT_NONE;
    return op != IMPORT_NONE && p->d->operators[op].code == code ? &p->d->operators[op] : NULL;
}

struct draft_operator *integer_pass_only_quantize(struct integer_pass *p, int32_t tensor)
{
    int32_t op = p->links.uses[tensor] == 1 ? p->links.reader[tensor] : IMPORT_NONE;
    return op != IMPORT_NONE && p->d->operators[op].code == OP_QUANTIZE ? &p->d->operators[op]
                                                                        : NULL;
}

int32_t integer_pass_int8_like(struct integer_pass *p, int32_t shape, int32_t steps)
{
    struct draft_tensor t = p->d->tensors[shape];
    const struct draft_tensor *s = &p->d->tensors[steps];
    t.type = TENSOR_INT8;
    t.scales = s->scales;
    t.scale_count = 1;
    t.zero_point = s->zero_point;
    return import_tensor(p->im, &t, NULL);
}

// ---- the whole --------------------------------------------------------------

// Weights with a zero point: TFLite has them only in uint8, where everything else is uint8 too.
static bool needs_unsigned(const struct draft *d)
{
    for (uint32_t i = 0; i < d->operator_count; i++) {
        const struct draft_operator *op = &d->operators[i];
        if (weights_are(op, 1) && d->tensors[op->inputs[1]].type == TENSOR_INT8 &&
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
    int rc = integer_pass_join_pairs(&p);
    if (rc == 0)
        rc = each(&p, integer_pass_push_down);
    if (rc == 0)
        rc = integer_pass_join_pairs(&p);
    for (uint32_t i = p.d->operator_count; rc == 0 && i-- > 0;)
        rc = integer_pass_pull_up(&p, i);
    if (rc == 0)
        rc = integer_pass_join_pairs(&p);
    if (rc == 0)
        rc = each(&p, integer_pass_set_operator);
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
