// SPDX-License-Identifier: Apache-2.0
//
// What changes a value's shape and leaves its elements alone.

#include <errno.h>
#include <string.h>

#include "qmodel/import_nodes.h"

static void alias(struct import_value *out, const struct import_value *x)
{
    const char *name = out->name;
    *out = *x;
    out->name = name;
}

// Dropout (not training) and Identity.
int import_identity(struct importer *im, struct import_value **in, uint32_t count,
                    struct import_value *out)
{
    (void)count;
    if (im->node->n_output > 1 && im->node->output[1] && *im->node->output[1])
        return import_fail(im, -ENOTSUP, "a second output");
    alias(out, in[0]);
    return 0;
}

// Between kinds of floats, which are all float32 here; PyTorch casts what it quantized to the type
// that it has.
int import_cast(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    int64_t to = import_attribute_int(im, "to", 0);
    bool floats = in[0]->type == TENSOR_FLOAT32 && (to == 1 || to == 10 || to == 11);
    bool same = (to == 2 && in[0]->steps_type == TENSOR_UINT8) ||
                (to == 3 && in[0]->steps_type == TENSOR_INT8);
    (void)count;
    if (!floats && (in[0]->type != TENSOR_INT8 || !same))
        return import_fail(im, -ENOTSUP, "from %s to ONNX type %lld", tensor_type_name(in[0]->type),
                           (long long)to);
    alias(out, in[0]);
    return 0;
}

int import_shape(struct importer *im, struct import_value **in, uint32_t count,
                 struct import_value *out)
{
    int64_t rank = in[0]->rank, dims[1];
    int64_t start = import_attribute_int(im, "start", 0),
            end = import_attribute_int(im, "end", rank);
    (void)count;
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    dims[0] = end - start;
    int rc = import_set_shape(im, out, 1, dims);
    out->type = TENSOR_INT64;
    int64_t *values = rc < 0 ? NULL : import_fold_take(im, out);
    for (int64_t i = 0; values && i < dims[0]; i++)
        values[i] = in[0]->dims[start + i];
    return values ? 0 : rc < 0 ? rc : -ENOMEM;
}

// ---- reshapes ---------------------------------------------------------------

// [N, C, H, W] held as N, H, W, C becomes [N, C H W]: the bytes stay, the value remembers.
static bool flattens_picture(const struct import_value *x, const struct import_value *out)
{
    return x->rank == 4 && memcmp(x->perm, import_picture, 4 * sizeof(x->perm[0])) == 0 &&
           out->rank == 2 && out->dims[0] == x->dims[0];
}

static int reshape(struct importer *im, struct import_value *x, int32_t rank, const int64_t *dims,
                   struct import_value *out)
{
    int rc = import_need_activation(im, x, "input");
    if (rc == 0)
        rc = import_set_shape(im, out, rank, dims);
    if (rc < 0)
        return rc;
    if (import_elements(x) != import_elements(out))
        return import_fail(im, -EINVAL, "%lld elements into a shape of %lld",
                           (long long)import_elements(x), (long long)import_elements(out));
    out->type = x->type;
    if (rank == x->rank && memcmp(out->dims, x->dims, (size_t)rank * sizeof(out->dims[0])) == 0) {
        alias(out, x);
        return 0;
    }
    int32_t tensor = x->tensor, held[TENSOR_RANK_MAX];
    if (x->shuffled[0] || !import_same_bytes(x, import_plain)) {
        if (!x->shuffled[0] && flattens_picture(x, out))
            memcpy(out->shuffled, &x->dims[1], sizeof(out->shuffled));
        else
            tensor = import_arrange(im, x, import_plain);
    }
    if (rank == 4 && out->dims[2] == 1 && out->dims[3] == 1)
        memcpy(out->perm, import_picture, sizeof(out->perm));
    import_order_dims(out, held);
    out->tensor = tensor < 0 ? tensor : import_reshape_tensor(im, tensor, out, rank, held);
    return out->tensor < 0 ? out->tensor : 0;
}

int32_t import_reshape_dims(struct importer *im, const struct import_value *x,
                            const struct import_value *list, int64_t *dims)
{
    int32_t rank, free_at = -1;
    int64_t rest = import_elements(x);
    int rc = list ? import_ints(im, list, dims, TENSOR_RANK_MAX, &rank)
                  : import_attribute_ints(im, "shape", dims, TENSOR_RANK_MAX, &rank);
    if (rc < 0)
        return rc;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] == 0 && i < x->rank && !import_attribute_int(im, "allowzero", 0))
            dims[i] = x->dims[i];
        if (dims[i] == -1 && free_at < 0)
            free_at = i;
        else if (dims[i] < 1)
            return import_fail(im, -EINVAL, "dimension %d of the new shape is %lld", i,
                               (long long)dims[i]);
        else if (rest % dims[i] == 0)
            rest /= dims[i];
        else
            return import_fail(im, -EINVAL, "%lld elements do not fill the new shape",
                               (long long)import_elements(x));
    }
    if (free_at >= 0)
        dims[free_at] = rest;
    return rank;
}

