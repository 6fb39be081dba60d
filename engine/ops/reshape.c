// SPDX-License-Identifier: Apache-2.0
//
// RESHAPE, SQUEEZE and EXPAND_DIMS name the same bytes anew; SHAPE is a constant once shapes are
// known.

#include <errno.h>
#include <string.h>

#include "engine/ops/move.h"
#include "engine/ops/ops.h"

// The wanted shape from the constant input or from the option; at most one -1.
static int wanted_shape(struct build *b, int32_t *rank, int32_t dims[TENSOR_RANK_MAX])
{
    const struct flat_vector *list = &b->op->options.list;
    bool tensor = build_has_input(b, 1) && b->graph->tensors[b->op->inputs[1]].data;
    if (!tensor && !b->op->options.has_list)
        return build_fail(b, -ENOTSUP, "the shape is not constant");
    if (tensor) {
        const struct graph_tensor *shape = build_integers(b, 1, TENSOR_RANK_MAX);
        if (!shape)
            return -EINVAL;
        *rank = (int32_t)graph_elements(shape);
        for (int32_t d = 0; d < *rank; d++)
            dims[d] = graph_constant_int(shape, d);
        return 0;
    }
    if (list->count > TENSOR_RANK_MAX)
        return build_fail(b, -ENOTSUP, "%u dimensions", list->count);
    *rank = (int32_t)list->count;
    for (int32_t d = 0; d < *rank; d++)
        dims[d] = flat_list_i32(list, (uint32_t)d);
    return 0;
}

static int solve_reshape(struct build *b, const struct graph_tensor *in, int32_t *rank,
                         int32_t dims[TENSOR_RANK_MAX])
{
    int rc = wanted_shape(b, rank, dims);
    if (rc < 0)
        return rc;
    int64_t known = 1, elements = graph_elements(in);
    int32_t open = -1;
    for (int32_t d = 0; d < *rank; d++) {
        if (dims[d] == -1 && open < 0)
            open = d;
        else if (dims[d] < 1 || (known *= dims[d]) > elements)
            return build_fail(b, -EINVAL, "%lld elements in a shape with dimension %d of %d",
                              (long long)elements, d, dims[d]);
    }
    if (open >= 0)
        dims[open] = (int32_t)(elements / known);
    if (open >= 0 ? elements % known != 0 : known != elements)
        return build_fail(b, -EINVAL, "%lld elements do not fill a shape of %lld",
                          (long long)elements, (long long)known);
    return 0;
}

static int solve_squeeze(struct build *b, const struct graph_tensor *in, int32_t *rank,
                         int32_t dims[TENSOR_RANK_MAX])
{
    const struct flat_vector *list = &b->op->options.list;
    uint32_t drop = 0;
    for (uint32_t i = 0; i < list->count && i < 64; i++) {
        int axis = build_axis(b, flat_list_i32(list, i), in->rank);
        if (axis < 0)
            return axis;
        if (in->dims[axis] != 1)
            return build_fail(b, -EINVAL, "dimension %d is %d, not 1", axis, in->dims[axis]);
        drop |= 1u << axis;
    }
    *rank = 0;
    for (int32_t d = 0; d < in->rank; d++)
        if (list->count ? !(drop >> d & 1) : in->dims[d] != 1)
            dims[(*rank)++] = in->dims[d];
    return 0;
}

static int solve_expand(struct build *b, const struct graph_tensor *in, int32_t *rank,
                        int32_t dims[TENSOR_RANK_MAX])
{
    const struct graph_tensor *where = build_integers(b, 1, 1);
    int axis = where ? build_axis(b, graph_constant_int(where, 0), in->rank + 1) : -EINVAL;
    if (axis < 0)
        return axis;
    if (in->rank == TENSOR_RANK_MAX)
        return build_fail(b, -ENOTSUP, "more than %d dimensions", TENSOR_RANK_MAX);
    *rank = in->rank + 1;
    for (int32_t d = 0; d < *rank; d++)
        dims[d] = d < axis ? in->dims[d] : d == axis ? 1 : in->dims[d - 1];
    return 0;
}

int op_reshape(struct build *b)
{
    int32_t rank = 0, dims[TENSOR_RANK_MAX];
    int rc = build_count(b, 1, 2, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0);
    if (!in)
        return -EINVAL;
    rc = move_same_type(b, in, build_output(b, 0));
    if (rc < 0)
        return rc;
    switch (b->op->code) {
    case OP_SQUEEZE: rc = solve_squeeze(b, in, &rank, dims); break;
    case OP_EXPAND_DIMS: rc = solve_expand(b, in, &rank, dims); break;
    default: rc = solve_reshape(b, in, &rank, dims); break;
    }
    if (rc == 0)
        rc = build_shape(b, 0, rank, dims);
    return rc < 0 ? rc : build_alias(b);
}

int op_shape(struct build *b)
{
    int rc = build_count(b, 1, 1, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0);
    if (!in)
        return -EINVAL;
    struct graph_tensor *out = build_output(b, 0);
    if (out->type != TENSOR_INT32 && out->type != TENSOR_INT64)
        return build_need_type(b, out, TENSOR_INT32);
    rc = build_shape(b, 0, 1, &in->rank);
    if (rc < 0)
        return rc;
    size_t element = tensor_type_size(out->type);
    uint8_t *data = store_take_array(b->temp, (size_t)in->rank, element);
    if (!data)
        return build_fail(b, -ENOMEM, "no memory for a shape");
    for (int32_t d = 0; d < in->rank; d++) {
        int64_t wide = in->dims[d];
        memcpy(data + (size_t)d * element, &wide, element); // little-endian: the low half comes
                                                            // first
    }
    out->data = data;
    out->data_bytes = (size_t)in->rank * element;
    return 0;
}
