// SPDX-License-Identifier: Apache-2.0
//
// Nodes of constants only: what exporters leave around shapes (Shape, Gather, Concat …) and weights
// (Transpose, Unsqueeze, Cast …). Every result takes memory, which is bounded, and so is the work.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/import_nodes.h"

void *import_fold_take(struct importer *im, struct import_value *out)
{
    void *data = import_take(im, (size_t)import_elements(out), tensor_type_size(out->type));
    out->data = data;
    out->constant = true;
    return data;
}

typedef int fold(struct importer *im, struct import_value **in, uint32_t count,
                 struct import_value *out);

// ---- the same elements ------------------------------------------------------

// Scales go along an axis that a new shape may not have any more.
static void drop_origin(struct import_value *out)
{
    if (out->origin.scale_count > 1)
        out->origin.data = NULL;
}

static int take_shape(struct importer *im, const struct import_value *x, int32_t rank,
                      const int64_t *dims, struct import_value *out)
{
    const char *name = out->name;
    int64_t elements = 1;
    if (rank < 0)
        return rank;
    *out = *x;
    out->name = name;
    out->rank = rank;
    for (int32_t i = 0; i < rank; i++) {
        bool many = dims[i] > GRAPH_ELEMENTS_MAX || elements > GRAPH_ELEMENTS_MAX;
        out->dims[i] = (int32_t)dims[i];
        elements = many ? GRAPH_ELEMENTS_MAX + 1 : elements * dims[i];
    }
    if (rank != x->rank || memcmp(out->dims, x->dims, (size_t)rank * sizeof(out->dims[0])) != 0)
        drop_origin(out);
    return elements == import_elements(x)
               ? 0
               : import_fail(im, -EINVAL, "%lld elements into a shape of %lld",
                             (long long)import_elements(x), (long long)elements);
}

static int fold_reshape(struct importer *im, struct import_value **in, uint32_t count,
                        struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    return take_shape(im, in[0], import_reshape_dims(im, in[0], count > 1 ? in[1] : NULL, dims),
                      dims, out);
}

static int fold_flatten(struct importer *im, struct import_value **in, uint32_t count,
                        struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    (void)count;
    return take_shape(im, in[0], import_flatten_dims(im, in[0], dims), dims, out);
}

static int fold_squeeze(struct importer *im, struct import_value **in, uint32_t count,
                        struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    return take_shape(im, in[0], import_squeeze_dims(im, in[0], count > 1 ? in[1] : NULL, dims),
                      dims, out);
}

static int fold_unsqueeze(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    return take_shape(im, in[0], import_unsqueeze_dims(im, in[0], count > 1 ? in[1] : NULL, dims),
                      dims, out);
}

static int fold_identity(struct importer *im, struct import_value **in, uint32_t count,
                         struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    (void)count;
    for (int32_t i = 0; i < in[0]->rank; i++)
        dims[i] = in[0]->dims[i];
    return take_shape(im, in[0], in[0]->rank, dims, out);
}

static int fold_transpose(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    const struct import_value *x = in[0];
    int32_t perm[TENSOR_RANK_MAX];
    (void)count;
    int rc = import_transpose_perm(im, x->rank, perm);
    if (rc < 0)
        return rc;
    out->rank = x->rank;
    out->type = x->type;
    out->origin = x->origin;
    for (int32_t i = 0; i < x->rank; i++) {
        out->dims[i] = x->dims[perm[i]];
        if (x->origin.scale_count > 1 && perm[i] == x->origin.axis)
            out->origin.axis = i;
    }
    out->constant = true;
    out->data = import_permute(im, x->data, tensor_type_size(x->type), x->rank, x->dims, perm);
    if (out->data && x->origin.data)
        out->origin.data = import_permute(im, x->origin.data, tensor_type_size(x->origin.type),
                                          x->rank, x->dims, perm);
    return out->data ? 0 : -ENOMEM;
}

// ---- numbers ----------------------------------------------------------------

static double number_at(const struct import_value *x, int64_t i)
{
    return x->type == TENSOR_FLOAT32 ? (double)((const float *)x->data)[i]
                                     : (double)import_int_at(x, i);
}

