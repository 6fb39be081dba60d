// SPDX-License-Identifier: Apache-2.0
#include "qmodel/onnx_import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qmodel/import_nodes.h"
#include "qmodel/import_passes.h"

// Weights are kept as the file has them, as floats, and as the draft's tensors.
#define BUDGET_FACTOR 16
#define BUDGET_FLOOR ((size_t)64 << 20)
#define INPUTS_MOST 64

// ---- kinds of nodes ---------------------------------------------------------

static int constant_node(struct importer *im, struct import_value **in, uint32_t count,
                         struct import_value *out)
{
    const Onnx__Attribute *value = import_attribute(im, "value"),
                          *number = import_attribute(im, "value_float"),
                          *whole = import_attribute(im, "value_int"),
                          *list = import_attribute(im, "value_ints");
    (void)in;
    (void)count;
    if (value && value->t)
        return import_tensor_read(im, value->t, out);
    if (!number && !whole && !list)
        return import_fail(im, -ENOTSUP, "a value that is no tensor, number or list of integers");
    out->type = number ? TENSOR_FLOAT32 : TENSOR_INT64;
    out->rank = list && !number && !whole;
    out->dims[0] = list && list->n_ints < 1 << 16 ? (int32_t)list->n_ints : 0;
    void *data = import_fold_take(im, out);
    if (!data)
        return -ENOMEM;
    if (number)
        *(float *)data = number->f;
    else if (whole)
        *(int64_t *)data = whole->i;
    for (int32_t i = 0; !number && !whole && i < out->dims[0]; i++)
        ((int64_t *)data)[i] = list->ints[i];
    return 0;
}

// Constants were folded before.
static int constants_only(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    (void)in;
    (void)count;
    (void)out;
    return import_fail(im, -ENOTSUP, "other than constants");
}

#define ANY GRAPH_ARGUMENTS_MAX

static const struct node_kind {
    const char *name;
    import_node *run;
    uint32_t least, most; // inputs; the first `least` are not optional, with ANY none is
    bool microsoft, many; // of the domain com.microsoft (some files have them in none); makes its
                          // outputs by itself
} kinds[] = {
    {"Add", import_add, 2, 2, false, false},
    {"AveragePool", import_average_pool, 1, 1, false, false},
    {"BatchNormalization", import_batch_norm, 5, 5, false, false},
    {"Cast", import_cast, 1, 1, false, false},
    {"Clip", import_clip, 1, 3, false, false},
    {"Concat", import_concat, 1, ANY, false, false},
    {"Constant", constant_node, 0, 0, false, false},
    {"ConstantOfShape", constants_only, 1, 1, false, false},
    {"Conv", import_conv, 2, 3, false, false},
    {"DequantizeLinear", import_dequantize_linear, 2, 3, false, false},
    {"Div", import_div, 2, 2, false, false},
    {"Dropout", import_identity, 1, 3, false, false},
    {"Elu", import_elu, 1, 1, false, false},
    {"Flatten", import_flatten, 1, 1, false, false},
    {"Gather", constants_only, 2, 2, false, false},
    {"Gemm", import_gemm, 2, 3, false, false},
    {"GlobalAveragePool", import_global_average, 1, 1, false, false},
    {"GlobalMaxPool", import_global_max, 1, 1, false, false},
    {"HardSigmoid", import_hard_sigmoid, 1, 1, false, false},
    {"HardSwish", import_hard_swish, 1, 1, false, false},
    {"Identity", import_identity, 1, 1, false, false},
    {"LeakyRelu", import_leaky_relu, 1, 1, false, false},
    {"MatMul", import_matmul, 2, 2, false, false},
    {"Max", import_max, 1, ANY, false, false},
    {"MaxPool", import_max_pool, 1, 1, false, false},
    {"Min", import_min, 1, ANY, false, false},
    {"Mul", import_mul, 2, 2, false, false},
    {"PRelu", import_prelu, 2, 2, false, false},
    {"Pad", import_pad, 1, 4, false, false},
    {"QGemm", import_qgemm, 6, 9, true, false},
    {"QLinearAdd", import_qlinear_add, 8, 8, true, false},
    {"QLinearAveragePool", import_qlinear_average, 5, 5, true, false},
    {"QLinearConcat", import_qlinear_concat, 5, ANY, true, false},
    {"QLinearConv", import_qlinear_conv, 8, 9, false, false},
    {"QLinearGlobalAveragePool", import_qlinear_global, 5, 5, true, false},
    {"QLinearLeakyRelu", import_qlinear_leaky, 5, 5, true, false},
    {"QLinearMatMul", import_qlinear_matmul, 8, 8, false, false},
    {"QLinearMul", import_qlinear_mul, 8, 8, true, false},
    {"QLinearSigmoid", import_qlinear_sigmoid, 5, 5, true, false},
    {"QuantizeLinear", import_quantize_linear, 2, 3, false, false},
    {"ReduceMean", import_mean, 1, 2, false, false},
    {"Relu", import_relu, 1, 1, false, false},
    {"Reshape", import_reshape, 1, 2, false, false},
    {"Resize", import_resize, 1, 4, false, false},
    {"Shape", import_shape, 1, 1, false, false},
    {"Sigmoid", import_sigmoid, 1, 1, false, false},
    {"Slice", import_slice, 1, 5, false, false},
    {"Softmax", import_softmax, 1, 1, false, false},
    {"Split", import_split, 1, 2, false, true},
    {"Squeeze", import_squeeze, 1, 2, false, false},
    {"Sub", import_sub, 2, 2, false, false},
    {"Tanh", import_tanh, 1, 1, false, false},
    {"Transpose", import_transpose, 1, 1, false, false},
    {"Unsqueeze", import_unsqueeze, 1, 2, false, false},
    {"Upsample", import_resize, 1, 2, false, false},
};

