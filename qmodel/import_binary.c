// SPDX-License-Identifier: Apache-2.0
//
// Two tensors element by element with ONNX's (NumPy's) broadcasting, which TFLite has too; both
// must have their axes in the same order, for which constants are permuted.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/import_nodes.h"

// Of the same rank, ones in front.
static int widen(struct importer *im, struct import_value *value, int32_t rank)
{
    int32_t more = rank - value->rank;
    if (more == 0)
        return 0;
    int32_t tensor = value->constant ? 0 : import_arrange(im, value, import_plain);
    if (tensor < 0)
        return tensor;
    memmove(&value->dims[more], value->dims, (size_t)value->rank * sizeof(value->dims[0]));
    for (int32_t i = 0; i < more; i++)
        value->dims[i] = 1;
    value->rank = rank;
    value->origin.axis += more;
    memcpy(value->perm, import_plain, sizeof(value->perm));
    if (value->constant)
        return 0;
    value->tensor = import_reshape_tensor(im, tensor, value, rank, value->dims);
    return value->tensor < 0 ? value->tensor : 0;
}

static int broadcast_shape(struct importer *im, const struct import_value *a,
                           const struct import_value *b, struct import_value *out)
{
    int64_t dims[TENSOR_RANK_MAX];
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i] && a->dims[i] != 1 && b->dims[i] != 1)
            return import_fail(im, -EINVAL, "dimensions %d and %d do not go together", a->dims[i],
                               b->dims[i]);
        dims[i] = a->dims[i] > b->dims[i] ? a->dims[i] : b->dims[i];
    }
    return import_set_shape(im, out, a->rank, dims);
}

// A constant without the ones in front; one number stays [1].
static int32_t operand(struct importer *im, struct import_value *value, const int32_t *perm)
{
    int32_t tensor = value->shuffled[0] && !value->constant ? value->tensor
                                                            : import_arrange(im, value, perm);
    if (tensor < 0 || !value->constant)
        return tensor;
    struct draft_tensor *t = &im->draft->tensors[tensor];
    int32_t ones = 0;
    while (ones < t->rank - 1 && t->dims[ones] == 1)
        ones++;
    t->rank -= ones;
    memmove(t->dims, &t->dims[ones], (size_t)t->rank * sizeof(t->dims[0]));
    im->origins[tensor].axis -= ones;
    return tensor;
}

// The operand whose order both take: the bigger activation.
static struct import_value *leader(struct import_value *a, struct import_value *b)
{
    if (a->constant || b->constant)
        return a->constant ? b : a;
    return import_elements(b) > import_elements(a) ? b : a;
}

// A flattened picture keeps its order beside another one of the same kind or a single number.
static int settle(struct importer *im, struct import_value *a, struct import_value *b)
{
    struct import_value *both[2] = {a, b};
    if (memcmp(a->shuffled, b->shuffled, sizeof(a->shuffled)) == 0 && !a->constant &&
        !b->constant && a->dims[0] == b->dims[0])
        return 0;
    for (int i = 0; i < 2; i++) {
        struct import_value *other = both[1 - i];
        if (both[i]->constant || !both[i]->shuffled[0] ||
            (other->constant && import_elements(other) == 1))
            continue;
        int32_t tensor = import_arrange(im, both[i], import_plain);
        if (tensor < 0)
            return tensor;
    }
    return 0;
}

static int emit_binary(struct importer *im, int32_t code, const struct import_value *left,
                       const struct import_value *right, struct import_value *out)
{
    struct import_value a = *left, b = *right;
    int32_t rank = a.rank > b.rank ? a.rank : b.rank;
    if (a.type != TENSOR_FLOAT32 || b.type != TENSOR_FLOAT32)
        return import_fail(im, -ENOTSUP, "operands that are not float");
    if (import_elements(&a) == 0 || import_elements(&b) == 0)
        return import_fail(im, -EINVAL, "an empty operand");
    int rc = settle(im, &a, &b);
    if (rc == 0)
        rc = widen(im, &a, rank);
    if (rc == 0)
        rc = widen(im, &b, rank);
    if (rc == 0)
        rc = broadcast_shape(im, &a, &b, out);
    if (rc < 0)
        return rc;
    const struct import_value *first = leader(&a, &b);
    memcpy(out->perm, first->perm, sizeof(out->perm));
    memcpy(out->shuffled, first->shuffled, sizeof(out->shuffled));
    int32_t inputs[2] = {operand(im, &a, out->perm), 0};
    if (inputs[0] < 0)
        return inputs[0];
    inputs[1] = operand(im, &b, out->perm);
    if (inputs[1] < 0)
        return inputs[1];
    struct graph_options options = {.power_of_two = true};
    out->type = TENSOR_FLOAT32;
    rc = import_emit_value(im, code, &options, 2, inputs, out);
    return rc;
}

int import_add(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    (void)count;
    return emit_binary(im, OP_ADD, in[0], in[1], out);
}