static int set_number(struct importer *im, struct import_value *out, int64_t i, double value)
{
    if (out->type == TENSOR_FLOAT32) {
        ((float *)out->data)[i] = (float)value;
        return 0;
    }
    if (!(value > -9e18 && value < 9e18))
        return import_fail(im, -EINVAL, "an integer of %g", value);
    if (out->type == TENSOR_INT64)
        ((int64_t *)out->data)[i] = (int64_t)value;
    else if (out->type == TENSOR_INT32)
        ((int32_t *)out->data)[i] = value < INT32_MIN   ? INT32_MIN
                                    : value > INT32_MAX ? INT32_MAX
                                                        : (int32_t)value;
    else
        return import_fail(im, -ENOTSUP, "computing with %s", tensor_type_name(out->type));
    return 0;
}

// A list of `count` numbers, or one number (rank 0), of that type.
static int start_list(struct importer *im, struct import_value *out, int32_t type, int32_t rank,
                      int64_t count)
{
    if (count > GRAPH_ELEMENTS_MAX)
        return import_fail(im, -ENOTSUP, "%lld constants", (long long)count);
    out->type = type;
    out->rank = rank;
    out->dims[0] = (int32_t)count;
    out->constant = true;
    out->data = import_take(im, (size_t)count, tensor_type_size(type));
    return out->data ? 0 : -ENOMEM;
}

static int fold_cast(struct importer *im, struct import_value **in, uint32_t count,
                     struct import_value *out)
{
    static const struct {
        int64_t onnx;
        int32_t type;
    } to[] = {
        {1, TENSOR_FLOAT32},  {6, TENSOR_INT32},    {7, TENSOR_INT64},
        {10, TENSOR_FLOAT32}, {11, TENSOR_FLOAT32},
    };
    int64_t wanted = import_attribute_int(im, "to", 0), n = import_elements(in[0]);
    int32_t type = -1;
    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
        type = to[i].onnx == wanted ? to[i].type : type;
    if (type < 0)
        return import_fail(im, -ENOTSUP, "to ONNX type %lld", (long long)wanted);
    if (type == in[0]->type)
        return fold_identity(im, in, count, out);
    int rc = start_list(im, out, type, in[0]->rank, n);
    memcpy(out->dims, in[0]->dims, sizeof(out->dims));
    for (int64_t i = 0; rc == 0 && i < n; i++)
        rc = set_number(im, out, i, number_at(in[0], i));
    return rc;
}

static int fold_gather(struct importer *im, struct import_value **in, uint32_t count,
                       struct import_value *out)
{
    int64_t n = import_elements(in[1]);
    if (count < 2 || in[0]->rank != 1 || in[1]->rank > 1 || in[1]->type == TENSOR_FLOAT32)
        return import_fail(im, -ENOTSUP, "other than numbers of a list");
    int rc = start_list(im, out, in[0]->type, in[1]->rank, n);
    for (int64_t i = 0; rc == 0 && i < n; i++) {
        int64_t at = import_int_at(in[1], i);
        at = at < 0 ? at + in[0]->dims[0] : at;
        rc = at < 0 || at >= in[0]->dims[0]
                 ? import_fail(im, -EINVAL, "number %lld of %d", (long long)at, in[0]->dims[0])
                 : set_number(im, out, i, number_at(in[0], at));
    }
    return rc;
}

static int fold_concat(struct importer *im, struct import_value **in, uint32_t count,
                       struct import_value *out)
{
    int64_t total = 0, at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!in[i] || in[i]->rank != 1 || in[i]->type != in[0]->type)
            return import_fail(im, -ENOTSUP, "constants other than lists of one type");
        total += in[i]->dims[0];
    }
    int rc = start_list(im, out, in[0]->type, 1, total);
    for (uint32_t i = 0; i < count; i++)
        for (int64_t j = 0; rc == 0 && j < in[i]->dims[0]; j++)
            rc = set_number(im, out, at++, number_at(in[i], j));
    return rc;
}

