// SPDX-License-Identifier: Apache-2.0
#include "engine/graph.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/option_reader.h"

struct reader {
    struct graph *graph;
    struct flat *flat;
    struct store *store;
    struct model_error *error;
    struct flat_vector codes, buffers;
};

int model_fail(struct model_error *error, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    // What is valid but not ours says so.
    if (code == -ENOTSUP && length > 0 && (size_t)length < sizeof(error->text) &&
        !strstr(error->text, "support"))
        snprintf(error->text + length, sizeof(error->text) - (size_t)length, " (not supported)");
    return code;
}

static int no_memory(struct reader *r)
{
    return model_fail(r->error, -ENOMEM, "out of memory while reading the model");
}

// A fault seen by the accessors becomes the error line.
static int flat_status(struct reader *r, const char *where)
{
    if (!r->flat->fault)
        return 0;
    return model_fail(r->error, -EINVAL, "%s: %s at byte %u", where, r->flat->fault,
                      r->flat->fault_at);
}

int64_t graph_elements(const struct graph_tensor *tensor)
{
    int64_t n = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        n *= tensor->dims[i];
    return n;
}

bool graph_zeros_differ(const struct graph_tensor *tensor)
{
    for (uint32_t i = 1; i < tensor->zeros.count; i++)
        if (flat_list_i64(&tensor->zeros, i) != flat_list_i64(&tensor->zeros, 0))
            return true;
    return false;
}

int32_t graph_constant_int(const struct graph_tensor *tensor, int64_t index)
{
    if (tensor->type == TENSOR_INT64) {
        int64_t wide;
        memcpy(&wide, tensor->data + 8 * index, sizeof(wide));
        return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
    }
    int32_t value;
    memcpy(&value, tensor->data + 4 * index, sizeof(value));
    return value;
}

// ---- tensors -----------------------------------------------------------------------------------

static int read_shape(struct reader *r, uint32_t index, const struct flat_table *table,
                      struct graph_tensor *t)
{
    struct flat_vector shape = flat_list(table, FIELD_TENSOR_SHAPE, 4);
    struct flat_vector signature = flat_list(table, FIELD_TENSOR_SIGNATURE, 4);
    if (shape.count > TENSOR_RANK_MAX)
        return model_fail(r->error, -ENOTSUP,
                          "tensor %u '%s': %u dimensions, at most %d are supported", index, t->name,
                          shape.count, TENSOR_RANK_MAX);
    t->rank = (int32_t)shape.count;
    int64_t elements = 1;
    for (uint32_t d = 0; d < shape.count; d++) {
        t->dims[d] = flat_list_i32(&shape, d);
        // A free batch, written -1 in the shape or in the signature, is 1 here.
        if (d == 0 && (t->dims[0] == -1 || (signature.count && flat_list_i32(&signature, 0) == -1)))
            t->dims[0] = 1;
        if (t->dims[d] < 0)
            return model_fail(r->error, -EINVAL, "tensor %u '%s': dimension %u is %d", index,
                              t->name, d, t->dims[d]);
        elements *= t->dims[d];
        if (elements > INT32_MAX)
            return model_fail(r->error, -EINVAL, "tensor %u '%s': more than 2^31 elements", index,
                              t->name);
    }
    return 0;
}

static int read_quantization(struct reader *r, uint32_t index, const struct flat_table *table,
                             struct graph_tensor *t)
{
    struct flat_table q = flat_child(table, FIELD_TENSOR_QUANTIZATION);
    t->scales = flat_list(&q, QUANTIZATION_SCALE, 4);
    t->channel_axis = flat_i32(&q, QUANTIZATION_DIMENSION, 0);
    struct flat_vector zeros = flat_list(&q, QUANTIZATION_ZERO_POINT, 8);
    if (zeros.count == 0)
        return 0;
    if (t->scales.count && zeros.count != t->scales.count)
        return model_fail(r->error, -EINVAL, "tensor %u '%s': %u zero points for %u scales", index,
                          t->name, zeros.count, t->scales.count);
    int64_t zero = flat_list_i64(&zeros, 0);
    t->zeros = zeros;
    int64_t low = t->type == TENSOR_INT8 ? -128 : 0, high = t->type == TENSOR_INT8 ? 127 : 255;
    if (t->type != TENSOR_INT8 && t->type != TENSOR_UINT8)
        low = INT16_MIN, high = INT16_MAX;
    if (zero < low || zero > high)
        return model_fail(r->error, -EINVAL, "tensor %u '%s': zero point %lld outside its type",
                          index, t->name, (long long)zero);
    t->zero_point = (int32_t)zero;
    return 0;
}

