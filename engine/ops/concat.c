// SPDX-License-Identifier: Apache-2.0
//
// CONCATENATION and PACK (many to one), SPLIT and SPLIT_V (one to many): rows copied side by side.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/ops/move.h"
#include "engine/ops/ops.h"

// ---- many to one -------------------------------------------------------------------------------

// TFLite's ConcatenationWithScaling: from the steps of one input to those of the output.
static int rescale_table(struct build *b, const struct graph_tensor *in,
                         const struct graph_tensor *out, const uint8_t **table)
{
    int rc = build_need_int8(b, in);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc < 0 || build_same_quantization(in, out))
        return rc;
    uint8_t *made = build_params(b, 256);
    if (!made)
        return -ENOMEM;
    int32_t offset = out->flip ? 128 : 0;
    float factor = build_scale(in, 0) * (1.0f / build_scale(out, 0));
    float bias = -(float)(in->zero_point + offset) * factor;
    for (int32_t q = -128; q < 128; q++) {
        float real = roundf((float)(q + offset) * factor + bias);
        real = !(real > -1000) ? -1000 : real > 1000 ? 1000 : real; // not a number: the lowest
        int32_t value = (int32_t)real + out->zero_point;
        made[(uint8_t)q] = (uint8_t)(int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
    *table = made;
    return 0;
}

// Elements of one outer row of each input go side by side.
static int join(struct build *b, int32_t axis, const char *kernel)
{
    const struct graph_tensor *out = build_output(b, 0);
    struct move_params *p = move_create(b, b->op->input_count);
    if (!p)
        return -ENOMEM;
    int64_t pitch = build_product(out, axis, out->rank), at = 0,
            outer = build_product(out, 0, axis);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct graph_tensor *in = build_input(b, i);
        int64_t length = graph_elements(in) / outer;
        move_set_rows(&p->moves[i], outer, length, length, pitch);
        p->moves[i].in = i;
        p->moves[i].out_at = at;
        at += length;
        int rc = in->type == TENSOR_INT8 && out->scales.count == 1
                     ? rescale_table(b, in, out, &p->moves[i].table)
                     : 0;
        if (rc < 0)
            return rc;
    }
    return build_layer(b, move_run, kernel, p, p->count) ? 0 : -ENOMEM;
}

static int check_inputs(struct build *b)
{
    for (uint32_t i = 0; i < b->op->input_count; i++) {
        const struct graph_tensor *in = build_input(b, i);
        int rc = in ? move_same_type(b, in, build_output(b, 0)) : -EINVAL;
        if (rc < 0)
            return rc;
    }
    return 0;
}

int op_concatenation(struct build *b)
{
    int rc = build_count(b, 1, GRAPH_ARGUMENTS_MAX, 1);
    const struct graph_tensor *first = rc < 0 ? NULL : build_input(b, 0);
    if (!first)
        return -EINVAL;
    int axis = build_axis(b, b->op->options.axis, first->rank);
    rc = axis < 0 ? axis : check_inputs(b);
    if (rc < 0)
        return rc;
    if (b->op->options.activation != ACTIVATION_NONE)
        return build_fail(b, -ENOTSUP, "fused activation %d", b->op->options.activation);
    int32_t dims[TENSOR_RANK_MAX];
    memcpy(dims, first->dims, sizeof(dims));
    for (uint32_t i = 1; i < b->op->input_count; i++) {
        const struct graph_tensor *in = build_input(b, i);
        bool fits = in->rank == first->rank;
        for (int32_t d = 0; fits && d < first->rank; d++)
            fits = d == axis || in->dims[d] == first->dims[d];
        if (!fits || dims[axis] > INT32_MAX - in->dims[axis])
            return build_fail(b, -EINVAL, "shape of input %u does not fit that of input 0", i);
        dims[axis] += in->dims[axis];
    }
    rc = build_shape(b, 0, first->rank, dims);
    return rc < 0 ? rc : join(b, axis, "concatenation_c");
}

