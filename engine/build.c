// SPDX-License-Identifier: Apache-2.0
#include "engine/build.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/ops/ops.h"

// Most that one folded constant and all of them together may take.
#define BUILD_FOLD_MAX (128u << 20)
#define BUILD_FOLD_TOTAL_MAX ((size_t)1 << 30)

static const struct {
    int32_t code;
    op_build *build;
} operators[] = {
    {OP_CONV_2D, op_conv},
    {OP_DEPTHWISE_CONV_2D, op_depthwise},
    {OP_FULLY_CONNECTED, op_fully_connected},
    {OP_AVERAGE_POOL_2D, op_pool},
    {OP_MAX_POOL_2D, op_pool},
    {OP_MEAN, op_mean},
    {OP_ADD, op_binary},
    {OP_SUB, op_binary},
    {OP_MUL, op_binary},
    {OP_MAXIMUM, op_minmax},
    {OP_MINIMUM, op_minmax},
    {OP_RELU, op_unary},
    {OP_RELU6, op_unary},
    {OP_RELU_N1_TO_1, op_unary},
    {OP_RELU_0_TO_1, op_unary},
    {OP_LOGISTIC, op_unary},
    {OP_TANH, op_unary},
    {OP_ELU, op_unary},
    {OP_HARD_SWISH, op_unary},
    {OP_LEAKY_RELU, op_unary},
    {OP_PRELU, op_prelu},
    {OP_SOFTMAX, op_softmax},
    {OP_QUANTIZE, op_quantize},
    {OP_DEQUANTIZE, op_dequantize},
    {OP_RESHAPE, op_reshape},
    {OP_SQUEEZE, op_reshape},
    {OP_EXPAND_DIMS, op_reshape},
    {OP_SHAPE, op_shape},
    {OP_PAD, op_pad},
    {OP_PADV2, op_pad},
    {OP_MIRROR_PAD, op_mirror_pad},
    {OP_CONCATENATION, op_concatenation},
    {OP_PACK, op_pack},
    {OP_SPLIT, op_split},
    {OP_SPLIT_V, op_split},
    {OP_SLICE, op_slice},
    {OP_STRIDED_SLICE, op_strided_slice},
    {OP_TRANSPOSE, op_transpose},
    {OP_RESIZE_BILINEAR, op_resize},
    {OP_RESIZE_NEAREST_NEIGHBOR, op_resize},
};

static op_build *operator_build(int32_t code)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (operators[i].code == code)
            return operators[i].build;
    return NULL;
}

int build_fail(struct build *b, int code, const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const char *output = b->op->output_count ? b->graph->tensors[b->op->outputs[0]].name : "";
    return model_fail(b->error, code, "operator %u %s ('%.60s'): %s", b->op_index, b->op->name,
                      output, text);
}

// ---- layers ------------------------------------------------------------------------------------

void *build_params(struct build *b, size_t bytes)
{
    void *params = store_take(b->keep, bytes);
    if (!params)
        build_fail(b, -ENOMEM, "no memory for %zu bytes", bytes);
    return params;
}

struct layer *build_layer(struct build *b, layer_run *run, const char *kernel, void *params,
                          uint32_t in_count)
{
    struct layer *layer = &b->layers[b->layer_count];
    int32_t *arguments = store_take_array(b->keep, in_count + b->op->output_count, sizeof(int32_t));
    if (!arguments || b->layer_count == b->layer_capacity) {
        build_fail(b, -ENOMEM, "no memory for a layer");
        return NULL;
    }
    layer->op = store_take_text(b->keep, b->op->name);
    if (!layer->op) {
        build_fail(b, -ENOMEM, "no memory for a layer");
        return NULL;
    }
    b->layer_count++;
    layer->kernel = kernel;
    layer->op_index = b->op_index;
    layer->code = b->op->code;
    layer->run = run;
    layer->params = params;
    layer->units = 1;
    layer->in = arguments;
    layer->out = arguments + in_count;
    layer->in_count = in_count;
    layer->out_count = b->op->output_count;
    memcpy(layer->in, b->op->inputs, in_count * sizeof(int32_t));
    memcpy(layer->out, b->op->outputs, layer->out_count * sizeof(int32_t));
    return layer;
}

int32_t build_extra_tensor(struct build *b, int64_t bytes)
{
    if (bytes > GRAPH_ELEMENTS_MAX)
        return build_fail(b, -ENOTSUP, "an intermediate result of %lld bytes", (long long)bytes);
    struct graph_tensor *t = &b->graph->tensors[b->graph->tensor_count];
    *t = (struct graph_tensor){
        .name = build_output(b, 0)->name, .type = TENSOR_INT8, .rank = 1,
        .dims = {(int32_t)bytes}, .known = true, .uses = 1, .alias = GRAPH_ABSENT,
    };
    return (int32_t)b->graph->tensor_count++;
}

