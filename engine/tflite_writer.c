// SPDX-License-Identifier: Apache-2.0
#include "engine/tflite_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/archive.h"
#include "engine/flatbuild.h"
#include "engine/option_writer.h"

struct writer {
    const struct draft *draft;
    struct flat_builder builder;
    struct store temp;
    uint32_t *buffer_of;            // tensor -> buffer; 0 = none
    uint32_t buffer_count;          // without the empty one
    const struct draft_tensor **owners; // buffer - 1 -> a tensor that has its data
    struct { int32_t code, version; } *codes;
    uint32_t code_count;
};

// Memory until the file is written; without any the builder stops, and says so at its end.
static void *take(struct writer *w, size_t count, size_t element)
{
    void *memory = store_take_array(&w->temp, count, element);
    if (!memory)
        w->builder.rc = -ENOMEM;
    return memory;
}

// ---- tables by themselves ---------------------------------------------------

// Buffer 0 is empty by the format's rule. Looking for equal ones is quadratic in the number of
// constants, of which there are hundreds; sizes differ mostly.
static void share_buffers(struct writer *w)
{
    for (uint32_t i = 0; i < w->draft->tensor_count; i++) {
        const struct draft_tensor *t = &w->draft->tensors[i];
        if (!t->data)
            continue;
        uint32_t at = 0;
        while (at < w->buffer_count && (w->owners[at]->data_bytes != t->data_bytes ||
                                        memcmp(w->owners[at]->data, t->data, t->data_bytes) != 0))
            at++;
        if (at == w->buffer_count)
            w->owners[w->buffer_count++] = t;
        w->buffer_of[i] = at + 1;
    }
}

static flat_ref put_buffer(struct writer *w, const void *data, size_t bytes)
{
    flat_ref content = bytes ? flat_put_vector(&w->builder, data, (uint32_t)bytes, 1, 16) : 0;
    flat_table_begin(&w->builder);
    flat_put_ref(&w->builder, BUFFER_DATA, content);
    return flat_table_end(&w->builder);
}

static flat_ref put_buffers(struct writer *w)
{
    flat_ref *refs = take(w, w->buffer_count + 2, sizeof(*refs));
    if (!refs)
        return 0;
    uint32_t count = 0;
    refs[count++] = put_buffer(w, NULL, 0);
    for (uint32_t i = 0; i < w->buffer_count; i++)
        refs[count++] = put_buffer(w, w->owners[i]->data, w->owners[i]->data_bytes);
    if (w->draft->metadata.count)
        refs[count++] = put_buffer(w, flat_list_bytes(&w->draft->metadata),
                                   w->draft->metadata.count);
    return flat_put_refs(&w->builder, refs, count);
}

static flat_ref put_metadata(struct writer *w)
{
    if (w->draft->metadata.count == 0)
        return 0;
    flat_ref name = flat_put_text(&w->builder, "TFLITE_METADATA");
    flat_table_begin(&w->builder);
    flat_put_ref(&w->builder, METADATA_NAME, name);
    flat_put_i32(&w->builder, METADATA_BUFFER, (int32_t)w->buffer_count + 1, 0);
    flat_ref entry = flat_table_end(&w->builder);
    return flat_put_refs(&w->builder, &entry, 1);
}

// ---- tensors ----------------------------------------------------------------

static flat_ref put_quantization(struct writer *w, const struct draft_tensor *t)
{
    if (t->scale_count == 0)
        return 0;
    int64_t *zeros = take(w, t->scale_count, sizeof(*zeros));
    if (!zeros)
        return 0;
    for (uint32_t i = 0; i < t->scale_count; i++)
        zeros[i] = t->zero_point;
    flat_ref zero_points = flat_put_vector(&w->builder, zeros, t->scale_count, 8, 8);
    flat_ref scales = flat_put_vector(&w->builder, t->scales, t->scale_count, 4, 4);
    flat_table_begin(&w->builder);
    flat_put_ref(&w->builder, QUANTIZATION_SCALE, scales);
    flat_put_ref(&w->builder, QUANTIZATION_ZERO_POINT, zero_points);
    flat_put_i32(&w->builder, QUANTIZATION_DIMENSION, t->scale_count > 1 ? t->axis : 0, 0);
    return flat_table_end(&w->builder);
}