static const struct node_kind *kind_of(const Onnx__Node *node)
{
    const char *domain = node->domain ? node->domain : "";
    bool standard = !*domain || strcmp(domain, "ai.onnx") == 0,
         microsoft = strcmp(domain, "com.microsoft") == 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (node->op_type && strcmp(kinds[i].name, node->op_type) == 0 &&
            (kinds[i].microsoft ? microsoft : true) && (standard || microsoft))
            return &kinds[i];
    return NULL;
}

// ---- nodes ------------------------------------------------------------------

static int collect(struct importer *im, const struct node_kind *kind, struct import_value **in,
                   uint32_t *count)
{
    uint32_t least = kind->most == ANY ? (uint32_t)im->node->n_input : kind->least;
    *count = (uint32_t)im->node->n_input;
    if (im->node->n_input < kind->least || im->node->n_input > kind->most)
        return import_fail(im, -EINVAL, "%zu inputs", im->node->n_input);
    for (uint32_t i = 0; i < *count; i++) {
        if (i >= least && !import_has_input(im, i))
            continue;
        in[i] = import_input(im, i);
        if (!in[i])
            return -EINVAL;
    }
    return 0;
}

static int visit(struct importer *im)
{
    struct import_value *in[GRAPH_ARGUMENTS_MAX] = {0}, *out = NULL;
    uint32_t count;
    const struct node_kind *kind = kind_of(im->node);
    if (!kind)
        return import_fail(im, -ENOTSUP, "this operator is not supported%s%s",
                           im->node->domain && *im->node->domain ? ", domain " : "",
                           im->node->domain ? import_text(im, im->node->domain) : "");
    int rc = collect(im, kind, in, &count);
    if (rc == 0 && count > 0)
        rc = import_fold(im, in, count);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (!kind->many && !(out = import_output(im, 0)))
        return -EINVAL;
    return kind->run(im, in, count, out);
}

// ---- the model's edges ------------------------------------------------------

// Does what is read of this name go through a Transpose to N, C, H, W first? Then the input is N,
// H, W, C already.
static bool is_transposed(const struct importer *im, const char *name)
{
    for (size_t i = 0, hops = 0; i < im->graph->n_node && hops < 8; i++) {
        const Onnx__Node *node = im->graph->node[i];
        if (node->n_input == 0 || !node->input[0] || strcmp(node->input[0], name) != 0 ||
            !node->op_type || node->n_output == 0)
            continue;
        if (strcmp(node->op_type, "Transpose") == 0)
            return true;
        static const char *const through[] = {
            "QuantizeLinear", "DequantizeLinear", "Identity", "Cast", "Mul", "Sub", "Add", "Div"};
        bool passes = false;
        for (size_t k = 0; k < sizeof(through) / sizeof(through[0]); k++)
            passes = passes || strcmp(node->op_type, through[k]) == 0;
        if (!passes)
            return false;
        name = node->output[0];
        hops++;
    }
    return false;
}

static int input_shape(struct importer *im, const Onnx__ValueInfo *info, struct import_value *value)
{
    int64_t dims[TENSOR_RANK_MAX] = {0};
    const Onnx__Shape *shape = info->type->tensor_type->shape;
    size_t rank = shape ? shape->n_dim : 0;
    if (!shape || rank > TENSOR_RANK_MAX)
        return import_fail(im, -ENOTSUP, "input '%s' of unknown shape or too many dimensions",
                           value->name);
    if (im->input_shape && (size_t)im->input_rank != rank)
        return import_fail(im, -EINVAL, "input '%s' has %zu dimensions, the given shape %d",
                           value->name, rank, im->input_rank);
    for (size_t i = 0; i < rank; i++) {
        int64_t given = shape->dim[i]->has_dim_value ? shape->dim[i]->dim_value : 0;
        dims[i] = im->input_shape ? im->input_shape[i] : given > 0 ? given : i == 0 ? 1 : 0;
        if (given > 0 && dims[i] != given && i > 0)
            return import_fail(im, -EINVAL, "dimension %zu of input '%s' is %lld, not %lld", i,
                               value->name, (long long)given, (long long)dims[i]);
        if (dims[i] == 0)
            return import_fail(im, -EINVAL,
                               "dimension %zu of input '%s' is free: give --input-shape", i,
                               value->name);
    }
    return import_set_shape(im, value, (int32_t)rank, dims);
}

