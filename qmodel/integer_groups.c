// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "qmodel/conversion.h"

// Not for conversion: kept in float, or a border of those.
static bool is_foreign(const struct draft_operator *op)
{
    return op->keep || op->border;
}

int conversion_no_memory(struct conversion *c)
{
    return model_fail(c->error, -ENOMEM, "out of memory while quantizing");
}

struct group *conversion_group(struct conversion *c, int32_t tensor)
{
    while (c->groups[tensor].parent != tensor) {
        c->groups[tensor].parent = c->groups[c->groups[tensor].parent].parent;
        tensor = c->groups[tensor].parent;
    }
    return &c->groups[tensor];
}

bool conversion_is_float(const struct conversion *c, int32_t tensor)
{
    return tensor != GRAPH_ABSENT && c->draft->tensors[tensor].type == TENSOR_FLOAT32 &&
           !c->outside[tensor];
}

int32_t conversion_add_tensor(struct conversion *c, const struct draft_tensor *tensor)
{
    int32_t index = draft_add_tensor(c->draft, tensor);
    if (index < 0 || c->group_count == c->group_capacity)
        return conversion_no_memory(c);
    c->groups[c->group_count++] = (struct group){.parent = index};
    return index;
}

static int join(struct conversion *c, int32_t a, int32_t b)
{
    struct group *to = conversion_group(c, a), *from = conversion_group(c, b);
    if (to == from)
        return 0;
    if (from->fixed) {
        struct group *swap = to;
        to = from;
        from = swap;
    }
    from->parent = (int32_t)(to - c->groups);
    int rc = range_merge(&to->range, &from->range);
    range_finish(&from->range);
    return rc < 0 ? conversion_no_memory(c) : 0;
}

static void fix(struct conversion *c, int32_t tensor, float scale, int32_t zero_point)
{
    struct group *group = conversion_group(c, tensor);
    group->fixed = true;
    group->scale = c->options->wide ? 1.0f / 32768 : scale;
    group->zero_point = c->options->wide ? 0 : zero_point;
}

static bool is_own(const struct draft_operator *op, uint32_t input)
{
    return integer_rule_of(op->code)->sharing == RULE_WEIGHTED && input > 0;
}

int conversion_separate_constants(struct conversion *c)
{
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        for (uint32_t j = 0; j < c->draft->operators[i].input_count; j++) {
            int32_t index = c->draft->operators[i].inputs[j];
            if (is_foreign(&c->draft->operators[i]) || !conversion_is_float(c, index) ||
                !c->draft->tensors[index].data || is_own(&c->draft->operators[i], j))
                continue;
            struct draft_tensor copy = c->draft->tensors[index];
            int32_t made = conversion_add_tensor(c, &copy);
            if (made < 0)
                return made;
            c->draft->operators[i].inputs[j] = made;
            if (range_add(&c->groups[made].range, copy.data, (size_t)draft_elements(&copy),
                          c->options->method) < 0)
                return conversion_no_memory(c);
        }
    }
    return 0;
}

// What reads several tensors at one scale cannot take one whose scale is fixed: a QUANTIZE before
// operator *at.
static int free_inputs(struct conversion *c, uint32_t *at)
{
    for (uint32_t j = 0; j < c->draft->operators[*at].input_count; j++) {
        int32_t index = c->draft->operators[*at].inputs[j];
        if (!conversion_is_float(c, index) || !conversion_group(c, index)->fixed)
            continue;
        struct group *from = conversion_group(c, index);
        int32_t low = c->options->wide ? -CONVERSION_WIDE_STEPS : -128,
                high = c->options->wide ? CONVERSION_WIDE_STEPS : 127;
        float ends[2] = {(float)(low - from->zero_point) * from->scale,
                         (float)(high - from->zero_point) * from->scale};
        struct draft_tensor copy = c->draft->tensors[index];
        int32_t made = conversion_add_tensor(c, &copy);
        if (made < 0 || range_add(&c->groups[made].range, ends, 2, c->options->method) < 0 ||
            draft_insert_operator(c->draft, *at, OP_QUANTIZE, index, made) < 0)
            return conversion_no_memory(c);
        c->draft->operators[(*at)++].version = 2;
        c->draft->operators[*at].inputs[j] = made;
    }
    return 0;
}

static int join_all(struct conversion *c, const struct draft_operator *op)
{
    int rc = 0;
    for (uint32_t j = 0; rc == 0 && j < op->input_count; j++)
        if (conversion_is_float(c, op->inputs[j]))
            rc = join(c, op->outputs[0], op->inputs[j]);
    for (uint32_t j = 1; rc == 0 && j < op->output_count; j++)
        rc = join(c, op->outputs[0], op->outputs[j]);
    return rc;
}

static uint32_t float_inputs(const struct conversion *c, const struct draft_operator *op)
{
    uint32_t n = 0;
    for (uint32_t j = 0; j < op->input_count; j++)
        n += conversion_is_float(c, op->inputs[j]);
    return n;
}

int conversion_make_groups(struct conversion *c)
{
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        const struct integer_rule *rule = integer_rule_of(c->draft->operators[i].code);
        int rc = 0;
        if (is_foreign(&c->draft->operators[i]))
            continue;
        if (rule->sharing == RULE_SAME && float_inputs(c, &c->draft->operators[i]) > 1)
            rc = free_inputs(c, &i);
        struct draft_operator *op = &c->draft->operators[i];
        int32_t version = c->options->wide ? rule->wide_version : rule->version;
        op->version = op->version > version ? op->version : version;
        op->options.power_of_two = !c->options->wide;
        if (rc == 0 && rule->sharing == RULE_SAME)
            rc = join_all(c, op);
        if (rc < 0)
            return rc;
        if (rule->sharing == RULE_UNIT)
            fix(c, op->outputs[0], 1.0f / 256, -128);
        if (rule->sharing == RULE_TANH)
            fix(c, op->outputs[0], 1.0f / 128, 0);
    }
    return 0;
}