int import_sub(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    (void)count;
    return emit_binary(im, OP_SUB, in[0], in[1], out);
}

// x * hard_sigmoid(x) is one operator.
int import_mul(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    (void)count;
    for (int i = 0; i < 2; i++) {
        const struct import_value *gate = in[i], *x = in[1 - i];
        if (gate->constant || x->constant || gate->gate_of == IMPORT_NONE ||
            gate->gate_of != x->tensor)
            continue;
        import_order_copy(out, x);
        return import_emit_value(im, OP_HARD_SWISH, NULL, 1, &x->tensor, out);
    }
    return emit_binary(im, OP_MUL, in[0], in[1], out);
}

int import_div(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    struct import_value inverse = *in[1];
    (void)count;
    int rc = import_need_constant(im, in[1], "divisors");
    if (rc < 0)
        return rc;
    int64_t n = import_elements(in[1]);
    float *values = import_take(im, (size_t)n, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        values[i] = 1 / ((const float *)in[1]->data)[i];
        if (values[i] - values[i] != 0)
            return import_fail(im, -EINVAL, "divisor %lld is %g", (long long)i,
                               (double)((const float *)in[1]->data)[i]);
    }
    inverse.data = values;
    inverse.origin.data = NULL;
    return emit_binary(im, OP_MUL, in[0], &inverse, out);
}

int import_max(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    return count == 2 ? emit_binary(im, OP_MAXIMUM, in[0], in[1], out)
                      : import_fail(im, -ENOTSUP, "%u inputs, two are", count);
}

int import_min(struct importer *im, struct import_value **in, uint32_t count,
               struct import_value *out)
{
    return count == 2 ? emit_binary(im, OP_MINIMUM, in[0], in[1], out)
                      : import_fail(im, -ENOTSUP, "%u inputs, two are", count);
}

int import_prelu(struct importer *im, struct import_value **in, uint32_t count,
                 struct import_value *out)
{
    (void)count;
    int rc = import_need_activation(im, in[0], "input");
    if (rc == 0)
        rc = import_need_constant(im, in[1], "slopes");
    if (rc < 0)
        return rc;
    if (import_elements(in[1]) != 1)
        return emit_binary(im, OP_PRELU, in[0], in[1], out);
    struct graph_options options = {.value = *(const float *)in[1]->data};
    import_order_copy(out, in[0]);
    return import_emit_value(im, OP_LEAKY_RELU, &options, 1, &in[0]->tensor, out);
}

// ---- batch normalization ----------------------------------------------------

static int check_norm(struct importer *im, struct import_value **in)
{
    const struct import_value *x = in[0];
    int rc = import_need_activation(im, x, "input");
    for (int i = 1; rc == 0 && i < 5; i++) {
        rc = import_need_constant(im, in[i], "parameters");
        if (rc == 0 && (x->rank < 2 || import_elements(in[i]) != x->dims[1]))
            rc = import_fail(im, -EINVAL, "%lld values in '%s' for %d channels",
                             (long long)import_elements(in[i]), in[i]->name,
                             x->rank < 2 ? 1 : x->dims[1]);
    }
    if (rc == 0 && import_attribute_int(im, "training_mode", 0))
        rc = import_fail(im, -ENOTSUP, "training mode");
    return rc;
}

// y = x * g + (beta - mean * g), g = gamma / sqrt(variance + epsilon). import_fuse folds both into
// a convolution before them.
int import_batch_norm(struct importer *im, struct import_value **in, uint32_t count,
                      struct import_value *out)
{
    (void)count;
    int rc = check_norm(im, in);
    if (rc < 0)
        return rc;
    int32_t channels = in[0]->dims[1];
    const float *gamma = in[1]->data, *beta = in[2]->data, *mean = in[3]->data,
                *variance = in[4]->data;
    float epsilon = import_attribute_float(im, "epsilon", 1e-5f);
    float *factors = import_take(im, (size_t)channels, sizeof(*factors));
    float *offsets = factors ? import_take(im, (size_t)channels, sizeof(*offsets)) : NULL;
    if (!offsets)
        return -ENOMEM;
    for (int32_t i = 0; i < channels; i++) {
        double g = gamma[i] / sqrt((double)variance[i] + epsilon);
        factors[i] = (float)g;
        offsets[i] = (float)(beta[i] - mean[i] * g);
    }
    struct import_value value = {
        .name = out->name, .type = TENSOR_FLOAT32, .rank = in[0]->rank, .constant = true};
    for (int32_t i = 0; i < value.rank; i++)
        value.dims[i] = i == 1 ? channels : 1;
    struct import_value scaled = {.name = out->name, .gate_of = IMPORT_NONE};
    value.data = factors;
    rc = emit_binary(im, OP_MUL, in[0], &value, &scaled);
    value.data = offsets;
    return rc < 0 ? rc : emit_binary(im, OP_ADD, &scaled, &value, out);
}
