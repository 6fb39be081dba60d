// SPDX-License-Identifier: Apache-2.0
#include "qmodel/integer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "qmodel/boundary.h"
#include "qmodel/correction.h"
#include "qmodel/weights.h"

// Biases stay well inside int32 (16x8: what doubles and 64-bit sums hold), so that sums do.
#define BIAS_MOST 0x1p30f
#define BIAS_MOST_WIDE 0x1p38f
#define WIDE_STEPS 32767

enum rule { RULE_WEIGHTED, RULE_FREE, RULE_SAME, RULE_UNIT, RULE_TANH };

static const struct operator_rule {
    int32_t code;
    enum rule rule;
    int32_t version,
        wide_version; // of TFLite's operator that first had int8 and int16; 0 = it has not
} rules[] = {
    {OP_CONV_2D, RULE_WEIGHTED, 3, 4},
    {OP_DEPTHWISE_CONV_2D, RULE_WEIGHTED, 3, 5},
    {OP_FULLY_CONNECTED, RULE_WEIGHTED, 4, 7},
    {OP_ADD, RULE_FREE, 2, 3},
    {OP_SUB, RULE_FREE, 2, 5},
    {OP_MUL, RULE_FREE, 2, 4},
    {OP_MEAN, RULE_FREE, 2, 3},
    {OP_RELU, RULE_FREE, 2, 3},
    {OP_RELU6, RULE_FREE, 2, 3},
    {OP_RELU_N1_TO_1, RULE_FREE, 1, 1},
    {OP_RELU_0_TO_1, RULE_FREE, 1, 1},
    {OP_LEAKY_RELU, RULE_FREE, 2, 2},
    {OP_PRELU, RULE_FREE, 1, 0},
    {OP_ELU, RULE_FREE, 1, 0},
    {OP_HARD_SWISH, RULE_FREE, 1, 0},
    {OP_SOFTMAX, RULE_UNIT, 2, 3},
    {OP_LOGISTIC, RULE_UNIT, 2, 3},
    {OP_TANH, RULE_TANH, 2, 3},
    {OP_AVERAGE_POOL_2D, RULE_SAME, 2, 3},
    {OP_MAX_POOL_2D, RULE_SAME, 2, 3},
    {OP_CONCATENATION, RULE_SAME, 2, 3},
    {OP_PACK, RULE_SAME, 2, 3},
    {OP_MAXIMUM, RULE_SAME, 2, 4},
    {OP_MINIMUM, RULE_SAME, 2, 4},
    {OP_PAD, RULE_SAME, 2, 3},
    {OP_PADV2, RULE_SAME, 2, 3},
    {OP_MIRROR_PAD, RULE_SAME, 2, 2},
    {OP_RESHAPE, RULE_SAME, 1, 1},
    {OP_SQUEEZE, RULE_SAME, 1, 1},
    {OP_EXPAND_DIMS, RULE_SAME, 1, 1},
    {OP_TRANSPOSE, RULE_SAME, 2, 3},
    {OP_SLICE, RULE_SAME, 2, 4},
    {OP_STRIDED_SLICE, RULE_SAME, 2, 4},
    {OP_SPLIT, RULE_SAME, 2, 4},
    {OP_SPLIT_V, RULE_SAME, 2, 2},
    {OP_RESIZE_BILINEAR, RULE_SAME, 2, 4},
    {OP_RESIZE_NEAREST_NEIGHBOR, RULE_SAME, 2, 4},
};

static const struct operator_rule *rule_of(int32_t code)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].code == code)
            return &rules[i];
    return NULL;
}

int32_t integer_version(int32_t code)
{
    const struct operator_rule *rule = rule_of(code);
    return rule ? rule->version : 1;
}

int integer_check(struct draft *draft, bool wide, bool allow_float, struct model_error *error)
{
    for (uint32_t i = 0; i < draft->operator_count; i++) {
        struct draft_operator *op = &draft->operators[i];
        const struct operator_rule *rule = rule_of(op->code);
        if (op->keep || (rule && (!wide || rule->wide_version)))
            continue;
        if (!allow_float)
            return draft_fail(draft, error, -ENOTSUP, i,
                              "it has no %s form here (--allow-float keeps it in float)",
                              wide ? "16x8" : "int8");
        op->keep = true;
    }
    return 0;
}

