// SPDX-License-Identifier: Apache-2.0
#include "qmodel/integer.h"

#include <errno.h>
#include <math.h>

#include "qmodel/boundary.h"
#include "qmodel/conversion.h"
#include "qmodel/weights.h"

static int32_t inner_type(const struct conversion *c)
{
    return c->options->wide ? TENSOR_INT16 : TENSOR_INT8;
}

static int solve_group(struct conversion *c, int32_t tensor)
{
    struct group *group = &c->groups[tensor];
    float low, high;
    if (group->parent != tensor || group->fixed || !conversion_is_float(c, tensor) ||
        group->range.samples == 0)
        return 0;
    range_solve(&group->range, c->options->method, c->options->percentile, &low, &high);
    if (!c->options->wide) {
        range_steps(low, high, &group->scale, &group->zero_point);
        return 0;
    }
    group->scale = fmaxf(-low, high) / CONVERSION_WIDE_STEPS;
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
        return conversion_no_memory(c);
    for (size_t i = 0; i < n; i++)
        if (c->options->wide)
            ((int16_t *)q)[i] = (int16_t)to_step(from[i], group, -CONVERSION_WIDE_STEPS,
                                                 CONVERSION_WIDE_STEPS);
        else
            ((int8_t *)q)[i] = (int8_t)to_step(from[i], group, -128, 127);
    t->data = q;
    t->data_bytes = n * element;
    return 0;
}

static int set_tensor(struct conversion *c, int32_t index)
{
    struct draft_tensor *t = &c->draft->tensors[index];
    const struct group *group = conversion_group(c, index);
    float *scale = store_take(&c->draft->store, sizeof(*scale));
    if (!scale)
        return conversion_no_memory(c);
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
            if (conversion_is_float(c, op->inputs[j]))
                rc = set_tensor(c, op->inputs[j]);
        for (uint32_t j = 0; rc == 0 && j < op->output_count; j++)
            if (conversion_is_float(c, op->outputs[j]))
                rc = set_tensor(c, op->outputs[j]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

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
        return conversion_no_memory(c);
    c->group_count = d->tensor_count;
    for (uint32_t i = 0; i < d->tensor_count; i++) {
        c->groups[i].parent = (int32_t)i;
        if (range_merge(&c->groups[i].range, &ranges[source[i]]) < 0)
            return conversion_no_memory(c);
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
        rc = conversion_separate_constants(&c);
    if (rc == 0)
        rc = conversion_make_groups(&c);
    if (rc == 0)
        rc = set_tensors(&c);
    if (rc == 0)
        rc = conversion_set_layers(&c);
    for (uint32_t i = 0; i < c.group_count; i++)
        range_finish(&c.groups[i].range);
    store_finish(&c.temp);
    return rc;
}