int build_alias(struct build *b)
{
    int32_t from = b->op->inputs[0];
    struct graph_tensor *in = &b->graph->tensors[from], *out = build_output(b, 0);
    if (in->data) {
        out->data = in->data;
        out->data_bytes = in->data_bytes;
        out->flip = in->flip;
        return 0;
    }
    out->alias = in->alias != GRAPH_ABSENT ? in->alias : from;
    return 0;
}

struct layer *build_producer(struct build *b, uint32_t index)
{
    int32_t tensor = b->op->inputs[index];
    if (b->graph->tensors[tensor].uses != 1)
        return NULL;
    for (uint32_t i = b->layer_count; i-- > 0;)
        if (b->layers[i].out_count == 1 && b->layers[i].out[0] == tensor)
            return &b->layers[i];
    return NULL;
}

void *build_constant(struct build *b, const struct graph_tensor *tensor, struct store *store)
{
    uint8_t *copy = store_take(store, tensor->data_bytes);
    if (!copy) {
        build_fail(b, -ENOMEM, "no memory for %zu bytes", tensor->data_bytes);
        return NULL;
    }
    uint8_t flip = tensor->flip ? 0x80 : 0;
    for (size_t i = 0; i < tensor->data_bytes; i++)
        copy[i] = tensor->data[i] ^ flip;
    return copy;
}

// ---- folding -----------------------------------------------------------------------------------

// Convolutions and pools are left to run: folding one could take a hostile file's time, because
// their windows overlap.
static bool all_constant(const struct build *b, const struct layer *layer)
{
    if (layer->macs || layer->code == OP_AVERAGE_POOL_2D || layer->code == OP_MAX_POOL_2D)
        return false;
    for (uint32_t i = 0; i < layer->in_count; i++)
        if (layer->in[i] != GRAPH_ABSENT && !b->graph->tensors[layer->in[i]].data)
            return false;
    return true;
}

// The same weights may be packed by thousands of operators, and a constant grow with each of them.
static int check_memory(struct build *b)
{
    size_t taken = b->keep->total + b->temp->total;
    if (b->memory_max == 0 || taken <= b->memory_max)
        return 0;
    return build_fail(b, -ENOTSUP,
                      "weights and constants take %zu MiB until here, the limit is %zu MiB",
                      taken >> 20, b->memory_max >> 20);
}

// Runs a layer whose inputs are all known, now, and makes its outputs constants.
static int fold_layer(struct build *b, struct layer *layer)
{
    const void **in = store_take_array(b->temp, layer->in_count + 1, sizeof(void *));
    void **out = store_take_array(b->temp, layer->out_count + 1, sizeof(void *));
    void *scratch = store_take(b->temp, layer->scratch);
    if (!in || !out || !scratch)
        return build_fail(b, -ENOMEM, "no memory to fold constants");
    for (uint32_t i = 0; i < layer->in_count; i++) {
        if (layer->in[i] == GRAPH_ABSENT)
            continue;
        in[i] = build_constant(b, &b->graph->tensors[layer->in[i]], b->temp);
        if (!in[i])
            return -ENOMEM;
        int rc = check_memory(b);
        if (rc < 0)
            return rc;
    }
    for (uint32_t i = 0; i < layer->out_count; i++) {
        struct graph_tensor *t = &b->graph->tensors[layer->out[i]];
        t->data_bytes = (size_t)graph_elements(t) * tensor_type_size(t->type);
        if (t->data_bytes > BUILD_FOLD_MAX || b->temp->total > BUILD_FOLD_TOTAL_MAX)
            return build_fail(b, -ENOTSUP, "constants of more than %u MiB", BUILD_FOLD_MAX >> 20);
        out[i] = store_take(b->temp, t->data_bytes);
        if (!out[i])
            return build_fail(b, -ENOMEM, "no memory to fold constants");
        t->data = out[i];
    }
    layer->run(layer->params, &(struct layer_io){in, out, NULL}, scratch, 0, layer->units);
    for (uint32_t i = 0; i < layer->out_count; i++) {
        const struct graph_tensor *t = &b->graph->tensors[layer->out[i]];
        for (size_t k = 0; t->flip && k < t->data_bytes; k++)
            ((uint8_t *)out[i])[k] ^= 0x80; // as the file's own uint8 constants
    }
    layer->dead = true;
    return 0;
}

// ---- the pass ----------------------------------------------------------------------------------