static int read_constant(struct reader *r, uint32_t index, const struct flat_table *table,
                         struct graph_tensor *t)
{
    uint32_t buffer = (uint32_t)flat_i32(table, FIELD_TENSOR_BUFFER, 0);
    if (buffer >= r->buffers.count && buffer != 0)
        return model_fail(r->error, -EINVAL, "tensor %u '%s': buffer %u of %u", index, t->name,
                          buffer, r->buffers.count);
    struct flat_table entry = flat_list_table(&r->buffers, buffer);
    struct flat_vector data = flat_list(&entry, BUFFER_DATA, 1);
    uint64_t offset = flat_u64(&entry, BUFFER_OFFSET, 0), size = flat_u64(&entry, BUFFER_SIZE, 0);
    if (offset > 1) { // data after the FlatBuffer, as in files beyond 2 GiB
        if (offset > r->flat->size || size > r->flat->size - offset)
            return model_fail(r->error, -EINVAL, "tensor %u '%s': data outside the file", index,
                              t->name);
        data =
            (struct flat_vector){.flat = r->flat, .at = (uint32_t)offset, .count = (uint32_t)size};
    }
    if (data.count == 0)
        return 0;
    size_t element = tensor_type_size(t->type);
    if (element && (uint64_t)graph_elements(t) * element != data.count)
        return model_fail(r->error, -EINVAL,
                          "tensor %u '%s': %u bytes of data, its shape needs %llu", index, t->name,
                          data.count, (unsigned long long)graph_elements(t) * element);
    struct flat_table sparsity = flat_child(table, FIELD_TENSOR_SPARSITY);
    if (sparsity.flat)
        return model_fail(r->error, -ENOTSUP, "tensor %u '%s': sparse data", index, t->name);
    t->data = flat_list_bytes(&data);
    t->data_bytes = data.count;
    t->known = true;
    return 0;
}

static int read_tensor(struct reader *r, uint32_t index, const struct flat_table *table)
{
    struct graph_tensor *t = &r->graph->tensors[index];
    char name[96];
    struct flat_vector text = flat_list(table, FIELD_TENSOR_NAME, 1);
    flat_text(&text, name, sizeof(name));
    t->name = store_take_text(r->store, name);
    if (!t->name)
        return no_memory(r);
    t->alias = GRAPH_ABSENT;
    t->type = (uint8_t)flat_i8(table, FIELD_TENSOR_TYPE, 0);
    if (flat_bool(table, FIELD_TENSOR_IS_VARIABLE, false))
        return model_fail(r->error, -ENOTSUP, "tensor %u '%s': variable tensors (stateful models)",
                          index, t->name);
    int rc = read_shape(r, index, table, t);
    if (rc == 0)
        rc = read_quantization(r, index, table, t);
    if (rc == 0)
        rc = read_constant(r, index, table, t);
    if (rc == 0 && t->type == TENSOR_UINT8) {
        t->type = TENSOR_INT8;
        t->zero_point -= 128;
        t->flip = true;
    }
    return rc;
}

