// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "qmodel/importer.h"

const char *import_text(struct importer *im, const char *text)
{
    char name[61];
    size_t n = 0;
    for (; text && text[n] && n < sizeof(name) - 1; n++)
        name[n] = (uint8_t)text[n] < 32 || text[n] == 127 ? '?' : text[n];
    name[n] = 0;
    const char *copy = store_take_text(&im->draft->store, name);
    return copy ? copy : "?";
}

// The names in it were cut and cleaned by import_text.
int import_fail(struct importer *im, int code, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!im->node)
        return model_fail(im->error, code, "%s", text);
    return model_fail(im->error, code, "node %zu %.30s ('%.40s'): %s", im->node_index,
                      import_text(im, im->node->op_type),
                      import_text(im, im->node->name && *im->node->name ? im->node->name
                                      : im->node->n_output              ? im->node->output[0]
                                                                        : ""),
                      text);
}

void *import_take(struct importer *im, size_t count, size_t element)
{
    if (count && element > SIZE_MAX / count) {
        import_fail(im, -ENOMEM, "too big");
        return NULL;
    }
    if (count * element > im->budget) {
        import_fail(im, -ENOMEM, "it takes far more memory than the file's size");
        return NULL;
    }
    im->budget -= count * element;
    void *memory = store_take_array(&im->draft->store, count ? count : 1, element);
    if (!memory)
        import_fail(im, -ENOMEM, "out of memory");
    return memory;
}

// ---- tensors ----------------------------------------------------------------

static int keep_origin(struct importer *im, int32_t index, const struct import_origin *origin)
{
    if ((uint32_t)index >= im->origin_capacity) {
        uint32_t capacity = 2 * im->origin_capacity + 256;
        struct import_origin *more = import_take(im, capacity, sizeof(*more));
        if (!more)
            return -ENOMEM;
        if (im->origin_capacity)
            memcpy(more, im->origins, im->origin_capacity * sizeof(*more));
        im->origins = more;
        im->origin_capacity = capacity;
    }
    im->origins[index] = origin ? *origin : (struct import_origin){0};
    return index;
}

int32_t import_tensor(struct importer *im, const struct draft_tensor *tensor,
                      const struct import_origin *origin)
{
    if (im->draft->tensor_count >= GRAPH_TENSORS_MAX)
        return import_fail(im, -ENOTSUP, "more than %d tensors", GRAPH_TENSORS_MAX);
    int32_t index = draft_add_tensor(im->draft, tensor);
    return index < 0 ? import_fail(im, index, "out of memory") : keep_origin(im, index, origin);
}

static int32_t copied(struct importer *im, int32_t type, const void *values, int32_t count)
{
    struct draft_tensor t = {.name = "constant",
                             .type = type,
                             .rank = 1,
                             .dims = {count},
                             .data_bytes = (size_t)count * 4};
    void *data = import_take(im, (size_t)count, 4);
    if (!data)
        return -ENOMEM;
    memcpy(data, values, t.data_bytes);
    t.data = data;
    return import_tensor(im, &t, NULL);
}

int32_t import_floats_tensor(struct importer *im, const float *values, int32_t count)
{
    return copied(im, TENSOR_FLOAT32, values, count);
}

int32_t import_ints_tensor(struct importer *im, const int32_t *values, int32_t count)
{
    return copied(im, TENSOR_INT32, values, count);
}

int32_t import_result(struct importer *im, const struct import_value *value,
                      const struct draft_tensor *like, int32_t rank, const int32_t *dims)
{
    struct draft_tensor t = {.name = value->name, .rank = rank, .type = TENSOR_FLOAT32};
    if (like) {
        t.type = like->type;
        t.scales = like->scales;
        t.scale_count = like->scale_count;
        t.zero_point = like->zero_point;
    }
    memcpy(t.dims, dims, (size_t)rank * sizeof(*dims));
    return import_tensor(im, &t, NULL);
}

// ---- operators --------------------------------------------------------------

int import_emit(struct importer *im, int32_t code, const struct graph_options *options,
                uint32_t input_count, const int32_t *inputs, uint32_t output_count,
                const int32_t *outputs)
{
    struct draft_operator op = {.code = code,
                                .version = 1,
                                .name = operator_name(code),
                                .input_count = input_count,
                                .output_count = output_count};
    if (im->draft->operator_count >= GRAPH_OPERATORS_MAX)
        return import_fail(im, -ENOTSUP, "more than %d operators", GRAPH_OPERATORS_MAX);
    if (options)
        op.options = *options;
    op.inputs = import_take(im, input_count, sizeof(*inputs));
    op.outputs = import_take(im, output_count, sizeof(*outputs));
    if (!op.inputs || !op.outputs)
        return -ENOMEM;
    memcpy(op.inputs, inputs, input_count * sizeof(*inputs));
    memcpy(op.outputs, outputs, output_count * sizeof(*outputs));
    return draft_append_operator(im->draft, &op) < 0 ? import_fail(im, -ENOMEM, "out of memory")
                                                     : 0;
}

int import_emit_value(struct importer *im, int32_t code, const struct graph_options *options,
                      uint32_t input_count, const int32_t *inputs, struct import_value *value)
{
    int32_t dims[TENSOR_RANK_MAX];
    import_order_dims(value, dims);
    struct draft_tensor like = im->draft->tensors[inputs[0]];
    value->type = like.type;
    value->tensor = import_result(im, value, &like, value->rank, dims);
    return value->tensor < 0
               ? value->tensor
               : import_emit(im, code, options, input_count, inputs, 1, &value->tensor);
}
