// SPDX-License-Identifier: Apache-2.0
//
// SLICE, STRIDED_SLICE and TRANSPOSE: one tensor read in another order.

#include <errno.h>
#include <string.h>

#include "engine/ops/move.h"
#include "engine/ops/ops.h"

// One copy of output 0's shape; the caller sets in_at and in_stride for the `rank` loops given.
static int add_copy(struct build *b, const char *kernel, int32_t rank, const int32_t *dims,
                    int64_t at, const int64_t *in_stride)
{
    struct move_params *p = move_create(b, 1);
    if (!p)
        return -ENOMEM;
    struct move *m = p->moves;
    if (rank == 0) {
        move_set_rows(m, 1, 1, 1, 1);
    } else {
        m->rank = rank;
        memcpy(m->dims, dims, sizeof(*dims) * (size_t)rank);
        memcpy(m->in_stride, in_stride, sizeof(*in_stride) * (size_t)rank);
        int64_t step = 1;
        for (int32_t d = rank; d-- > 0; step *= dims[d])
            m->out_stride[d] = step;
    }
    m->in_at = at;
    return build_layer(b, move_run, kernel, p, 1) ? 0 : -ENOMEM;
}

static int get_input(struct build *b, uint32_t inputs, const struct graph_tensor **in)
{
    int rc = build_count(b, inputs, inputs, 1);
    if (rc < 0)
        return rc;
    *in = build_input(b, 0);
    return *in ? move_same_type(b, *in, build_output(b, 0)) : -EINVAL;
}

// A constant list with one element per dimension of the input (or fewer when `fewer`).
static int get_list(struct build *b, uint32_t index, const struct graph_tensor *in, bool fewer,
                    const struct graph_tensor **list)
{
    *list = build_integers(b, index, TENSOR_RANK_MAX);
    if (!*list)
        return -EINVAL;
    int64_t count = graph_elements(*list);
    if (count > in->rank || (!fewer && count != in->rank))
        return build_fail(b, -EINVAL, "%lld values in '%s' for %d dimensions", (long long)count,
                          (*list)->name, in->rank);
    return 0;
}

int op_slice(struct build *b)
{
    const struct graph_tensor *in, *begin, *size;
    int rc = get_input(b, 3, &in);
    if (rc == 0)
        rc = get_list(b, 1, in, false, &begin);
    if (rc == 0)
        rc = get_list(b, 2, in, false, &size);
    if (rc < 0)
        return rc;
    int32_t dims[TENSOR_RANK_MAX];
    int64_t stride[TENSOR_RANK_MAX], at = 0;
    move_strides(in, stride);
    for (int32_t d = 0; d < in->rank; d++) {
        int32_t from = graph_constant_int(begin, d);
        dims[d] = graph_constant_int(size, d);
        if (dims[d] == -1)
            dims[d] = in->dims[d] - (from < 0 ? 0 : from);
        if (from < 0 || from >= in->dims[d] || dims[d] < 1 || dims[d] > in->dims[d] - from)
            return build_fail(b, -EINVAL, "dimension %d of %d: %d elements from %d", d, in->dims[d],
                              dims[d], from);
        at += from * stride[d];
    }
    rc = build_shape(b, 0, in->rank, dims);
    return rc < 0 ? rc : add_copy(b, "slice_c", in->rank, dims, at, stride);
}

int op_transpose(struct build *b)
{
    const struct graph_tensor *in, *order;
    int rc = get_input(b, 2, &in);
    if (rc == 0)
        rc = get_list(b, 1, in, false, &order);
    if (rc < 0)
        return rc;
    int32_t dims[TENSOR_RANK_MAX];
    int64_t stride[TENSOR_RANK_MAX], moved[TENSOR_RANK_MAX];
    uint32_t seen = 0;
    move_strides(in, stride);
    for (int32_t d = 0; d < in->rank; d++) {
        int axis = build_axis(b, graph_constant_int(order, d), in->rank);
        if (axis < 0)
            return axis;
        seen |= 1u << axis;
        dims[d] = in->dims[axis];
        moved[d] = stride[axis];
    }
    if (seen != (1u << in->rank) - 1)
        return build_fail(b, -EINVAL, "an axis appears twice in the permutation");
    rc = build_shape(b, 0, in->rank, dims);
    return rc < 0 ? rc : add_copy(b, "transpose_c", in->rank, dims, 0, moved);
}

// ---- strided slice -----------------------------------------------------------------------------

struct range {
    int64_t start, count, step;
};

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

// One axis, by TFLite's rules for masks and negative positions.
static int solve_range(struct build *b, int32_t axis, int64_t size, int64_t begin, int64_t end,
                       int64_t step, struct range *range)
{
    const struct graph_options *o = &b->op->options;
    if (step == 0)
        return build_fail(b, -EINVAL, "stride 0 in dimension %d", axis);
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    if (o->mode) // `end` counts from `begin`
        end += begin;
    int64_t start = clamp(begin < 0 ? begin + size : begin, low, high);
    int64_t stop = clamp(end < 0 ? end + size : end, low, high);
    if (o->begin_mask >> axis & 1)
        start = step > 0 ? 0 : size - 1;
    if (o->end_mask >> axis & 1)
        stop = step > 0 ? size : -1;
    range->start = start;
    range->step = step;
    if (o->shrink_mask >> axis & 1) {
        range->count = 1;
        if (start < 0 || start >= size)
            return build_fail(b, -EINVAL, "index %lld of dimension %d", (long long)begin, axis);
        return 0;
    }
    int64_t span = step > 0 ? stop - start : start - stop, stride = step > 0 ? step : -step;
    range->count = span > 0 ? (span + stride - 1) / stride : 0;
    return 0;
}

int op_strided_slice(struct build *b)
{
    const struct graph_tensor *in, *begin, *end, *steps;
    int rc = get_input(b, 4, &in);
    if (rc == 0)
        rc = get_list(b, 1, in, true, &begin);
    if (rc == 0)
        rc = get_list(b, 2, in, true, &end);
    if (rc == 0)
        rc = get_list(b, 3, in, true, &steps);
    if (rc < 0)
        return rc;
    int64_t given = graph_elements(begin);
    if (graph_elements(end) != given || graph_elements(steps) != given)
        return build_fail(b, -EINVAL, "begin, end and strides differ in length");
    if (b->op->options.ellipsis_mask || b->op->options.new_axis_mask)
        return build_fail(b, -ENOTSUP, "ellipsis or new axis");
    int32_t dims[TENSOR_RANK_MAX], rank = 0;
    int64_t stride[TENSOR_RANK_MAX], moved[TENSOR_RANK_MAX], at = 0;
    move_strides(in, stride);
    for (int32_t d = 0; d < in->rank; d++) {
        struct range r = {0, in->dims[d], 1};
        if (d < given)
            rc = solve_range(b, d, in->dims[d], graph_constant_int(begin, d),
                             graph_constant_int(end, d), graph_constant_int(steps, d), &r);
        if (rc < 0)
            return rc;
        at += r.start * stride[d];
        if (d < given && (b->op->options.shrink_mask >> d & 1))
            continue;
        dims[rank] = (int32_t)r.count;
        moved[rank++] = r.step * stride[d];
    }
    rc = build_shape(b, 0, rank, dims);
    return rc < 0 ? rc : add_copy(b, "strided_slice_c", rank, dims, at, moved);
}
