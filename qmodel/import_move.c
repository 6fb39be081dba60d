// SPDX-License-Identifier: Apache-2.0
//
// Joining, cutting and bordering: along an axis of the value, which is another one of the tensor.

#include <errno.h>
#include <float.h>
#include <string.h>

#include "qmodel/import_nodes.h"

// ---- Concat -----------------------------------------------------------------

// The order that all inputs take: that of the first activation.
static const int32_t *common_order(struct import_value **in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!in[i]->constant && !in[i]->shuffled[0])
            return in[i]->perm;
    return import_plain;
}

static int concat_shape(struct importer *im, struct import_value **in, uint32_t count, int axis,
                        struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX] = {0}, total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (in[i]->rank != in[0]->rank)
            return import_fail(im, -EINVAL, "inputs of %d and %d dimensions", in[0]->rank,
                               in[i]->rank);
        for (int32_t d = 0; d < in[0]->rank; d++)
            if (d != axis && in[i]->dims[d] != in[0]->dims[d])
                return import_fail(im, -EINVAL, "dimension %d is %d and %d", d, in[0]->dims[d],
                                   in[i]->dims[d]);
        total += in[i]->dims[axis];
    }
    for (int32_t d = 0; d < in[0]->rank; d++)
        dims[d] = d == axis ? total : in[0]->dims[d];
    return import_set_shape(im, out, in[0]->rank, dims);
}

int import_concat(struct importer *im, struct import_value **in, uint32_t count,
                  struct import_value *out)
{
    int32_t inputs[GRAPH_ARGUMENTS_MAX], perm[TENSOR_RANK_MAX];
    if (!import_attribute(im, "axis"))
        return import_fail(im, -EINVAL, "no axis");
    int axis = import_axis(im, import_attribute_int(im, "axis", 0), in[0]->rank);
    int rc = axis < 0 ? axis : concat_shape(im, in, count, axis, out);
    if (rc < 0)
        return rc;
    if (count == 1)
        return import_identity(im, in, 1, out);
    memcpy(perm, common_order(in, count), sizeof(perm));
    for (uint32_t i = 0; i < count; i++) {
        if (!in[i])
            return import_fail(im, -EINVAL, "input %u is missing", i);
        inputs[i] = import_arrange(im, in[i], perm);
        if (inputs[i] < 0)
            return inputs[i];
        if (im->draft->tensors[inputs[i]].type != im->draft->tensors[inputs[0]].type)
            return import_fail(im, -ENOTSUP, "inputs of different types");
    }
    memcpy(out->perm, perm, sizeof(perm));
    struct graph_options options = {.axis = import_order_axis(out, axis)};
    return import_emit_value(im, OP_CONCATENATION, &options, count, inputs, out);
}

// ---- Split ------------------------------------------------------------------

static int split_sizes(struct importer *im, const struct import_value *list, int64_t size,
                       int64_t parts, int64_t *sizes)
{
    int32_t count;
    int64_t total = 0, each = (size + parts - 1) / parts;
    int rc = list ? import_ints(im, list, sizes, GRAPH_ARGUMENTS_MAX, &count)
                  : import_attribute_ints(im, "split", sizes, GRAPH_ARGUMENTS_MAX, &count);
    if (rc < 0)
        return rc;
    if (count != 0 && count != parts)
        return import_fail(im, -EINVAL, "%d sizes for %lld outputs", count, (long long)parts);
    for (int64_t i = 0; i < parts; i++) {
        if (count == 0)
            sizes[i] = each < size - total ? each : size - total;
        if (sizes[i] < 1 || sizes[i] > size)
            return import_fail(im, -EINVAL, "part %lld of %lld has size %lld", (long long)i,
                               (long long)size, (long long)sizes[i]);
        total += sizes[i];
    }
    return total == size ? 0
                         : import_fail(im, -EINVAL, "the parts make %lld of %lld", (long long)total,
                                       (long long)size);
}