static flat_ref put_tensor(struct writer *w, uint32_t index)
{
    const struct draft_tensor *t = &w->draft->tensors[index];
    flat_ref quantization = put_quantization(w, t);
    flat_ref name = flat_put_text(&w->builder, t->name);
    flat_ref shape = flat_put_vector(&w->builder, t->dims, (uint32_t)t->rank, 4, 4);
    flat_table_begin(&w->builder);
    flat_put_ref(&w->builder, FIELD_TENSOR_SHAPE, shape);
    flat_put_ref(&w->builder, FIELD_TENSOR_NAME, name);
    flat_put_ref(&w->builder, FIELD_TENSOR_QUANTIZATION, quantization);
    flat_put_i32(&w->builder, FIELD_TENSOR_BUFFER, (int32_t)w->buffer_of[index], 0);
    flat_put_i8(&w->builder, FIELD_TENSOR_TYPE, (int8_t)t->type, 0);
    return flat_table_end(&w->builder);
}

static flat_ref put_tensors(struct writer *w)
{
    flat_ref *refs = take(w, w->draft->tensor_count, sizeof(*refs));
    for (uint32_t i = 0; refs && i < w->draft->tensor_count; i++)
        refs[i] = put_tensor(w, i);
    return refs ? flat_put_refs(&w->builder, refs, w->draft->tensor_count) : 0;
}

// ---- operators --------------------------------------------------------------

static uint32_t code_index(struct writer *w, const struct draft_operator *op)
{
    for (uint32_t i = 0; i < w->code_count; i++)
        if (w->codes[i].code == op->code && w->codes[i].version == op->version)
            return i;
    w->codes[w->code_count].code = op->code;
    w->codes[w->code_count].version = op->version;
    return w->code_count++;
}

static flat_ref put_codes(struct writer *w)
{
    flat_ref *refs = take(w, w->code_count, sizeof(*refs));
    for (uint32_t i = 0; refs && i < w->code_count; i++) {
        flat_table_begin(&w->builder);
        flat_put_i32(&w->builder, CODE_VERSION, w->codes[i].version, 1);
        flat_put_i32(&w->builder, CODE_BUILTIN, w->codes[i].code, 0);
        // What readers from before the wide field look at; those codes beyond it say "see the other
        // field".
        flat_put_i8(&w->builder, CODE_DEPRECATED,
                    (int8_t)(w->codes[i].code < 127 ? w->codes[i].code : 127), 0);
        refs[i] = flat_table_end(&w->builder);
    }
    return refs ? flat_put_refs(&w->builder, refs, w->code_count) : 0;
}

static flat_ref put_operator(struct writer *w, const struct draft_operator *op)
{
    int8_t kind = option_writer_kind(op->code);
    flat_ref options = kind == OPTIONS_NONE ? 0 : option_writer_put(&w->builder, op);
    flat_ref inputs = flat_put_vector(&w->builder, op->inputs, op->input_count, 4, 4);
    flat_ref outputs = flat_put_vector(&w->builder, op->outputs, op->output_count, 4, 4);
    flat_table_begin(&w->builder);
    flat_put_i32(&w->builder, OPERATOR_CODE, (int32_t)code_index(w, op), 0);
    flat_put_ref(&w->builder, OPERATOR_INPUTS, inputs);
    flat_put_ref(&w->builder, OPERATOR_OUTPUTS, outputs);
    flat_put_ref(&w->builder, OPERATOR_OPTIONS, options);
    flat_put_i8(&w->builder, OPERATOR_OPTIONS_TYPE, kind, 0);
    return flat_table_end(&w->builder);
}

static flat_ref put_operators(struct writer *w)
{
    flat_ref *refs = take(w, w->draft->operator_count, sizeof(*refs));
    for (uint32_t i = 0; refs && i < w->draft->operator_count; i++)
        refs[i] = put_operator(w, &w->draft->operators[i]);
    return refs ? flat_put_refs(&w->builder, refs, w->draft->operator_count) : 0;
}

// ---- signatures -------------------------------------------------------------

static flat_ref put_map(struct writer *w, const struct signature_entry *entries, uint32_t count,
                        const int32_t *tensors)
{
    flat_ref *refs = take(w, count, sizeof(*refs));
    for (uint32_t i = 0; refs && i < count; i++) {
        flat_ref name = flat_put_text(&w->builder, entries[i].name);
        flat_table_begin(&w->builder);
        flat_put_ref(&w->builder, MAP_NAME, name);
        flat_put_i32(&w->builder, MAP_TENSOR, tensors[entries[i].place], 0);
        refs[i] = flat_table_end(&w->builder);
    }
    return refs ? flat_put_refs(&w->builder, refs, count) : 0;
}