// Not for conversion: kept in float, or a border of those.
static bool is_foreign(const struct draft_operator *op)
{
    return op->keep || op->border;
}

// ---- groups -----------------------------------------------------------------

struct group {
    int32_t parent; // itself = the root, where the rest holds
    struct range range;
    bool fixed;
    float scale;
    int32_t zero_point;
};

struct conversion {
    struct draft *draft;
    const struct integer_options *options;
    const struct range *ranges; // of the draft's tensors as they were
    uint32_t range_count;
    struct model_error *error;
    struct store temp;
    struct group *groups; // one a tensor
    bool *outside;        // of each tensor: it stays float
    uint32_t group_count, group_capacity;
};

static int no_memory(struct conversion *c)
{
    return model_fail(c->error, -ENOMEM, "out of memory while quantizing");
}

static struct group *root_of(struct conversion *c, int32_t tensor)
{
    while (c->groups[tensor].parent != tensor) {
        c->groups[tensor].parent = c->groups[c->groups[tensor].parent].parent;
        tensor = c->groups[tensor].parent;
    }
    return &c->groups[tensor];
}

static int32_t inner_type(const struct conversion *c)
{
    return c->options->wide ? TENSOR_INT16 : TENSOR_INT8;
}

static bool is_float(const struct conversion *c, int32_t tensor)
{
    return tensor != GRAPH_ABSENT && c->draft->tensors[tensor].type == TENSOR_FLOAT32 &&
           !c->outside[tensor];
}

// A tensor that another group's range does not touch: a constant's private copy, what a QUANTIZE
// makes.
static int32_t add_tensor(struct conversion *c, const struct draft_tensor *tensor)
{
    int32_t index = draft_add_tensor(c->draft, tensor);
    if (index < 0 || c->group_count == c->group_capacity)
        return no_memory(c);
    c->groups[c->group_count++] = (struct group){.parent = index};
    return index;
}

static int join(struct conversion *c, int32_t a, int32_t b)
{
    struct group *to = root_of(c, a), *from = root_of(c, b);
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
    return rc < 0 ? no_memory(c) : 0;
}

static void fix(struct conversion *c, int32_t tensor, float scale, int32_t zero_point)
{
    struct group *group = root_of(c, tensor);
    group->fixed = true;
    group->scale = c->options->wide ? 1.0f / 32768 : scale;
    group->zero_point = c->options->wide ? 0 : zero_point;
}

static bool is_own(const struct draft_operator *op, uint32_t input)
{
    return rule_of(op->code)->rule == RULE_WEIGHTED && input > 0;
}

// Constants get a tensor for each reader: each may need another scale. Equal bytes are stored once
// in the end.
static int separate_constants(struct conversion *c)
{
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        for (uint32_t j = 0; j < c->draft->operators[i].input_count; j++) {
            int32_t index = c->draft->operators[i].inputs[j];
            if (is_foreign(&c->draft->operators[i]) || !is_float(c, index) ||
                !c->draft->tensors[index].data || is_own(&c->draft->operators[i], j))
                continue;
            struct draft_tensor copy = c->draft->tensors[index];
            int32_t made = add_tensor(c, &copy);
            if (made < 0)
                return made;
            c->draft->operators[i].inputs[j] = made;
            if (range_add(&c->groups[made].range, copy.data, (size_t)draft_elements(&copy),
                          c->options->method) < 0)
                return no_memory(c);
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
        if (!is_float(c, index) || !root_of(c, index)->fixed)
            continue;
        struct group *from = root_of(c, index);
        int32_t low = c->options->wide ? -WIDE_STEPS : -128,
                high = c->options->wide ? WIDE_STEPS : 127;
        float ends[2] = {(float)(low - from->zero_point) * from->scale,
                         (float)(high - from->zero_point) * from->scale};
        struct draft_tensor copy = c->draft->tensors[index];
        int32_t made = add_tensor(c, &copy);
        if (made < 0 || range_add(&c->groups[made].range, ends, 2, c->options->method) < 0 ||
            draft_insert_operator(c->draft, *at, OP_QUANTIZE, index, made) < 0)
            return no_memory(c);
        c->draft->operators[(*at)++].version = 2;
        c->draft->operators[*at].inputs[j] = made;
    }
    return 0;
}

