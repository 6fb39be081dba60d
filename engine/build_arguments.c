// SPDX-License-Identifier: Apache-2.0
//
// What an operator's builder asks of its inputs and outputs: how many, which shape, which numbers.
#include "engine/build.h"

#include <errno.h>
#include <math.h>
#include <string.h>

// ---- arguments ---------------------------------------------------------------------------------

int build_count(struct build *b, uint32_t low, uint32_t high, uint32_t outputs)
{
    if (b->op->input_count < low || b->op->input_count > high)
        return build_fail(b, -EINVAL, "%u inputs, expected %u to %u", b->op->input_count, low,
                          high);
    if (b->op->output_count != outputs)
        return build_fail(b, -EINVAL, "%u outputs, expected %u", b->op->output_count, outputs);
    return 0;
}

bool build_has_input(const struct build *b, uint32_t index)
{
    return index < b->op->input_count && b->op->inputs[index] != GRAPH_ABSENT;
}

struct graph_tensor *build_input(struct build *b, uint32_t index)
{
    if (!build_has_input(b, index)) {
        build_fail(b, -EINVAL, "input %u is missing", index);
        return NULL;
    }
    return &b->graph->tensors[b->op->inputs[index]];
}

struct graph_tensor *build_output(struct build *b, uint32_t index)
{
    return &b->graph->tensors[b->op->outputs[index]];
}

struct graph_tensor *build_integers(struct build *b, uint32_t index, int64_t most)
{
    struct graph_tensor *t = build_input(b, index);
    if (!t)
        return NULL;
    if (!t->data || (t->type != TENSOR_INT32 && t->type != TENSOR_INT64)) {
        build_fail(b, -ENOTSUP, "tensor '%s' must be a constant of integers", t->name);
        return NULL;
    }
    if (graph_elements(t) > most) {
        build_fail(b, -EINVAL, "tensor '%s' has %lld elements, at most %lld make sense", t->name,
                   (long long)graph_elements(t), (long long)most);
        return NULL;
    }
    return t;
}

int64_t build_product(const struct graph_tensor *tensor, int32_t from, int32_t to)
{
    int64_t n = 1;
    for (int32_t i = from; i < to; i++)
        n *= tensor->dims[i];
    return n;
}

int build_axis(struct build *b, int32_t axis, int32_t rank)
{
    if (axis < -rank || axis >= rank)
        return build_fail(b, -EINVAL, "axis %d of %d dimensions", axis, rank);
    return axis < 0 ? axis + rank : axis;
}

int build_shape(struct build *b, uint32_t index, int32_t rank, const int32_t *dims)
{
    struct graph_tensor *t = build_output(b, index);
    if (rank > TENSOR_RANK_MAX)
        return build_fail(b, -ENOTSUP, "output with %d dimensions, at most %d are supported", rank,
                          TENSOR_RANK_MAX);
    int64_t elements = 1;
    for (int32_t d = 0; d < rank; d++) {
        if (dims[d] < 1)
            return build_fail(b, -EINVAL, "output dimension %d would be %d", d, dims[d]);
        elements *= dims[d];
        if (elements > GRAPH_ELEMENTS_MAX)
            return build_fail(b, -EINVAL, "output with more than 2^28 elements");
    }
    t->rank = rank;
    memcpy(t->dims, dims, sizeof(*dims) * (size_t)rank);
    t->known = true;
    return 0;
}

int build_shape_like(struct build *b, uint32_t index, const struct graph_tensor *like)
{
    return build_shape(b, index, like->rank, like->dims);
}

// ---- quantization ------------------------------------------------------------------------------

float build_scale(const struct graph_tensor *tensor, int32_t channel)
{
    return flat_list_f32(&tensor->scales, tensor->scales.count > 1 ? (uint32_t)channel : 0);
}

int build_need_type(struct build *b, const struct graph_tensor *tensor, int32_t type)
{
    if (tensor->type == type)
        return 0;
    return build_fail(b, -ENOTSUP, "tensor '%s' is %s, expected %s", tensor->name,
                      tensor_type_name(tensor->type), tensor_type_name(type));
}

int build_need_int8(struct build *b, const struct graph_tensor *tensor)
{
    if (tensor->type == TENSOR_INT16)
        return build_fail(b, -ENOTSUP, "tensor '%s' is int16: this operator has no 16x8 form here",
                          tensor->name);
    int rc = build_need_type(b, tensor, TENSOR_INT8);
    if (rc < 0)
        return rc;
    if (tensor->scales.count != 1)
        return build_fail(b, -EINVAL, "tensor '%s' has %u scales, expected 1", tensor->name,
                          tensor->scales.count);
    float scale = build_scale(tensor, 0);
    if (!(scale > 0) || !isfinite(scale))
        return build_fail(b, -EINVAL, "tensor '%s' has the scale %g", tensor->name, (double)scale);
    return 0;
}

bool build_same_quantization(const struct graph_tensor *a, const struct graph_tensor *b)
{
    return a->zero_point == b->zero_point && build_scale(a, 0) == build_scale(b, 0);
}

int build_activation_float(struct build *b, int32_t activation, float *low, float *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    switch (activation) {
    case ACTIVATION_NONE: return 0;
    case ACTIVATION_RELU: *low = 0; return 0;
    case ACTIVATION_RELU6: *low = 0, *high = 6; return 0;
    case ACTIVATION_RELU_N1_TO_1: *low = -1, *high = 1; return 0;
    }
    return build_fail(b, -ENOTSUP, "fused activation %d", activation);
}

// In the file's own counting: legacy uint8 tensors round at 128 more.
static int32_t activation_step(const struct graph_tensor *out, float bound)
{
    float offset = out->flip ? 128 : 0;
    float value = bound / build_scale(out, 0) + ((float)out->zero_point + offset);
    float low = -128 + offset, high = 127 + offset;
    return (int32_t)lrintf(value < low ? low : value > high ? high : value) - (int32_t)offset;
}

int build_activation(struct build *b, const struct graph_tensor *out, int32_t activation,
                     int32_t *low, int32_t *high)
{
    float from, to;
    int rc = build_activation_float(b, activation, &from, &to);
    if (rc < 0)
        return rc;
    *low = from > -INFINITY ? activation_step(out, from) : -128;
    *high = to < INFINITY ? activation_step(out, to) : 127;
    return 0;
}
