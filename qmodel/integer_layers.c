// SPDX-License-Identifier: Apache-2.0
//
// Layers with weights: int8 weights by channel, and biases in steps of input times weights.

#include <math.h>
#include <string.h>

#include "qmodel/conversion.h"
#include "qmodel/correction.h"
#include "qmodel/weights.h"

// Biases stay well inside int32 (16x8: what doubles and 64-bit sums hold), so that sums do.
#define BIAS_MOST 0x1p30f
#define BIAS_MOST_WIDE 0x1p38f

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
        return conversion_no_memory(c);
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
    return conversion_add_tensor(c, &bias);
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
        return conversion_no_memory(c);
    int32_t weights = weights_to_int8(c->draft, op, c->options->per_tensor, c->options->clipped,
                                      floor);
    if (weights < 0 || c->group_count == c->group_capacity)
        return conversion_no_memory(c);
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

int conversion_set_layers(struct conversion *c)
{
    for (uint32_t i = 0; i < c->draft->operator_count; i++) {
        struct draft_operator *op = &c->draft->operators[i];
        int rc = weights_are(op, 1) && !op->keep ? set_layer(c, i) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}