static flat_ref put_signatures(struct writer *w)
{
    const struct signatures *s = &w->draft->signatures;
    flat_ref *refs = s->count ? take(w, s->count, sizeof(*refs)) : NULL;
    for (uint32_t i = 0; refs && i < s->count; i++) {
        flat_ref outputs = put_map(w, s->list[i].outputs, s->list[i].output_count,
                                   w->draft->outputs);
        flat_ref inputs = put_map(w, s->list[i].inputs, s->list[i].input_count, w->draft->inputs);
        flat_ref key = flat_put_text(&w->builder, s->list[i].key);
        flat_table_begin(&w->builder);
        flat_put_ref(&w->builder, SIGNATURE_INPUTS, inputs);
        flat_put_ref(&w->builder, SIGNATURE_OUTPUTS, outputs);
        flat_put_ref(&w->builder, SIGNATURE_KEY, key);
        refs[i] = flat_table_end(&w->builder);
    }
    return refs ? flat_put_refs(&w->builder, refs, s->count) : 0;
}

// ---- the file ---------------------------------------------------------------

static flat_ref put_subgraphs(struct writer *w)
{
    const struct draft *d = w->draft;
    flat_ref name = flat_put_text(&w->builder, "main");
    flat_ref operators = put_operators(w);
    flat_ref outputs = flat_put_vector(&w->builder, d->outputs, d->output_count, 4, 4);
    flat_ref inputs = flat_put_vector(&w->builder, d->inputs, d->input_count, 4, 4);
    flat_ref tensors = put_tensors(w);
    flat_table_begin(&w->builder);
    flat_put_ref(&w->builder, SUBGRAPH_TENSORS, tensors);
    flat_put_ref(&w->builder, SUBGRAPH_INPUTS, inputs);
    flat_put_ref(&w->builder, SUBGRAPH_OUTPUTS, outputs);
    flat_put_ref(&w->builder, SUBGRAPH_OPERATORS, operators);
    flat_put_ref(&w->builder, SUBGRAPH_NAME, name);
    flat_ref subgraph = flat_table_end(&w->builder);
    return flat_put_refs(&w->builder, &subgraph, 1);
}

// The bulk first: it ends up at the file's end.
static flat_ref put_model(struct writer *w)
{
    flat_ref buffers = put_buffers(w);
    flat_ref metadata = put_metadata(w);
    flat_ref signatures = put_signatures(w);
    flat_ref subgraphs = put_subgraphs(w);
    flat_ref codes = put_codes(w);
    flat_ref description = flat_put_text(&w->builder, "written by qmodel");
    flat_table_begin(&w->builder);
    flat_put_i32(&w->builder, MODEL_VERSION, SCHEMA_VERSION, 0);
    flat_put_ref(&w->builder, MODEL_OPERATOR_CODES, codes);
    flat_put_ref(&w->builder, MODEL_SUBGRAPHS, subgraphs);
    flat_put_ref(&w->builder, MODEL_DESCRIPTION, description);
    flat_put_ref(&w->builder, MODEL_BUFFERS, buffers);
    flat_put_ref(&w->builder, MODEL_METADATA, metadata);
    flat_put_ref(&w->builder, MODEL_SIGNATURES, signatures);
    return flat_table_end(&w->builder);
}

// The model and, behind it, the archive of the draft's own file.
static int join(const struct draft *d, const uint8_t *model, size_t model_size, uint8_t **bytes,
                size_t *size)
{
    struct archive archive;
    uint8_t *tail = NULL;
    size_t tail_size = 0;
    if (d->metadata.count && archive_open(&archive, d->file, d->file_bytes) == 0) {
        int rc = archive_move(&archive, model_size, &tail, &tail_size);
        if (rc < 0)
            return rc;
    }
    *bytes = malloc(model_size + tail_size);
    if (*bytes) {
        memcpy(*bytes, model, model_size);
        if (tail_size)
            memcpy(*bytes + model_size, tail, tail_size);
        *size = model_size + tail_size;
    }
    free(tail);
    return *bytes ? 0 : -ENOMEM;
}

int tflite_write(const struct draft *draft, uint8_t **bytes, size_t *size)
{
    struct writer w = {.draft = draft};
    const uint8_t *model;
    size_t model_size;
    int rc = -ENOMEM;
    w.buffer_of = take(&w, draft->tensor_count, sizeof(*w.buffer_of));
    w.owners = take(&w, draft->tensor_count, sizeof(*w.owners));
    w.codes = take(&w, draft->operator_count, sizeof(*w.codes));
    if (w.buffer_of && w.owners && w.codes) {
        share_buffers(&w);
        flat_ref root = put_model(&w);
        rc = flat_builder_end(&w.builder, root, SCHEMA_IDENTIFIER, &model, &model_size);
    }
    if (rc == 0)
        rc = join(draft, model, model_size, bytes, size);
    flat_builder_finish(&w.builder);
    store_finish(&w.temp);
    return rc;
}