static int read_tensors(struct reader *r, const struct flat_table *subgraph)
{
    struct flat_vector list = flat_list(subgraph, SUBGRAPH_TENSORS, 4);
    if (list.count > GRAPH_TENSORS_MAX)
        return model_fail(r->error, -ENOTSUP, "%u tensors, at most %d are supported", list.count,
                          GRAPH_TENSORS_MAX);
    r->graph->tensors = store_take_array(r->store, list.count, sizeof(struct graph_tensor));
    if (!r->graph->tensors)
        return no_memory(r);
    r->graph->tensor_count = list.count;
    for (uint32_t i = 0; i < list.count; i++) {
        struct flat_table table = flat_list_table(&list, i);
        int rc = read_tensor(r, i, &table);
        if (r->flat->fault)
            return flat_status(r, "tensors");
        if (rc < 0)
            return rc;
    }
    return 0;
}

// ---- operators ---------------------------------------------------------------------------------

static int read_code(struct reader *r, uint32_t index, const struct flat_table *table,
                     struct graph_operator *op)
{
    uint32_t entry = (uint32_t)flat_i32(table, OPERATOR_CODE, 0);
    if (entry >= r->codes.count)
        return model_fail(r->error, -EINVAL, "operator %u: code %u of %u", index, entry,
                          r->codes.count);
    struct flat_table code = flat_list_table(&r->codes, entry);
    // Old files have only the byte-sized field, new ones keep it at most 127: the bigger one is it.
    int32_t old = flat_i8(&code, CODE_DEPRECATED, 0), builtin = flat_i32(&code, CODE_BUILTIN, 0);
    op->code = builtin > old ? builtin : old;
    op->version = flat_i32(&code, CODE_VERSION, 1);
    op->name = operator_name(op->code);
    char text[64];
    if (op->code == OP_CUSTOM) {
        char name[48];
        struct flat_vector custom = flat_list(&code, CODE_CUSTOM, 1);
        flat_text(&custom, name, sizeof(name));
        snprintf(text, sizeof(text), "CUSTOM %s", name);
        op->name = store_take_text(r->store, text);
    } else if (!op->name) {
        snprintf(text, sizeof(text), "operator code %d", op->code);
        op->name = store_take_text(r->store, text);
    }
    return op->name ? 0 : no_memory(r);
}

static int read_arguments(struct reader *r, const char *what, const struct flat_vector *list,
                          int32_t lowest, int32_t **indexes, uint32_t *count)
{
    if (list->count > GRAPH_ARGUMENTS_MAX)
        return model_fail(r->error, -ENOTSUP, "%s: %u tensors, at most %d are supported", what,
                          list->count, GRAPH_ARGUMENTS_MAX);
    *indexes = store_take_array(r->store, list->count, sizeof(int32_t));
    if (!*indexes)
        return no_memory(r);
    *count = list->count;
    for (uint32_t i = 0; i < list->count; i++) {
        int32_t index = flat_list_i32(list, i);
        if (index < lowest || (index >= 0 && (uint32_t)index >= r->graph->tensor_count))
            return model_fail(r->error, -EINVAL, "%s: tensor %d of %u", what, index,
                              r->graph->tensor_count);
        (*indexes)[i] = index;
    }
    return 0;
}

static int read_operator(struct reader *r, uint32_t index, const struct flat_table *table)
{
    struct graph_operator *op = &r->graph->operators[index];
    int rc = read_code(r, index, table, op);
    if (rc < 0)
        return rc;
    char what[96];
    snprintf(what, sizeof(what), "operator %u %s", index, op->name);
    struct flat_vector inputs = flat_list(table, OPERATOR_INPUTS, 4);
    struct flat_vector outputs = flat_list(table, OPERATOR_OUTPUTS, 4);
    rc = read_arguments(r, what, &inputs, GRAPH_ABSENT, &op->inputs, &op->input_count);
    if (rc == 0)
        rc = read_arguments(r, what, &outputs, 0, &op->outputs, &op->output_count);
    if (rc < 0)
        return rc;
    struct flat_table options = flat_child(table, OPERATOR_OPTIONS);
    option_reader_read(op, &options);
    return 0;
}