int import_split(struct importer *im, struct import_value **in, uint32_t count,
                 struct import_value *unused)
{
    struct import_value *x = in[0];
    int64_t sizes[GRAPH_ARGUMENTS_MAX], dims[TENSOR_RANK_MAX];
    int32_t outputs[GRAPH_ARGUMENTS_MAX], held[TENSOR_RANK_MAX], small[GRAPH_ARGUMENTS_MAX];
    uint32_t parts = (uint32_t)im->node->n_output;
    (void)unused;
    int rc = import_need_activation(im, x, "input");
    if (rc == 0 && (parts < 1 || im->node->n_output > GRAPH_ARGUMENTS_MAX))
        rc = import_fail(im, -ENOTSUP, "%zu outputs", im->node->n_output);
    int32_t tensor = rc < 0 ? rc : x->shuffled[0] ? import_arrange(im, x, import_plain) : x->tensor;
    int axis = tensor < 0 ? tensor : import_axis(im, import_attribute_int(im, "axis", 0), x->rank);
    if (axis < 0)
        return axis;
    rc = split_sizes(im, count > 1 ? in[1] : NULL, x->dims[axis], parts, sizes);
    struct draft_tensor like = im->draft->tensors[tensor];
    for (uint32_t i = 0; rc == 0 && i < parts; i++) {
        struct import_value *out = import_output(im, i);
        if (!out)
            return -EINVAL;
        for (int32_t d = 0; d < x->rank; d++)
            dims[d] = d == axis ? sizes[i] : x->dims[d];
        rc = import_set_shape(im, out, x->rank, dims);
        memcpy(out->perm, x->perm, sizeof(out->perm));
        out->type = x->type;
        import_order_dims(out, held);
        if (rc == 0)
            outputs[i] = out->tensor = import_result(im, out, &like, out->rank, held);
        if (rc == 0 && out->tensor < 0)
            return out->tensor;
        small[i] = (int32_t)sizes[i];
    }
    if (rc < 0)
        return rc;
    int32_t at = import_order_axis(x, axis);
    struct graph_options options = {.count = (int32_t)parts};
    int32_t inputs[3] = {tensor, import_ints_tensor(im, small, (int32_t)parts),
                         import_ints_tensor(im, &at, 1)};
    if (inputs[1] < 0 || inputs[2] < 0)
        return -ENOMEM;
    im->draft->tensors[inputs[2]].rank = 0;
    return import_emit(im, OP_SPLIT_V, &options, 3, inputs, parts, outputs);
}

// ---- Slice ------------------------------------------------------------------

struct slices {
    int64_t starts[TENSOR_RANK_MAX], ends[TENSOR_RANK_MAX], axes[TENSOR_RANK_MAX],
        steps[TENSOR_RANK_MAX];
    int32_t count;
};

static int read_slices(struct importer *im, struct import_value **in, uint32_t count,
                       struct slices *s)
{
    int32_t counts[4];
    int rc;
    if (count < 3) { // before operator set 10
        rc = import_attribute_ints(im, "starts", s->starts, TENSOR_RANK_MAX, &counts[0]);
        if (rc == 0)
            rc = import_attribute_ints(im, "ends", s->ends, TENSOR_RANK_MAX, &counts[1]);
        if (rc == 0)
            rc = import_attribute_ints(im, "axes", s->axes, TENSOR_RANK_MAX, &counts[2]);
        counts[3] = 0;
    } else {
        rc = in[1] ? import_ints(im, in[1], s->starts, TENSOR_RANK_MAX, &counts[0]) : -EINVAL;
        counts[2] = counts[3] = 0;
        if (rc == 0)
            rc = in[2] ? import_ints(im, in[2], s->ends, TENSOR_RANK_MAX, &counts[1]) : -EINVAL;
        if (rc == 0 && count > 3 && in[3])
            rc = import_ints(im, in[3], s->axes, TENSOR_RANK_MAX, &counts[2]);
        if (rc == 0 && count > 4 && in[4])
            rc = import_ints(im, in[4], s->steps, TENSOR_RANK_MAX, &counts[3]);
    }
    if (rc < 0)
        return rc;
    s->count = counts[0];
    if (counts[1] != s->count || (counts[2] && counts[2] != s->count) ||
        (counts[3] && counts[3] != s->count) || s->count > in[0]->rank)
        return import_fail(im, -EINVAL, "starts, ends, axes and steps differ in length");
    for (int32_t i = 0; i < s->count; i++) {
        s->axes[i] = counts[2] ? s->axes[i] : i;
        s->steps[i] = counts[3] ? s->steps[i] : 1;
    }
    return 0;
}

