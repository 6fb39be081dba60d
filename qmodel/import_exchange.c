// SPDX-License-Identifier: Apache-2.0
//
// The steps of import_integer that only exchange operators with the DEQUANTIZE before or the
// QUANTIZE after them, and let those cancel out.

#include <errno.h>
#include <math.h>

#include "qmodel/integer_pass.h"

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

int integer_pass_push_down(struct integer_pass *p, uint32_t index)
{
    struct draft_operator *op = &p->d->operators[index];
    uint32_t at = data_input(op);
    const struct draft_operator *from = integer_pass_maker(p, op->inputs[at], OP_DEQUANTIZE);
    if (!from || !is_moving(op))
        return 0;
    int32_t q = from->inputs[0];
    op->inputs[at] = q;
    int rc = set_border(p, op, q);
    for (uint32_t i = 0; rc == 0 && i < op->output_count; i++) {
        int32_t real = op->outputs[i], made = integer_pass_int8_like(p, real, q);
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

int integer_pass_pull_up(struct integer_pass *p, uint32_t index)
{
    struct draft_operator *op = &p->d->operators[index];
    uint32_t at = data_input(op);
    int32_t x = op->inputs[at], first = IMPORT_NONE;
    if (import_is_dead(op) || !is_moving(op) || p->d->tensors[x].type != TENSOR_FLOAT32)
        return 0;
    for (uint32_t i = 0; i < op->output_count; i++) {
        const struct draft_operator *to = integer_pass_only_quantize(p, op->outputs[i]);
        if (!to ||
            (first != IMPORT_NONE &&
             !integer_pass_same_steps(&p->d->tensors[first], &p->d->tensors[to->outputs[0]])))
            return 0;
        first = to->outputs[0];
    }
    int32_t q = integer_pass_int8_like(p, x, first);
    int rc = q < 0 ? q : set_border(p, op, first);
    if (rc < 0)
        return rc;
    op->inputs[at] = q;
    for (uint32_t i = 0; i < op->output_count; i++) {
        struct draft_operator *to = integer_pass_only_quantize(p, op->outputs[i]);
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

int integer_pass_join_pairs(struct integer_pass *p)
{
    int32_t *first = import_take(p->im, p->d->tensor_count,
                                 sizeof(*first)); // 1 + the QUANTIZE of a tensor
    if (!first || import_links_make(p->im, &p->links) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < p->d->operator_count; i++) {
        struct draft_operator *op = &p->d->operators[i];
        if (op->code != OP_QUANTIZE || import_is_dead(op))
            continue;
        const struct draft_operator *from = integer_pass_maker(p, op->inputs[0], OP_DEQUANTIZE);
        if (from)
            op->inputs[0] = from->inputs[0];
        int32_t x = op->inputs[0],
                twin = first[x] ? p->d->operators[first[x] - 1].outputs[0] : IMPORT_NONE;
        const struct draft_tensor *tensors = p->d->tensors, *y = &tensors[op->outputs[0]];
        int32_t same = from && integer_pass_same_steps(&tensors[x], y) ? x : IMPORT_NONE;
        if (same == IMPORT_NONE && twin != IMPORT_NONE &&
            integer_pass_same_steps(&tensors[twin], y))
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