static int check_inputs(struct build *b)
{
    for (uint32_t i = 0; i < b->op->input_count; i++) {
        int32_t index = b->op->inputs[i];
        if (index == GRAPH_ABSENT)
            continue;
        const struct graph_tensor *t = &b->graph->tensors[index];
        if (!t->known)
            return build_fail(b, -EINVAL,
                              "input %u, tensor %d '%s', is made by no operator before it", i,
                              index, t->name);
        for (int32_t d = 0; d < t->rank; d++)
            if (t->dims[d] < 1)
                return build_fail(b, -EINVAL, "tensor %d '%s' has a dimension of %d", index,
                                  t->name, t->dims[d]);
    }
    return 0;
}

static int check_outputs(struct build *b)
{
    for (uint32_t i = 0; i < b->op->output_count; i++) {
        const struct graph_tensor *t = build_output(b, i);
        if (t->known)
            return build_fail(b, -EINVAL, "output tensor %d '%s' is made twice", b->op->outputs[i],
                              t->name);
        for (uint32_t j = 0; j < i; j++)
            if (b->op->outputs[j] == b->op->outputs[i])
                return build_fail(b, -EINVAL, "output tensor %d '%s' is made twice",
                                  b->op->outputs[i], t->name);
        if (tensor_type_size(t->type) == 0)
            return build_fail(b, -ENOTSUP, "output tensor '%s' is %s", t->name,
                              tensor_type_name(t->type));
    }
    return 0;
}

static int visit(struct build *b)
{
    op_build *build = operator_build(b->op->code);
    if (!build)
        return build_fail(b, -ENOTSUP, "this operator is not supported");
    int rc = check_inputs(b);
    if (rc == 0)
        rc = check_outputs(b);
    if (rc < 0)
        return rc;
    uint32_t before = b->layer_count;
    rc = build(b);
    for (uint32_t i = before; rc == 0 && i < b->layer_count; i++)
        if (all_constant(b, &b->layers[i]))
            rc = fold_layer(b, &b->layers[i]);
    return rc == 0 ? check_memory(b) : rc;
}

static void count_uses(struct graph *graph)
{
    for (uint32_t i = 0; i < graph->operator_count; i++)
        for (uint32_t j = 0; j < graph->operators[i].input_count; j++)
            if (graph->operators[i].inputs[j] != GRAPH_ABSENT)
                graph->tensors[graph->operators[i].inputs[j]].uses++;
    for (uint32_t i = 0; i < graph->output_count; i++)
        graph->tensors[graph->outputs[i]].uses++;
}

// Room for what operators and inputs add: a tensor and a layer each.
static int make_room(struct build *b)
{
    struct graph *g = b->graph;
    uint32_t added = g->operator_count + g->input_count;
    struct graph_tensor *grown =
        store_take_array(b->temp, (size_t)g->tensor_count + added, sizeof(*grown));
    b->layer_capacity = g->operator_count + added;
    b->layers = store_take_array(b->keep, b->layer_capacity, sizeof(struct layer));
    if (!b->layers || !grown)
        return model_fail(b->error, -ENOMEM, "out of memory");
    memcpy(grown, g->tensors, g->tensor_count * sizeof(*grown));
    g->tensors = grown;
    return 0;
}

// An int16 input is written as floats, which a pre-processor makes, and quantized by a layer; a
// caller's int16 values come out of it as they were.
static int read_wide_input(struct build *b, uint32_t i)
{
    int32_t to = b->graph->inputs[i], from;
    const struct graph_tensor *t = &b->graph->tensors[to];
    if (t->type != TENSOR_INT16 || t->scales.count != 1 || t->zero_point != 0)
        return 0;
    struct graph_operator quantize = {
        .code = OP_QUANTIZE, .name = "QUANTIZE", .input_count = 1, .output_count = 1,
        .inputs = &from, .outputs = &to,
    };
    b->op = &quantize;
    from = build_extra_tensor(b, 1);
    if (from < 0)
        return from;
    struct graph_tensor *real = &b->graph->tensors[from];
    real->type = TENSOR_FLOAT32;
    real->rank = t->rank;
    memcpy(real->dims, t->dims, sizeof(real->dims));
    b->inputs[i].kind = EDGE_WIDEN;
    b->inputs[i].tensor = from;
    b->inputs[i].scale = build_scale(t, 0);
    int rc = op_quantize(b);
    b->op = NULL;
    return rc;
}

int build_layers(struct build *b)
{
    count_uses(b->graph);
    int ready = make_room(b);
    for (uint32_t i = 0; ready == 0 && i < b->graph->input_count; i++)
        ready = read_wide_input(b, i);
    if (ready < 0)
        return ready;
    for (uint32_t i = 0; i < b->graph->operator_count; i++) {
        b->op = &b->graph->operators[i];
        b->op_index = i;
        int rc = visit(b);
        if (rc < 0)
            return rc;
    }
    return 0;
}