// One end of a slice: counted from the axis's end if negative, clamped to what a step of that sign
// can reach.
static int64_t slice_end(int64_t index, int64_t size, bool backwards)
{
    index = index < -size ? (backwards ? -1 : 0) : index < 0 ? index + size : index;
    return index > size - backwards ? size - backwards : index;
}

// Axis by axis: where it starts, how far it steps and how often. starts, ends, axes, steps are
// inputs 1 to 4.
static int read_slice(struct importer *im, struct import_value **in, uint32_t count, int64_t *first,
                      int64_t *step, int64_t *kept)
{
    int64_t lists[4][TENSOR_RANK_MAX] = {{0}};
    int32_t counts[4] = {0};
    for (uint32_t i = 1; i < count && i < 5; i++) {
        int rc = in[i] ? import_ints(im, in[i], lists[i - 1], TENSOR_RANK_MAX, &counts[i - 1]) : 0;
        if (rc < 0)
            return rc;
    }
    if (counts[1] != counts[0] || (counts[2] && counts[2] != counts[0]) ||
        (counts[3] && counts[3] != counts[0]) || counts[0] > in[0]->rank)
        return import_fail(im, -EINVAL, "starts, ends, axes and steps differ in length");
    for (int32_t i = 0; i < counts[0]; i++) {
        int axis = import_axis(im, counts[2] ? lists[2][i] : i, in[0]->rank);
        int64_t by = counts[3] ? lists[3][i] : 1, size = axis < 0 ? 0 : in[0]->dims[axis];
        if (axis < 0 || by == 0 || by < -GRAPH_ELEMENTS_MAX || by > GRAPH_ELEMENTS_MAX)
            return axis < 0 ? axis : import_fail(im, -EINVAL, "a step of %lld", (long long)by);
        int64_t from = slice_end(lists[0][i], size, by < 0),
                to = slice_end(lists[1][i], size, by < 0);
        int64_t room = by > 0 ? to - from : from - to;
        if (by < 0 && lists[0][i] < -size)
            room = 0;
        first[axis] = from;
        step[axis] = by;
        kept[axis] = room > 0 ? (room - 1) / (by > 0 ? by : -by) + 1 : 0;
    }
    return 0;
}

static int fold_slice(struct importer *im, struct import_value **in, uint32_t count,
                      struct import_value *out)
{
    const struct import_value *x = in[0];
    int64_t first[TENSOR_RANK_MAX] = {0}, step[TENSOR_RANK_MAX], kept[TENSOR_RANK_MAX],
            at[TENSOR_RANK_MAX] = {0}, n = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        kept[i] = x->dims[i];
        step[i] = 1;
    }
    int rc = count < 3 ? import_fail(im, -ENOTSUP, "a part of a constant that attributes choose")
                       : read_slice(im, in, count, first, step, kept);
    for (int32_t i = 0; i < x->rank; i++)
        n *= kept[i];
    if (rc == 0)
        rc = start_list(im, out, x->type, x->rank, n);
    for (int32_t i = 0; rc == 0 && i < x->rank; i++)
        out->dims[i] = (int32_t)kept[i];
    for (int64_t k = 0; rc == 0 && k < n; k++) {
        int64_t from = 0;
        for (int32_t i = 0; i < x->rank; i++)
            from = from * x->dims[i] + first[i] + at[i] * step[i];
        rc = set_number(im, out, k, number_at(x, from));
        for (int32_t i = x->rank; i-- > 0 && ++at[i] == kept[i];)
            at[i] = 0;
    }
    return rc;
}

static double compute(const char *name, bool whole, double a, double b)
{
    switch (name[0]) {
    case 'A': return a + b;
    case 'S': return a - b;
    case 'M': return a * b;
    default: return whole ? (b == 0 ? 0 : trunc(a / b)) : a / b;
    }
}