// One index of an axis, negative ones from its end, clamped into it.
static int32_t clamped(int64_t index, int32_t size)
{
    index = index < 0 ? (index < -(int64_t)size ? 0 : index + size) : index;
    return (int32_t)(index > size ? size : index);
}

int import_slice(struct importer *im, struct import_value **in, uint32_t count,
                 struct import_value *out)
{
    struct import_value *x = in[0];
    struct slices s;
    int32_t begin[TENSOR_RANK_MAX] = {0}, end[TENSOR_RANK_MAX], step[TENSOR_RANK_MAX];
    int64_t dims[TENSOR_RANK_MAX];
    int rc = import_need_activation(im, x, "input");
    if (rc == 0)
        rc = read_slices(im, in, count, &s);
    int32_t tensor = rc < 0 ? rc : x->shuffled[0] ? import_arrange(im, x, import_plain) : x->tensor;
    if (tensor < 0)
        return tensor == -EINVAL ? import_fail(im, -EINVAL, "starts or ends are missing or wrong")
                                 : tensor;
    for (int32_t i = 0; i < x->rank; i++) {
        dims[i] = end[import_order_axis(x, i)] = x->dims[i];
        step[i] = 1;
    }
    for (int32_t i = 0; i < s.count; i++) {
        int axis = import_axis(im, s.axes[i], x->rank);
        if (axis < 0)
            return axis;
        if (s.steps[i] < 1 || s.steps[i] > INT32_MAX)
            return import_fail(im, -ENOTSUP, "a step of %lld", (long long)s.steps[i]);
        int32_t at = import_order_axis(x, axis);
        begin[at] = clamped(s.starts[i], x->dims[axis]);
        end[at] = clamped(s.ends[i], x->dims[axis]);
        step[at] = (int32_t)s.steps[i];
        dims[axis] = end[at] > begin[at] ? ((int64_t)end[at] - begin[at] + step[at] - 1) / step[at]
                                         : 0;
    }
    rc = import_set_shape(im, out, x->rank, dims);
    memcpy(out->perm, x->perm, sizeof(out->perm));
    int32_t inputs[4] = {tensor};
    const int32_t *lists[3] = {begin, end, step};
    for (int i = 0; rc == 0 && i < 3; i++) {
        inputs[1 + i] = import_ints_tensor(im, lists[i], x->rank);
        if (inputs[1 + i] < 0)
            return inputs[1 + i];
    }
    return rc < 0 ? rc : import_emit_value(im, OP_STRIDED_SLICE, NULL, 4, inputs, out);
}

// ---- Pad --------------------------------------------------------------------

struct border {
    int64_t amounts[2 * TENSOR_RANK_MAX];
    int32_t count;
    float value;
    int32_t axes[TENSOR_RANK_MAX], axis_count;
};