int32_t import_flatten_dims(struct importer *im, const struct import_value *x, int64_t *dims)
{
    int64_t axis = import_attribute_int(im, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return import_fail(im, -EINVAL, "axis %lld of %d dimensions", (long long)axis, x->rank);
    axis = axis < 0 ? axis + x->rank : axis;
    dims[0] = dims[1] = 1;
    for (int32_t i = 0; i < x->rank; i++)
        dims[i >= axis] *= x->dims[i];
    return 2;
}

int import_axes(struct importer *im, const struct import_value *list, int32_t rank, int32_t *axes,
                int32_t *count)
{
    int64_t given[TENSOR_RANK_MAX];
    uint32_t seen = 0;
    int rc = list ? import_ints(im, list, given, TENSOR_RANK_MAX, count)
                  : import_attribute_ints(im, "axes", given, TENSOR_RANK_MAX, count);
    for (int32_t i = 0; rc >= 0 && i < *count; i++) {
        axes[i] = rc = import_axis(im, given[i], rank);
        if (rc >= 0 && seen >> rc & 1)
            rc = import_fail(im, -EINVAL, "axis %d twice", axes[i]);
        if (rc >= 0)
            seen |= 1u << axes[i];
    }
    return rc < 0 ? rc : 0;
}

int32_t import_squeeze_dims(struct importer *im, const struct import_value *x,
                            const struct import_value *list, int64_t *dims)
{
    int32_t axes[TENSOR_RANK_MAX], count, rank = 0;
    uint32_t gone = 0;
    int rc = import_axes(im, list, x->rank, axes, &count);
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        gone |= 1u << axes[i];
        if (x->dims[axes[i]] != 1)
            rc = import_fail(im, -EINVAL, "dimension %d is %d, not 1", axes[i], x->dims[axes[i]]);
    }
    for (int32_t i = 0; i < x->rank; i++)
        if (count ? !(gone >> i & 1) : x->dims[i] != 1)
            dims[rank++] = x->dims[i];
    return rc < 0 ? rc : rank;
}

int32_t import_unsqueeze_dims(struct importer *im, const struct import_value *x,
                              const struct import_value *list, int64_t *dims)
{
    int64_t given[TENSOR_RANK_MAX];
    int32_t count, axes[TENSOR_RANK_MAX], from = 0;
    uint32_t made = 0;
    int rc = list ? import_ints(im, list, given, TENSOR_RANK_MAX, &count)
                  : import_attribute_ints(im, "axes", given, TENSOR_RANK_MAX, &count);
    if (rc == 0 && x->rank + count > TENSOR_RANK_MAX)
        rc = import_fail(im, -ENOTSUP, "%d dimensions", x->rank + count);
    if (rc == 0)
        rc = import_axes(im, list, x->rank + count, axes, &count);
    if (rc < 0)
        return rc;
    for (int32_t i = 0; i < count; i++)
        made |= 1u << axes[i];
    for (int32_t i = 0; i < x->rank + count; i++)
        dims[i] = made >> i & 1 ? 1 : x->dims[from++];
    return x->rank + count;
}

int import_reshape(struct importer *im, struct import_value **in, uint32_t count,
                   struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    int32_t rank = import_reshape_dims(im, in[0], count > 1 ? in[1] : NULL, dims);
    return rank < 0 ? rank : reshape(im, in[0], rank, dims, out);
}

int import_flatten(struct importer *im, struct import_value **in, uint32_t count,
                   struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    int32_t rank = import_flatten_dims(im, in[0], dims);
    (void)count;
    return rank < 0 ? rank : reshape(im, in[0], rank, dims, out);
}

int import_squeeze(struct importer *im, struct import_value **in, uint32_t count,
                   struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    int32_t rank = import_squeeze_dims(im, in[0], count > 1 ? in[1] : NULL, dims);
    return rank < 0 ? rank : reshape(im, in[0], rank, dims, out);
}

int import_unsqueeze(struct importer *im, struct import_value **in, uint32_t count,
                     struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    int32_t rank = import_unsqueeze_dims(im, in[0], count > 1 ? in[1] : NULL, dims);
    return rank < 0 ? rank : reshape(im, in[0], rank, dims, out);
}

// ---- transpose --------------------------------------------------------------

int import_transpose_perm(struct importer *im, int32_t rank, int32_t *perm)
{
    int64_t list[TENSOR_RANK_MAX];
    int32_t count;
    uint32_t seen = 0;
    int rc = import_attribute_ints(im, "perm", list, TENSOR_RANK_MAX, &count);
    if (rc == 0 && count != 0 && count != rank)
        rc = import_fail(im, -EINVAL, "a permutation of %d for %d dimensions", count, rank);
    for (int32_t i = 0; rc >= 0 && i < rank; i++) {
        perm[i] = rc = count ? import_axis(im, list[i], rank) : rank - 1 - i;
        if (rc >= 0)
            seen |= 1u << perm[i];
    }
    if (rc >= 0 && seen != (1u << rank) - 1)
        rc = import_fail(im, -EINVAL, "an axis appears twice in the permutation");
    return rc < 0 ? rc : 0;
}

// No byte moves: the order says what the tensor's axes mean from now on.
int import_transpose(struct importer *im, struct import_value **in, uint32_t count,
                     struct import_value *out)
{
    struct import_value *x = in[0];
    int32_t perm[TENSOR_RANK_MAX];
    (void)count;
    int rc = import_need_activation(im, x, "input");
    if (rc == 0)
        rc = import_transpose_perm(im, x->rank, perm);
    int32_t tensor = rc < 0 ? rc : x->shuffled[0] ? import_arrange(im, x, import_plain) : x->tensor;
    if (tensor < 0)
        return tensor;
    out->rank = x->rank;
    out->type = x->type;
    out->tensor = tensor;
    for (int32_t j = 0; j < x->rank; j++) {
        out->dims[j] = x->dims[perm[j]];
        out->perm[import_order_axis(x, perm[j])] = j;
    }
    return 0;
}