static int read_operators(struct reader *r, const struct flat_table *subgraph)
{
    struct flat_vector list = flat_list(subgraph, SUBGRAPH_OPERATORS, 4);
    if (list.count > GRAPH_OPERATORS_MAX)
        return model_fail(r->error, -ENOTSUP, "%u operators, at most %d are supported", list.count,
                          GRAPH_OPERATORS_MAX);
    r->graph->operators = store_take_array(r->store, list.count, sizeof(struct graph_operator));
    if (!r->graph->operators)
        return no_memory(r);
    r->graph->operator_count = list.count;
    for (uint32_t i = 0; i < list.count; i++) {
        struct flat_table table = flat_list_table(&list, i);
        int rc = read_operator(r, i, &table);
        if (r->flat->fault)
            return flat_status(r, "operators");
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_subgraph(struct reader *r, const struct flat_table *subgraph)
{
    int rc = read_tensors(r, subgraph);
    if (rc == 0)
        rc = read_operators(r, subgraph);
    if (rc < 0)
        return rc;
    struct graph *g = r->graph;
    struct flat_vector inputs = flat_list(subgraph, SUBGRAPH_INPUTS, 4);
    struct flat_vector outputs = flat_list(subgraph, SUBGRAPH_OUTPUTS, 4);
    rc = read_arguments(r, "model inputs", &inputs, 0, &g->inputs, &g->input_count);
    if (rc == 0)
        rc = read_arguments(r, "model outputs", &outputs, 0, &g->outputs, &g->output_count);
    return rc;
}

// ---- file --------------------------------------------------------------------------------------

static void find_metadata(struct reader *r, const struct flat_table *model)
{
    struct flat_vector list = flat_list(model, MODEL_METADATA, 4);
    for (uint32_t i = 0; i < list.count && i < 256 && !r->flat->fault; i++) {
        struct flat_table entry = flat_list_table(&list, i);
        struct flat_vector text = flat_list(&entry, METADATA_NAME, 1);
        char name[32];
        flat_text(&text, name, sizeof(name));
        if (strcmp(name, "TFLITE_METADATA") != 0)
            continue;
        struct flat_table buffer =
            flat_list_table(&r->buffers, (uint32_t)flat_i32(&entry, METADATA_BUFFER, 0));
        r->graph->metadata = flat_list(&buffer, BUFFER_DATA, 1);
    }
}

int graph_read(struct graph *graph, struct flat *flat, struct store *store,
               struct model_error *error)
{
    struct reader r = {.graph = graph, .flat = flat, .store = store, .error = error};
    memset(graph, 0, sizeof(*graph));
    struct flat_table model = flat_root(flat, SCHEMA_IDENTIFIER);
    if (flat->fault)
        return model_fail(error, -EINVAL, "not a .tflite model: %s at byte %u", flat->fault,
                          flat->fault_at);
    int32_t version = flat_i32(&model, MODEL_VERSION, 0);
    struct flat_vector subgraphs = flat_list(&model, MODEL_SUBGRAPHS, 4);
    r.codes = flat_list(&model, MODEL_OPERATOR_CODES, 4);
    r.buffers = flat_list(&model, MODEL_BUFFERS, 4);
    struct flat_table subgraph = flat_list_table(&subgraphs, 0);
    if (flat->fault)
        return flat_status(&r, "model");
    if (version != SCHEMA_VERSION)
        return model_fail(error, -ENOTSUP, "schema version %d, only %d is supported", version,
                          SCHEMA_VERSION);
    if (subgraphs.count != 1)
        return model_fail(error, -ENOTSUP, "%u subgraphs, only 1 is supported", subgraphs.count);
    int rc = read_subgraph(&r, &subgraph);
    if (flat->fault)
        return flat_status(&r, "subgraph");
    if (rc < 0)
        return rc;
    if (graph->input_count == 0 || graph->output_count == 0)
        return model_fail(error, -EINVAL, "the model has no %s",
                          graph->input_count ? "output" : "input");
    find_metadata(&r, &model);
    return flat_status(&r, "metadata");
}
