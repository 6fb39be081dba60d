// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "qmodel/importer.h"

const int32_t import_plain[TENSOR_RANK_MAX] = {0, 1, 2, 3, 4, 5};
const int32_t import_picture[TENSOR_RANK_MAX] = {0, 2, 3, 1, 4, 5};

void import_order_dims(const struct import_value *value, int32_t *dims)
{
    for (int32_t i = 0; i < value->rank; i++)
        dims[i] = value->dims[value->perm[i]];
}

void import_order_copy(struct import_value *to, const struct import_value *from)
{
    to->rank = from->rank;
    memcpy(to->dims, from->dims, sizeof(to->dims));
    memcpy(to->perm, from->perm, sizeof(to->perm));
    memcpy(to->shuffled, from->shuffled, sizeof(to->shuffled));
}

int32_t import_order_axis(const struct import_value *value, int32_t axis)
{
    int32_t at = 0;
    while (value->perm[at] != axis)
        at++;
    return at;
}

int import_axis(struct importer *im, int64_t axis, int32_t rank)
{
    if (axis < -rank || axis >= rank)
        return import_fail(im, -EINVAL, "axis %lld of %d dimensions", (long long)axis, rank);
    return (int)(axis < 0 ? axis + rank : axis);
}

int import_set_shape(struct importer *im, struct import_value *value, int32_t rank,
                     const int64_t *dims)
{
    int64_t elements = 1;
    if (rank > TENSOR_RANK_MAX)
        return import_fail(im, -ENOTSUP, "'%s' has %d dimensions, at most %d are supported",
                           value->name, rank, TENSOR_RANK_MAX);
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 1 || dims[i] > GRAPH_ELEMENTS_MAX || elements * dims[i] > GRAPH_ELEMENTS_MAX)
            return import_fail(im, -EINVAL, "dimension %d of '%s' is %lld", i, value->name,
                               (long long)dims[i]);
        elements *= dims[i];
        value->dims[i] = (int32_t)dims[i];
    }
    value->rank = rank;
    memcpy(value->perm, import_plain, sizeof(value->perm));
    return 0;
}

// ---- moving elements --------------------------------------------------------

void *import_permute(struct importer *im, const void *data, size_t bytes, int32_t rank,
                     const int32_t *dims, const int32_t *perm)
{
    int64_t stride[TENSOR_RANK_MAX], at[TENSOR_RANK_MAX] = {0}, total = 1;
    for (int32_t i = rank; i-- > 0; total *= dims[i])
        stride[i] = total;
    uint8_t *copy = import_take(im, (size_t)total, bytes);
    for (int64_t n = 0; copy && n < total; n++) {
        int64_t from = 0;
        for (int32_t i = 0; i < rank; i++)
            from += at[i] * stride[perm[i]];
        memcpy(copy + (size_t)n * bytes, (const uint8_t *)data + (size_t)from * bytes, bytes);
        for (int32_t i = rank; i-- > 0 && ++at[i] == dims[perm[i]];)
            at[i] = 0;
    }
    return copy;
}

static int32_t arrange_constant(struct importer *im, const struct import_value *value,
                                const int32_t *perm)
{
    struct draft_tensor t = {.name = value->name, .type = value->type, .rank = value->rank};
    struct import_origin origin = value->origin;
    size_t bytes = tensor_type_size(value->type);
    if (!value->data)
        return import_fail(im, -EINVAL, "constant '%s' is empty", value->name);
    for (int32_t i = 0; i < value->rank; i++)
        t.dims[i] = value->dims[perm[i]];
    t.data_bytes = (size_t)import_elements(value) * bytes;
    t.data = import_permute(im, value->data, bytes, value->rank, value->dims, perm);
    if (!t.data)
        return -ENOMEM;
    if (origin.data) {
        origin.data = import_permute(im, origin.data, tensor_type_size(origin.type), value->rank,
                                     value->dims, perm);
        for (int32_t i = value->rank; origin.scale_count > 1 && i-- > 0;)
            if (perm[i] == value->origin.axis)
                origin.axis = i;
        if (!origin.data)
            return -ENOMEM;
    }
    return import_tensor(im, &t, &origin);
}

