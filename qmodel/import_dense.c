// SPDX-License-Identifier: Apache-2.0
//
// Gemm and MatMul with constant weights: FULLY_CONNECTED, whose weights are [out, in]. A row that
// is a flattened picture holds H, W, C where ONNX means C, H, W: the columns of the weights are put
// into that order.

#include <errno.h>
#include <string.h>

#include "qmodel/import_nodes.h"

static const int32_t swapped[TENSOR_RANK_MAX] = {1, 0, 2, 3, 4, 5};

// [out, in] with the columns of a shuffled row.
static int32_t weights_tensor(struct importer *im, const struct import_value *weights,
                              bool transposed, const int32_t *shuffled)
{
    static const int32_t columns[TENSOR_RANK_MAX] = {0, 2, 3,
                                                     1, 4, 5}; // out, C, H, W to out, H, W, C
    int32_t flat = import_arrange(im, (struct import_value *)weights,
                                  transposed ? swapped : import_plain);
    if (flat < 0 || !shuffled[0])
        return flat;
    struct draft_tensor *t = &im->draft->tensors[flat];
    struct import_origin *origin = &im->origins[flat];
    int32_t dims[4] = {t->dims[0], shuffled[0], shuffled[1], shuffled[2]};
    t->data = import_permute(im, t->data, sizeof(float), 4, dims, columns);
    if (t->data && origin->data)
        origin->data = import_permute(im, origin->data, tensor_type_size(origin->type), 4, dims,
                                      columns);
    if (!t->data)
        return -ENOMEM;
    if (origin->scale_count > 1 &&
        origin->axis != 0) // a scale for each column: not a form that TFLite has
        origin->data = NULL;
    return flat;
}

// A bias of `channels` values, times beta. IMPORT_NONE = none.
static int32_t bias_tensor(struct importer *im, const struct import_value *bias, int32_t channels,
                           float beta)
{
    int64_t elements = bias ? import_elements(bias) : 0;
    if (!bias || beta == 0)
        return IMPORT_NONE;
    int rc = import_need_constant(im, bias, "biases");
    if (rc < 0)
        return rc;
    if (elements != 1 && (elements != channels || bias->dims[bias->rank - 1] != channels))
        return import_fail(im, -ENOTSUP, "%lld biases for %d channels", (long long)elements,
                           channels);
    float *values = import_take(im, (size_t)channels, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (int32_t i = 0; i < channels; i++)
        values[i] = beta * ((const float *)bias->data)[elements == 1 ? 0 : i];
    struct import_value flat = {.name = bias->name,
                                .type = TENSOR_FLOAT32,
                                .rank = 1,
                                .dims = {channels},
                                .data = values,
                                .constant = true,
                                .origin = bias->origin};
    flat.origin.axis = 0;
    if (elements != channels || beta != 1)
        flat.origin.data = NULL;
    return import_arrange(im, &flat, import_plain);
}

static int scale_weights(struct importer *im, int32_t tensor, float alpha)
{
    struct draft_tensor *t = &im->draft->tensors[tensor];
    float *scaled = alpha == 1 ? NULL : import_take(im, t->data_bytes, 1);
    if (alpha == 1)
        return 0;
    if (!scaled)
        return -ENOMEM;
    for (int64_t i = 0; i < draft_elements(t); i++)
        scaled[i] = alpha * ((const float *)t->data)[i];
    t->data = scaled;
    im->origins[tensor].data = NULL;
    return 0;
}

// The tensor of rows, in plain order but for what `shuffled` says.
static int32_t rows_tensor(struct importer *im, struct import_value *x, int32_t *shuffled)
{
    memcpy(shuffled, x->shuffled, sizeof(x->shuffled));
    return shuffled[0] ? x->tensor : import_arrange(im, x, import_plain);
}

static int check(struct importer *im, const struct import_value *x,
                 const struct import_value *weights, bool transposed)
{
    int rc = import_need_activation(im, x, "input");
    if (rc == 0)
        rc = import_need_constant(im, weights, "weights");
    if (rc < 0)
        return rc;
    if (x->rank < 1 || weights->rank != 2 ||
        weights->dims[transposed ? 0 : 1] != x->dims[x->rank - 1])
        return import_fail(im, -ENOTSUP, "rows of %d, weights [%d, %d] of %d dimensions",
                           x->rank < 1 ? 1 : x->dims[x->rank - 1], weights->dims[0],
                           weights->dims[1], weights->rank);
    return 0;
}

int import_gemm(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    bool transposed = import_attribute_int(im, "transB", 0) == 0;
    struct graph_options options = {0};
    int rc = check(im, in[0], in[1], transposed);
    if (rc == 0 && (in[0]->rank != 2 || import_attribute_int(im, "transA", 0)))
        rc = import_fail(im, -ENOTSUP, "a first matrix that is transposed or not of 2 dimensions");
    if (rc < 0)
        return rc;
    int32_t channels = in[1]->dims[transposed ? 1 : 0], shuffled[3];
    int64_t dims[2] = {in[0]->dims[0], channels};
    int32_t inputs[3] = {rows_tensor(im, in[0], shuffled)};
    if (inputs[0] < 0)
        return inputs[0];
    inputs[1] = weights_tensor(im, in[1], transposed, shuffled);
    rc = inputs[1] < 0 ? inputs[1]
                       : scale_weights(im, inputs[1], import_attribute_float(im, "alpha", 1));
    if (rc < 0)
        return rc;
    inputs[2] = bias_tensor(im, count > 2 ? in[2] : NULL, channels,
                            import_attribute_float(im, "beta", 1));
    if (inputs[2] < IMPORT_NONE)
        return inputs[2];
    rc = import_set_shape(im, out, 2, dims);
    return rc < 0 ? rc : import_emit_value(im, OP_FULLY_CONNECTED, &options, 3, inputs, out);
}

int import_matmul(struct importer *im, struct import_value **in, uint32_t count,
                  struct import_value *out)
{
    struct graph_options options = {.keep_dims = in[0]->rank != 2};
    int64_t dims[TENSOR_RANK_MAX];
    int32_t shuffled[3];
    (void)count;
    int rc = check(im, in[0], in[1], true);
    if (rc < 0)
        return rc;
    int32_t inputs[3] = {rows_tensor(im, in[0], shuffled), 0, IMPORT_NONE};
    if (inputs[0] < 0)
        return inputs[0];
    inputs[1] = weights_tensor(im, in[1], true, shuffled);
    if (inputs[1] < 0)
        return inputs[1];
    for (int32_t i = 0; i < in[0]->rank; i++)
        dims[i] = in[0]->dims[i];
    dims[in[0]->rank - 1] = in[1]->dims[1];
    rc = import_set_shape(im, out, in[0]->rank, dims);
    return rc < 0 ? rc : import_emit_value(im, OP_FULLY_CONNECTED, &options, 3, inputs, out);
}