static int add_input(struct importer *im, const Onnx__ValueInfo *info)
{
    if (!info->name || !info->type || !info->type->tensor_type)
        return import_fail(im, -ENOTSUP, "an input that is no tensor");
    if (import_is_initializer(im, info->name)) // files before IR version 4 list them as inputs
        return 0;
    if (im->draft->input_count == INPUTS_MOST)
        return import_fail(im, -ENOTSUP, "more than %d inputs", INPUTS_MOST);
    struct import_value *value = import_value_add(im, info->name);
    int rc = value ? input_shape(im, info, value) : -EINVAL;
    if (rc < 0)
        return rc;
    int32_t onnx = info->type->tensor_type->elem_type, dims[TENSOR_RANK_MAX];
    if (onnx != 1 && onnx != 2 && onnx != 3 && onnx != 10)
        return import_fail(im, -ENOTSUP, "input '%s' of ONNX type %d", value->name, onnx);
    value->type = onnx == 2 || onnx == 3 ? TENSOR_INT8 : TENSOR_FLOAT32;
    value->steps_type = onnx == 2 ? TENSOR_UINT8 : onnx == 3 ? TENSOR_INT8 : 0;
    if (value->rank == 4 && !is_transposed(im, info->name))
        memcpy(value->perm, import_picture, sizeof(value->perm));
    import_order_dims(value, dims);
    struct draft_tensor like = {.type = value->type};
    value->tensor = import_result(im, value, &like, value->rank, dims);
    if (value->tensor < 0)
        return value->tensor;
    im->draft->inputs[im->draft->input_count++] = value->tensor;
    return 0;
}

static int add_inputs(struct importer *im)
{
    im->draft->inputs = import_take(im, im->graph->n_input, sizeof(*im->draft->inputs));
    if (!im->draft->inputs)
        return -ENOMEM;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < im->graph->n_input; i++)
        rc = add_input(im, im->graph->input[i]);
    if (rc == 0 && im->draft->input_count == 0)
        rc = import_fail(im, -EINVAL, "the graph has no input");
    if (rc == 0 && im->input_shape && im->draft->input_count != 1)
        rc = import_fail(im, -EINVAL, "--input-shape is for models of one input, this one has %u",
                         im->draft->input_count);
    return rc;
}

// Pictures are N, H, W, C, as TFLite's models have them, unless ONNX has them so; all else is as
// ONNX means it.
static int add_output(struct importer *im, const Onnx__ValueInfo *info)
{
    struct import_value *value = info->name ? import_value_find(im, info->name) : NULL;
    if (!value)
        return import_fail(im, -EINVAL, "output '%.60s' is made by no node",
                           import_text(im, info->name));
    if (value->constant)
        return import_fail(im, -ENOTSUP, "output '%s' that is constant", value->name);
    bool picture = value->rank == 4 &&
                   memcmp(value->perm, import_plain, 4 * sizeof(value->perm[0])) != 0;
    int32_t tensor = import_arrange(im, value, picture ? import_picture : import_plain);
    if (tensor < 0)
        return tensor;
    im->draft->tensors[tensor].name = value->name;
    im->draft->outputs[im->draft->output_count++] = tensor;
    return 0;
}

static int add_outputs(struct importer *im)
{
    im->draft->outputs = import_take(im, im->graph->n_output, sizeof(*im->draft->outputs));
    if (!im->draft->outputs)
        return -ENOMEM;
    int rc = im->graph->n_output ? 0 : import_fail(im, -EINVAL, "the graph has no output");
    for (size_t i = 0; rc == 0 && i < im->graph->n_output; i++)
        rc = add_output(im, im->graph->output[i]);
    return rc;
}

// ---- the whole --------------------------------------------------------------

static int translate(struct importer *im)
{
    int rc = import_values_open(im);
    if (rc == 0)
        rc = add_inputs(im);
    for (size_t i = 0; rc == 0 && i < im->graph->n_node; i++) {
        im->node_index = i;
        im->node = im->graph->node[i];
        rc = visit(im);
    }
    im->node = NULL;
    if (rc == 0)
        rc = add_outputs(im);
    if (rc == 0)
        rc = import_fuse(im);
    return rc < 0 ? rc : import_integer(im);
}

int onnx_import(const void *bytes, size_t size, const struct onnx_import_options *options,
                struct draft *draft, struct model_error *error)
{
    struct onnx_file file;
    memset(draft, 0, sizeof(*draft));
    int rc = onnx_file_open(&file, bytes, size, error);
    if (rc < 0)
        return rc;
    struct importer im = {.draft = draft,
                          .error = error,
                          .opset = file.opset,
                          .graph = file.model->graph,
                          .budget = BUDGET_FACTOR * size + BUDGET_FLOOR};
    if (options && options->rank) {
        im.input_shape = options->shape;
        im.input_rank = options->rank;
    }
    rc = translate(&im);
    if (rc == 0 && draft_compact(draft) < 0)
        rc = model_fail(error, -ENOMEM, "out of memory");
    onnx_file_finish(&file);
    if (rc < 0)
        draft_finish(draft);
    return rc;
}