static int join_all(struct conversion *c, const struct draft_operator *op)
{
    int rc = 0;
    for (uint32_t j = 0; rc == 0 && j < op->input_count; j++)
        if (is_float(c, op->inputs[j]))
            rc = join(c, op->outputs[0], op->inputs[j]);
    for (uint32_t j = 1; rc == 0 && j < op->output_count; j++)
        rc = join(c, op->outputs[0], op->outputs[j]);
    return rc;
}

static uint32_t float_inputs(const struct conversion *c, const struct draft_operator *op)
{
    uint32_t n = 0;
    for (uint32_t j = 0; j < op->input_count; j++)
        n += is_float(c, op->inputs[j]);
    return n;
}

static int make_groups(struct conversion *c)
{
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        const struct operator_rule *rule = rule_of(c->draft->operators[i].code);
        int rc = 0;
        if (is_foreign(&c->draft->operators[i]))
            continue;
        if (rule->rule == RULE_SAME && float_inputs(c, &c->draft->operators[i]) > 1)
            rc = free_inputs(c, &i);
        struct draft_operator *op = &c->draft->operators[i];
        int32_t version = c->options->wide ? rule->wide_version : rule->version;
        op->version = op->version > version ? op->version : version;
        op->options.power_of_two = !c->options->wide;
        if (rc == 0 && rule->rule == RULE_SAME)
            rc = join_all(c, op);
        if (rc < 0)
            return rc;
        if (rule->rule == RULE_UNIT)
            fix(c, op->outputs[0], 1.0f / 256, -128);
        if (rule->rule == RULE_TANH)
            fix(c, op->outputs[0], 1.0f / 128, 0);
    }
    return 0;
}

// ---- tensors ----------------------------------------------------------------

static int solve_group(struct conversion *c, int32_t tensor)
{
    struct group *group = &c->groups[tensor];
    float low, high;
    if (group->parent != tensor || group->fixed || !is_float(c, tensor) ||
        group->range.samples == 0)
        return 0;
    range_solve(&group->range, c->options->method, c->options->percentile, &low, &high);
    if (!c->options->wide) {
        range_steps(low, high, &group->scale, &group->zero_point);
        return 0;
    }
    group->scale = fmaxf(-low, high) / WIDE_STEPS;
    if (!(group->scale >= 1e-30f))
        group->scale = 1; // always zero
    group->zero_point = 0;
    return 0;
}

static float to_step(float value, const struct group *group, float low, float high)
{
    float q = rintf(value / group->scale) + (float)group->zero_point;
    return q < low ? low : q > high ? high : q;
}

static int set_constant(struct conversion *c, struct draft_tensor *t, const struct group *group)
{
    const float *from = t->data;
    size_t n = (size_t)draft_elements(t), element = c->options->wide ? sizeof(int16_t) : 1;
    void *q = store_take_array(&c->draft->store, n, element);
    if (!q)
        return no_memory(c);
    for (size_t i = 0; i < n; i++)
        if (c->options->wide)
            ((int16_t *)q)[i] = (int16_t)to_step(from[i], group, -WIDE_STEPS, WIDE_STEPS);
        else
            ((int8_t *)q)[i] = (int8_t)to_step(from[i], group, -128, 127);
    t->data = q;
    t->data_bytes = n * element;
    return 0;
}

static int set_tensor(struct conversion *c, int32_t index)
{
    struct draft_tensor *t = &c->draft->tensors[index];
    const struct group *group = root_of(c, index);
    float *scale = store_take(&c->draft->store, sizeof(*scale));
    if (!scale)
        return no_memory(c);
    if (!(group->scale > 0))
        return model_fail(c->error, -EINVAL, "tensor '%s' got no range: no layer makes it",
                          t->name);
    *scale = group->scale;
    t->type = inner_type(c);
    t->scales = scale;
    t->scale_count = 1;
    t->zero_point = group->zero_point;
    return t->data ? set_constant(c, t, group) : 0;
}