// Add, Sub, Mul, Div of equal shapes, or one of them a single number.
static int fold_arithmetic(struct importer *im, struct import_value **in, uint32_t count,
                           struct import_value *out)
{
    const struct import_value *a = in[0], *b = in[1], *shape;
    int64_t n = import_elements(a), m = import_elements(b);
    (void)count;
    if (a->type != b->type || (n != m && n != 1 && m != 1))
        return import_fail(im, -ENOTSUP, "constants of different shapes or types");
    shape = n >= m && a->rank >= b->rank ? a : b;
    int64_t total = n > m ? n : m;
    if (import_elements(shape) != total)
        return import_fail(im, -ENOTSUP, "constants of different shapes");
    int rc = start_list(im, out, a->type, shape->rank, total);
    memcpy(out->dims, shape->dims, sizeof(out->dims));
    for (int64_t i = 0; rc == 0 && i < total; i++)
        rc = set_number(im, out, i,
                        compute(im->node->op_type, a->type != TENSOR_FLOAT32,
                                number_at(a, n == 1 ? 0 : i), number_at(b, m == 1 ? 0 : i)));
    return rc;
}

// One number everywhere; 0.0 if there is none.
static int fold_fill(struct importer *im, struct import_value **in, uint32_t count,
                     struct import_value *out)
{
    const Onnx__Attribute *given = import_attribute(im, "value");
    struct import_value number = {
        .name = "value", .type = TENSOR_FLOAT32, .rank = 0, .data = (const float[]){0}};
    int64_t dims[TENSOR_RANK_MAX], elements = 1;
    int32_t rank;
    (void)count;
    int rc = import_ints(im, in[0], dims, TENSOR_RANK_MAX, &rank);
    if (rc == 0 && given && given->t)
        rc = import_tensor_read(im, given->t, &number);
    if (rc == 0 && (import_elements(&number) != 1 ||
                    (number.type != TENSOR_FLOAT32 && number.type != TENSOR_INT32 &&
                     number.type != TENSOR_INT64)))
        rc = import_fail(im, -ENOTSUP, "a value that is not one float or integer");
    for (int32_t i = 0; rc == 0 && i < rank; i++) {
        if (dims[i] < 1 || dims[i] > GRAPH_ELEMENTS_MAX || elements * dims[i] > GRAPH_ELEMENTS_MAX)
            rc = import_fail(im, -EINVAL, "dimension %d is %lld", i, (long long)dims[i]);
        else
            elements *= dims[i];
    }
    if (rc == 0)
        rc = start_list(im, out, number.type, rank, elements);
    for (int32_t i = 0; rc == 0 && i < rank; i++)
        out->dims[i] = (int32_t)dims[i];
    for (int64_t i = 0; rc == 0 && i < elements; i++)
        rc = set_number(im, out, i, number_at(&number, 0));
    return rc;
}

static int fold_shape(struct importer *im, struct import_value **in, uint32_t count,
                      struct import_value *out)
{
    return import_shape(im, in, count, out);
}

// ---- the table --------------------------------------------------------------

static const struct {
    const char *name;
    fold *run;
} folds[] = {
    {"Identity", fold_identity},
    {"Dropout", fold_identity},
    {"Cast", fold_cast},
    {"Reshape", fold_reshape},
    {"Flatten", fold_flatten},
    {"Squeeze", fold_squeeze},
    {"Unsqueeze", fold_unsqueeze},
    {"Transpose", fold_transpose},
    {"Gather", fold_gather},
    {"Concat", fold_concat},
    {"Slice", fold_slice},
    {"Add", fold_arithmetic},
    {"Sub", fold_arithmetic},
    {"Mul", fold_arithmetic},
    {"Div", fold_arithmetic},
    {"Shape", fold_shape},
    {"ConstantOfShape", fold_fill},
    {"QuantizeLinear", import_quantize_linear},
    {"DequantizeLinear", import_dequantize_linear},
};

int import_fold(struct importer *im, struct import_value **in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (in[i] && !in[i]->constant)
            return 0;
    for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
        if (strcmp(folds[i].name, im->node->op_type) != 0)
            continue;
        struct import_value *out = import_output(im, 0);
        int rc = out ? folds[i].run(im, in, count, out) : -EINVAL;
        return rc < 0 ? rc : 1;
    }
    return 0;
}