int op_pack(struct build *b)
{
    int rc = build_count(b, 1, GRAPH_ARGUMENTS_MAX, 1);
    const struct graph_tensor *first = rc < 0 ? NULL : build_input(b, 0);
    if (!first)
        return -EINVAL;
    int axis = build_axis(b, b->op->options.axis, first->rank + 1);
    rc = axis < 0 ? axis : check_inputs(b);
    if (rc < 0)
        return rc;
    for (uint32_t i = 1; i < b->op->input_count; i++) {
        const struct graph_tensor *in = build_input(b, i);
        if (in->rank != first->rank ||
            memcmp(in->dims, first->dims, sizeof(*in->dims) * (size_t)in->rank) != 0)
            return build_fail(b, -EINVAL, "shape of input %u is not that of input 0", i);
    }
    if (first->rank == TENSOR_RANK_MAX)
        return build_fail(b, -ENOTSUP, "more than %d dimensions", TENSOR_RANK_MAX);
    int32_t dims[TENSOR_RANK_MAX];
    for (int32_t d = 0; d <= first->rank; d++)
        dims[d] = d < axis    ? first->dims[d]
                  : d == axis ? (int32_t)b->op->input_count
                              : first->dims[d - 1];
    rc = build_shape(b, 0, first->rank + 1, dims);
    return rc < 0 ? rc : join(b, axis, "pack_c");
}

// ---- one to many -------------------------------------------------------------------------------

// Sizes along the axis, equal (SPLIT) or listed with at most one -1 (SPLIT_V).
static int split_sizes(struct build *b, const struct graph_tensor *in, int32_t axis, int32_t *sizes)
{
    int32_t count = (int32_t)b->op->output_count, total = in->dims[axis], given = 0, open = -1;
    if (b->op->code == OP_SPLIT) {
        if (total % count != 0)
            return build_fail(b, -EINVAL, "dimension of %d in %d parts", total, count);
        for (int32_t i = 0; i < count; i++)
            sizes[i] = total / count;
        return 0;
    }
    struct graph_tensor *list = build_integers(b, 1, GRAPH_ARGUMENTS_MAX);
    if (!list)
        return -EINVAL;
    if (graph_elements(list) != count)
        return build_fail(b, -EINVAL, "%lld sizes for %d outputs", (long long)graph_elements(list),
                          count);
    for (int32_t i = 0; i < count; i++) {
        sizes[i] = graph_constant_int(list, i);
        if (sizes[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        if (sizes[i] < 1 || sizes[i] > total - given)
            return build_fail(b, -EINVAL, "part %d of %d has size %d", i, total, sizes[i]);
        given += sizes[i];
    }
    if (open >= 0)
        sizes[open] = total - given;
    else if (given != total)
        return build_fail(b, -EINVAL, "the parts make %d of %d", given, total);
    return 0;
}

int op_split(struct build *b)
{
    bool sized = b->op->code == OP_SPLIT_V;
    uint32_t count = b->op->output_count;
    int rc = count ? build_count(b, sized ? 3 : 2, sized ? 3 : 2, count)
                   : build_fail(b, -EINVAL, "no output");
    if (rc < 0)
        return rc;
    const struct graph_tensor *in = build_input(b, sized ? 0 : 1),
                              *where = build_integers(b, sized ? 2 : 0, 1);
    if (!in || !where)
        return -EINVAL;
    int axis = build_axis(b, graph_constant_int(where, 0), in->rank);
    if (axis < 0)
        return axis;
    int32_t sizes[GRAPH_ARGUMENTS_MAX], dims[TENSOR_RANK_MAX];
    rc = split_sizes(b, in, axis, sizes);
    memcpy(dims, in->dims, sizeof(dims));
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        dims[axis] = sizes[i];
        rc = move_same_type(b, in, build_output(b, i));
        if (rc == 0)
            rc = build_shape(b, i, in->rank, dims);
    }
    struct move_params *p = rc < 0 ? NULL : move_create(b, count);
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    int64_t outer = build_product(in, 0, axis), pitch = build_product(in, axis, in->rank), at = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t length = graph_elements(build_output(b, i)) / outer;
        move_set_rows(&p->moves[i], outer, length, pitch, length);
        p->moves[i].out = i;
        p->moves[i].in_at = at;
        at += length;
    }
    struct layer *layer = build_layer(b, move_run, "split_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->in[0] = b->op->inputs[sized ? 0 : 1];
    return 0;
}