// Axes of size 1 may be anywhere.
bool import_same_bytes(const struct import_value *value, const int32_t *b)
{
    const int32_t *a = value->perm;
    int32_t i = 0, j = 0;
    for (;; i++, j++) {
        while (i < value->rank && value->dims[a[i]] == 1)
            i++;
        while (j < value->rank && value->dims[b[j]] == 1)
            j++;
        if (i == value->rank || j == value->rank)
            return i == value->rank && j == value->rank;
        if (a[i] != b[j])
            return false;
    }
}

// One operator from value->tensor to a new tensor of that shape, which becomes the value's.
static int change(struct importer *im, struct import_value *value, int32_t code, int32_t rank,
                  const int32_t *dims, const int32_t *list)
{
    struct draft_tensor like = im->draft->tensors[value->tensor];
    int32_t inputs[2] = {value->tensor, import_ints_tensor(im, list, rank)};
    if (inputs[1] < 0)
        return inputs[1];
    value->tensor = import_result(im, value, &like, rank, dims);
    return value->tensor < 0 ? value->tensor
                             : import_emit(im, code, NULL, 2, inputs, 1, &value->tensor);
}

int32_t import_reshape_tensor(struct importer *im, int32_t tensor, const struct import_value *out,
                              int32_t rank, const int32_t *dims)
{
    struct draft_tensor like = im->draft->tensors[tensor];
    int32_t inputs[2] = {tensor, import_ints_tensor(im, dims, rank)};
    int32_t made = inputs[1] < 0 ? inputs[1] : import_result(im, out, &like, rank, dims);
    int rc = made < 0 ? made : import_emit(im, OP_RESHAPE, NULL, 2, inputs, 1, &made);
    return rc < 0 ? rc : made;
}

// [N, H W C] becomes the [N, C H W] that ONNX means.
static int unshuffle(struct importer *im, struct import_value *value)
{
    static const int32_t back[] = {0, 3, 1, 2};
    int32_t n = value->dims[0], c = value->shuffled[0], h = value->shuffled[1],
            w = value->shuffled[2];
    int32_t hwc[] = {n, h, w, c}, chw[] = {n, c, h, w}, flat[] = {n, c * h * w};
    memset(value->shuffled, 0, sizeof(value->shuffled));
    int rc = change(im, value, OP_RESHAPE, 4, hwc, hwc);
    if (rc == 0)
        rc = change(im, value, OP_TRANSPOSE, 4, chw, back);
    return rc == 0 ? change(im, value, OP_RESHAPE, 2, flat, flat) : rc;
}

int32_t import_arrange(struct importer *im, struct import_value *value, const int32_t *perm)
{
    int32_t old[TENSOR_RANK_MAX], dims[TENSOR_RANK_MAX], list[TENSOR_RANK_MAX];
    if (value->constant)
        return arrange_constant(im, value, perm);
    int rc = value->shuffled[0] ? unshuffle(im, value) : 0;
    if (rc < 0)
        return rc;
    if (memcmp(value->perm, perm, (size_t)value->rank * sizeof(*perm)) == 0)
        return value->tensor;
    import_order_dims(value, old);
    for (int32_t i = 0; i < value->rank; i++) {
        dims[i] = value->dims[perm[i]];
        list[i] = import_order_axis(value, perm[i]);
    }
    if (!import_same_bytes(value, perm))
        rc = change(im, value, OP_TRANSPOSE, value->rank, dims, list);
    else if (memcmp(old, dims, (size_t)value->rank * sizeof(*dims)) != 0)
        rc = change(im, value, OP_RESHAPE, value->rank, dims, dims);
    memcpy(value->perm, perm, (size_t)value->rank * sizeof(*perm));
    return rc < 0 ? rc : value->tensor;
}

int32_t import_as_is(struct importer *im, struct import_value *value)
{
    return value->constant ? arrange_constant(im, value, import_plain) : value->tensor;
}