// Activations and the constants beside them; the weights' turn comes with the layer.
static int set_tensors(struct conversion *c)
{
    for (uint32_t i = 0; i < c->group_count; i++)
        solve_group(c, (int32_t)i);
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        const struct draft_operator *op = &c->draft->operators[i];
        bool weighted = weights_are(op, 1);
        int rc = 0;
        if (op->keep)
            continue;
        for (uint32_t j = 0; rc == 0 && j < (weighted ? 1 : op->input_count); j++)
            if (is_float(c, op->inputs[j]))
                rc = set_tensor(c, op->inputs[j]);
        for (uint32_t j = 0; rc == 0 && j < op->output_count; j++)
            if (is_float(c, op->outputs[j]))
                rc = set_tensor(c, op->outputs[j]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

// ---- layers with weights ----------------------------------------------------

// The layer's bias, with what rounding its weights to `rounded` will shift taken off.
static const float *corrected_bias(struct conversion *c, uint32_t index,
                                   const struct draft_tensor *rounded)
{
    const struct draft_operator *op = &c->draft->operators[index];
    const struct draft_tensor *bias = &c->draft->tensors[op->inputs[2]];
    int32_t source = correction_source(c->draft, index);
    if (!c->options->bias_correction || (uint32_t)source >= c->range_count)
        return bias->data;
    float *values = store_take(&c->temp, bias->data_bytes);
    if (!values)
        return NULL;
    memcpy(values, bias->data, bias->data_bytes);
    correction_apply(op, &c->draft->tensors[op->inputs[1]], rounded, &c->ranges[source], NULL,
                     values);
    return values;
}

static int32_t bias_tensor(struct conversion *c, const struct draft_operator *op,
                           const struct draft_tensor *weights, const float *from, float in_scale)
{
    struct draft_tensor bias = c->draft->tensors[op->inputs[2]];
    size_t n = (size_t)draft_elements(&bias),
           element = c->options->wide ? sizeof(int64_t) : sizeof(int32_t);
    void *q = store_take_array(&c->draft->store, n, element);
    float *scales = store_take_array(&c->draft->store, n, sizeof(*scales));
    if (!from || !q || !scales)
        return no_memory(c);
    for (size_t i = 0; i < n; i++)
        scales[i] = in_scale * weights->scales[weights->scale_count > 1 ? i : 0];
    bias.scale_count = weights->scale_count;
    bias.type = c->options->wide ? TENSOR_INT64 : TENSOR_INT32;
    bias.scales = scales;
    bias.zero_point = 0;
    bias.axis = 0;
    correction_store(from, &bias, q);
    bias.data = q;
    bias.data_bytes = n * element;
    return add_tensor(c, &bias);
}

// The least weight scale at which each channel's bias fits.
static float *bias_floor(struct conversion *c, const struct draft_operator *op, float in_scale)
{
    const struct draft_tensor *bias = &c->draft->tensors[op->inputs[2]];
    int64_t n = draft_elements(bias);
    const float *values = bias->data;
    float *floor = store_take_array(&c->temp, (size_t)n, sizeof(*floor));
    for (int64_t i = 0; floor && i < n; i++) {
        floor[i] = fabsf(values[i]) / (in_scale * (c->options->wide ? BIAS_MOST_WIDE : BIAS_MOST));
        if (c->options->per_tensor && floor[i] > floor[0])
            floor[0] = floor[i];
    }
    return floor;
}

static int set_layer(struct conversion *c, uint32_t index)
{
    struct draft_operator *op = &c->draft->operators[index];
    float in_scale = c->draft->tensors[op->inputs[0]].scales[0], *floor = NULL;
    bool has_bias = op->input_count > 2 && op->inputs[2] != GRAPH_ABSENT;
    if (has_bias && !(floor = bias_floor(c, op, in_scale)))
        return no_memory(c);
    int32_t weights = weights_to_int8(c->draft, op, c->options->per_tensor, c->options->clipped,
                                      floor);
    if (weights < 0 || c->group_count == c->group_capacity)
        return no_memory(c);
    c->groups[c->group_count++] = (struct group){.parent = weights};
    struct draft_tensor rounded = c->draft->tensors[weights];
    const float *values = has_bias ? corrected_bias(c, index, &rounded) : NULL;
    op->inputs[1] = weights;
    if (op->code == OP_FULLY_CONNECTED && c->draft->tensors[weights].scale_count > 1 &&
        op->version < 12)
        op->version = 12; // scales per channel
    if (!has_bias)
        return 0;
    int32_t bias = bias_tensor(c, op, &rounded, values, in_scale);
    op->inputs[2] = bias;
    return bias < 0 ? bias : 0;
}

static int set_layers(struct conversion *c)
{
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        struct draft_operator *op = &c->draft->operators[i];
        int rc = weights_are(op, 1) && !op->keep ? set_layer(c, i) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

// ---- edges ------------------------------------------------------------------

// The outside's form of an int8 tensor.
static int32_t edge_tensor(struct draft *d, int32_t inside, enum integer_edge kind)
{
    struct draft_tensor t = d->tensors[inside];
    char name[128];
    snprintf(name, sizeof(name), "%.110s/%s", t.name, t.type == TENSOR_INT16 ? "int16" : "int8");
    d->tensors[inside].name = store_take_text(&d->store, name);
    if (!d->tensors[inside].name)
        return -ENOMEM;
    t.type = kind == EDGE_IS_FLOAT ? TENSOR_FLOAT32 : TENSOR_UINT8;
    t.zero_point += 128;
    if (kind == EDGE_IS_FLOAT)
        t.scale_count = 0;
    return draft_add_tensor(d, &t);
}

static bool is_inner(const struct draft *d, int32_t tensor)
{
    return d->tensors[tensor].type == TENSOR_INT8 || d->tensors[tensor].type == TENSOR_INT16;
}

int integer_set_edges(struct draft *d, const struct integer_options *o, struct model_error *error)
{
    for (uint32_t i = 0; o->input != EDGE_IS_INNER && i < d->input_count; i++) {
        if (!is_inner(d, d->inputs[i]))
            continue;
        int32_t inside = d->inputs[i], outside = edge_tensor(d, inside, o->input);
        if (outside < 0 || draft_insert_operator(d, 0, OP_QUANTIZE, outside, inside) < 0)
            return model_fail(error, -ENOMEM, "out of memory while quantizing");
        d->operators[0].version = o->input == EDGE_IS_UINT8 ? 2 : 1;
        d->inputs[i] = outside;
    }
    for (uint32_t i = 0; o->output != EDGE_IS_INNER && i < d->output_count; i++) {
        if (!is_inner(d, d->outputs[i]))
            continue;
        int32_t inside = d->outputs[i], outside = edge_tensor(d, inside, o->output);
        int32_t code = o->output == EDGE_IS_UINT8 ? OP_QUANTIZE : OP_DEQUANTIZE;
        if (outside < 0 || draft_insert_operator(d, d->operator_count, code, inside, outside) < 0)
            return model_fail(error, -ENOMEM, "out of memory while quantizing");
        d->operators[d->operator_count - 1].version = 2;
        d->outputs[i] = outside;
    }
    return 0;
}

// ---- all --------------------------------------------------------------------

static int start_groups(struct conversion *c, const struct range *ranges)
{
    struct draft *d = c->draft;
    c->group_capacity = d->tensor_count + d->input_count + d->output_count;
    for (uint32_t i = 0; i < d->operator_count; i++)
        c->group_capacity += 4 * d->operators[i].input_count;
    c->groups = store_take_array(&c->temp, c->group_capacity, sizeof(*c->groups));
    c->outside = store_take_array(&c->temp, c->group_capacity, sizeof(*c->outside));
    int32_t *source = store_take_array(&c->temp, c->group_capacity, sizeof(*source));
    if (!c->groups || !c->outside || !source ||
        boundary_insert(d, source, c->outside, c->group_capacity) < 0)
        return no_memory(c);
    c->group_count = d->tensor_count;
    for (uint32_t i = 0; i < d->tensor_count; i++) {
        c->groups[i].parent = (int32_t)i;
        if (range_merge(&c->groups[i].range, &ranges[source[i]]) < 0)
            return no_memory(c);
    }
    return 0;
}

int integer_convert(struct draft *draft, const struct range *ranges,
                    const struct integer_options *options, struct model_error *error)
{
    struct conversion c = {.draft = draft,
                           .options = options,
                           .error = error,
                           .ranges = ranges,
                           .range_count = draft->tensor_count};
    int rc = start_groups(&c, ranges);
    if (rc == 0)
        rc = separate_constants(&c);
    if (rc == 0)
        rc = make_groups(&c);
    if (rc == 0)
        rc = set_tensors(&c);
    if (rc == 0)
        rc = set_layers(&c);
    for (uint32_t i = 0; i < c.group_count; i++)
        range_finish(&c.groups[i].range);
    store_finish(&c.temp);
    return rc;
}