static int read_border(struct importer *im, struct import_value **in, uint32_t count,
                       struct border *b)
{
    int32_t rank = in[0]->rank;
    b->value = import_attribute_float(im, "value", 0);
    int rc = count > 1 && in[1]
                 ? import_ints(im, in[1], b->amounts, 2 * TENSOR_RANK_MAX, &b->count)
                 : import_attribute_ints(im, "pads", b->amounts, 2 * TENSOR_RANK_MAX, &b->count);
    if (rc == 0 && count > 2 && in[2])
        rc = import_float(im, in[2], &b->value);
    b->axis_count = rank;
    for (int32_t i = 0; i < rank; i++)
        b->axes[i] = i;
    if (rc == 0 && count > 3 && in[3])
        rc = import_axes(im, in[3], rank, b->axes, &b->axis_count);
    if (rc == 0 && b->count != 2 * b->axis_count)
        rc = import_fail(im, -EINVAL, "%d amounts for %d dimensions", b->count, b->axis_count);
    for (int32_t i = 0; rc == 0 && i < b->count; i++)
        if (b->amounts[i] < 0 || b->amounts[i] > 65536)
            rc = import_fail(im, -ENOTSUP, "padding by %lld", (long long)b->amounts[i]);
    // TFLite has no infinity in its borders.
    b->value = b->value < -FLT_MAX ? -FLT_MAX : b->value > FLT_MAX ? FLT_MAX : b->value;
    return rc;
}

static int mirror(struct importer *im, int32_t tensor, const int32_t *before, const int32_t *after,
                  struct import_value *out)
{
    int32_t list[2 * TENSOR_RANK_MAX];
    struct graph_options options = {.mode = 0}; // REFLECT
    for (int32_t i = 0; i < out->rank; i++) {
        list[2 * i] = before[i];
        list[2 * i + 1] = after[i];
    }
    int32_t inputs[2] = {tensor, import_ints_tensor(im, list, 2 * out->rank)};
    if (inputs[1] < 0)
        return inputs[1];
    im->draft->tensors[inputs[1]].rank = 2;
    im->draft->tensors[inputs[1]].dims[0] = out->rank;
    im->draft->tensors[inputs[1]].dims[1] = 2;
    return import_emit_value(im, OP_MIRROR_PAD, &options, 2, inputs, out);
}

int import_pad(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    struct import_value *x = in[0];
    struct border b = {0};
    int32_t before[TENSOR_RANK_MAX] = {0}, after[TENSOR_RANK_MAX] = {0};
    int64_t dims[TENSOR_RANK_MAX];
    bool reflects = import_attribute_is(im, "mode", "reflect");
    int rc = import_need_activation(im, x, "input");
    if (rc == 0 && import_attribute(im, "mode") && !reflects &&
        !import_attribute_is(im, "mode", "constant"))
        rc = import_fail(im, -ENOTSUP, "a mode that is neither constant nor reflect");
    if (rc == 0)
        rc = read_border(im, in, count, &b);
    int32_t tensor = rc < 0 ? rc : x->shuffled[0] ? import_arrange(im, x, import_plain) : x->tensor;
    if (tensor < 0)
        return tensor;
    for (int32_t i = 0; i < x->rank; i++)
        dims[i] = x->dims[i];
    for (int32_t i = 0; i < b.axis_count; i++) {
        int32_t at = import_order_axis(x, b.axes[i]);
        before[at] = (int32_t)b.amounts[i];
        after[at] = (int32_t)b.amounts[b.axis_count + i];
        dims[b.axes[i]] += before[at] + after[at];
    }
    rc = import_set_shape(im, out, x->rank, dims);
    memcpy(out->perm, x->perm, sizeof(out->perm));
    out->type = x->type;
    if (rc < 0 || reflects)
        return rc < 0 ? rc : mirror(im, tensor, before, after, out);
    if (x->type != TENSOR_FLOAT32 && b.value != 0)
        return import_fail(im, -ENOTSUP, "a border of %g around integers", (double)b.value);
    out->tensor = import_pad_tensor(im, tensor, out, before, after, b.value);
    return out->tensor < 0 ? out->tensor : 0;
}
