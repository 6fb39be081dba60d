// SPDX-License-Identifier: Apache-2.0
//
// The file is read twice: once as it is, once by the engine's own build pass, which checks every
// operator, infers every shape and folds constants, and changes its copy of the graph while it
// does.

#include "engine/draft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/build.h"
#include "engine/model_impl.h"

struct opening {
    struct draft *draft;
    struct model_error *error;
    struct store temp; // of the build pass
    struct graph file, built;
};

static int no_memory(struct model_error *error)
{
    return model_fail(error, -ENOMEM, "out of memory while reading the model");
}

// ---- the build pass ---------------------------------------------------------

static int build(struct opening *o)
{
    struct graph *g = &o->built;
    struct store keep = {0};
    struct build b = {.graph = g, .keep = &keep, .temp = &o->temp, .error = o->error};
    b.inputs = store_take_array(&o->temp, g->input_count, sizeof(*b.inputs));
    b.outputs = store_take_array(&o->temp, g->output_count, sizeof(*b.outputs));
    if (!b.inputs || !b.outputs)
        return no_memory(o->error);
    for (uint32_t i = 0; i < g->input_count; i++) {
        g->tensors[g->inputs[i]].known = true;
        b.inputs[i].tensor = g->inputs[i];
    }
    int rc = build_layers(&b);
    store_finish(&keep);
    return rc;
}

// ---- tensors ----------------------------------------------------------------

static int take_scales(struct opening *o, const struct graph_tensor *from, struct draft_tensor *to)
{
    float *scales = store_take_array(&o->draft->store, from->scales.count, sizeof(*scales));
    if (!scales)
        return no_memory(o->error);
    for (uint32_t i = 0; i < from->scales.count; i++)
        scales[i] = flat_list_f32(&from->scales, i);
    to->scales = scales;
    to->scale_count = from->scales.count;
    return 0;
}

// Constants of the file stay in it where they are aligned; folded ones move from the build pass's
// memory.
static int take_data(struct opening *o, uint32_t index, struct draft_tensor *to)
{
    const struct graph_tensor *file = &o->file.tensors[index], *built = &o->built.tensors[index];
    const uint8_t *data = file->data ? file->data : built->data;
    if (!data)
        return 0;
    to->data_bytes = file->data ? file->data_bytes : built->data_bytes;
    to->data = data;
    if (file->data && (uintptr_t)data % 8 == 0)
        return 0;
    uint8_t *copy = store_take(&o->draft->store, to->data_bytes);
    if (!copy)
        return no_memory(o->error);
    memcpy(copy, data, to->data_bytes);
    to->data = copy;
    return 0;
}

static int take_tensor(struct opening *o, uint32_t index)
{
    const struct graph_tensor *file = &o->file.tensors[index], *built = &o->built.tensors[index];
    struct draft_tensor *to = &o->draft->tensors[index];
    *to = (struct draft_tensor){.type = file->flip ? TENSOR_UINT8 : file->type,
                                .rank = built->rank,
                                .zero_point = file->zero_point + (file->flip ? 128 : 0),
                                .axis = file->channel_axis};
    memcpy(to->dims, built->dims, sizeof(to->dims));
    to->name = store_take_text(&o->draft->store, file->name);
    if (!to->name)
        return no_memory(o->error);
    int rc = take_scales(o, file, to);
    return rc < 0 ? rc : take_data(o, index, to);
}

static int32_t *take_indexes(struct draft *d, const int32_t *from, uint32_t count)
{
    int32_t *copy = store_take_array(&d->store, count, sizeof(*copy));
    if (copy)
        memcpy(copy, from, count * sizeof(*copy));
    return copy;
}

static int take_operator(struct opening *o, const struct graph_operator *from)
{
    struct draft *d = o->draft;
    struct draft_operator *to = &d->operators[d->operator_count++];
    *to = (struct draft_operator){.code = from->code,
                                  .version = from->version,
                                  .input_count = from->input_count,
                                  .output_count = from->output_count,
                                  .options = from->options};
    to->name = store_take_text(&d->store, from->name);
    to->inputs = take_indexes(d, from->inputs, from->input_count);
    to->outputs = take_indexes(d, from->outputs, from->output_count);
    return to->name && to->inputs && to->outputs ? 0 : no_memory(o->error);
}

// ---- cleaning ---------------------------------------------------------------

static bool is_folded(const struct draft *d, const struct graph_operator *op)
{
    for (uint32_t i = 0; i < op->output_count; i++)
        if (!d->tensors[op->outputs[i]].data)
            return false;
    return true;
}

// Backwards: an operator stays when somebody needs one of its outputs.
static void mark_needed(struct opening *o, bool *tensor, bool *operator)
{
    const struct graph *g = &o->file;
    for (uint32_t i = 0; i < g->output_count; i++)
        tensor[g->outputs[i]] = true;
    for (uint32_t i = g->operator_count; i-- > 0;) {
        const struct graph_operator *op = &g->operators[i];
        for (uint32_t j = 0; j < op->output_count; j++)
            operator[i] = operator[i] || tensor[op->outputs[j]];
        operator[i] = operator[i] && !is_folded(o->draft, op);
        for (uint32_t j = 0; operator[i] && j < op->input_count; j++)
            if (op->inputs[j] != GRAPH_ABSENT)
                tensor[op->inputs[j]] = true;
    }
}

static int take_graph(struct opening *o)
{
    struct draft *d = o->draft;
    const struct graph *g = &o->file;
    d->tensor_count = d->tensor_capacity = g->tensor_count;
    d->operator_capacity = g->operator_count;
    d->tensors = store_take_array(&d->store, g->tensor_count, sizeof(*d->tensors));
    d->operators = store_take_array(&d->store, g->operator_count, sizeof(*d->operators));
    bool *tensor = store_take_array(&o->temp, g->tensor_count, sizeof(*tensor));
    bool *operator = store_take_array(&o->temp, g->operator_count, sizeof(*operator));
    if (!d->tensors || !d->operators || !tensor || !operator)
        return no_memory(o->error);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < g->tensor_count; i++)
        rc = take_tensor(o, i);
    if (rc == 0)
        mark_needed(o, tensor, operator);
    for (uint32_t i = 0; rc == 0 && i < g->tensor_count; i++)
        if (tensor[i] && g->tensors[i].type != TENSOR_FLOAT32 && graph_zeros_differ(&g->tensors[i]))
            rc = model_fail(o->error, -ENOTSUP, "tensor %u '%s': a zero point for each channel", i,
                            g->tensors[i].name);
    for (uint32_t i = 0; rc == 0 && i < g->operator_count; i++)
        if (operator[i])
            rc = take_operator(o, &g->operators[i]);
    d->input_count = g->input_count;
    d->output_count = g->output_count;
    d->inputs = take_indexes(d, g->inputs, g->input_count);
    d->outputs = take_indexes(d, g->outputs, g->output_count);
    d->metadata = g->metadata;
    if (rc == 0 && (!d->inputs || !d->outputs))
        rc = no_memory(o->error);
    return rc;
}

static int open_graphs(struct opening *o)
{
    struct draft *d = o->draft;
    if (d->file_bytes > INT32_MAX)
        return model_fail(o->error, -ENOTSUP, "a file of %zu bytes, at most 2 GiB are supported",
                          d->file_bytes);
    d->flat = (struct flat){.data = d->file, .size = (uint32_t)d->file_bytes};
    int rc = graph_read(&o->file, &d->flat, &d->store, o->error);
    if (rc == 0)
        rc = graph_read(&o->built, &d->flat, &o->temp, o->error);
    if (rc == 0)
        rc = signatures_read(&d->signatures, &d->flat, &o->file, &d->store, o->error);
    if (rc == 0)
        rc = build(o);
    if (rc == 0)
        rc = take_graph(o);
    if (rc == 0 && draft_compact(d) < 0)
        rc = no_memory(o->error);
    return rc;
}

// The engine opens it first: what it does not run is not rewritten either, and its checks of the
// whole (inputs, outputs, metadata) need no second place.
int draft_open(struct draft *draft, const char *path, struct model_error *error)
{
    struct opening o = {.draft = draft, .error = error};
    struct model *model;
    memset(draft, 0, sizeof(*draft));
    int rc = model_read_file(path, &draft->file, &draft->file_bytes, error);
    if (rc < 0)
        return rc;
    rc = model_open_memory(draft->file, draft->file_bytes, &(struct model_options){0}, &model,
                           error);
    if (rc == 0) {
        model_close(model);
        rc = open_graphs(&o);
    }
    store_finish(&o.temp);
    if (rc < 0)
        draft_finish(draft);
    return rc;
}

int draft_copy(struct draft *copy, const struct draft *d)
{
    *copy = *d;
    copy->store = (struct store){0};
    copy->borrowed = true;
    copy->tensors = store_take_array(&copy->store, d->tensor_count, sizeof(*d->tensors));
    copy->operators = store_take_array(&copy->store, d->operator_count, sizeof(*d->operators));
    copy->inputs = take_indexes(copy, d->inputs, d->input_count);
    copy->outputs = take_indexes(copy, d->outputs, d->output_count);
    copy->tensor_capacity = d->tensor_count;
    copy->operator_capacity = d->operator_count;
    bool made = copy->tensors && copy->operators && copy->inputs && copy->outputs;
    if (made) {
        memcpy(copy->tensors, d->tensors, d->tensor_count * sizeof(*d->tensors));
        memcpy(copy->operators, d->operators, d->operator_count * sizeof(*d->operators));
    }
    for (uint32_t i = 0; made && i < d->operator_count; i++) {
        struct draft_operator *op = &copy->operators[i];
        op->inputs = take_indexes(copy, op->inputs, op->input_count);
        op->outputs = take_indexes(copy, op->outputs, op->output_count);
        made = op->inputs && op->outputs;
    }
    if (!made)
        draft_finish(copy);
    return made ? 0 : -ENOMEM;
}

void draft_finish(struct draft *draft)
{
    store_finish(&draft->store);
    if (draft->file && !draft->borrowed)
        munmap(draft->file, draft->file_bytes);
    memset(draft, 0, sizeof(*draft));
}

// ---- changing ---------------------------------------------------------------

int32_t draft_add_tensor(struct draft *d, const struct draft_tensor *tensor)
{
    if (d->tensor_count == d->tensor_capacity) {
        uint32_t capacity = 2 * d->tensor_capacity + 64;
        struct draft_tensor *more = store_take_array(&d->store, capacity, sizeof(*more));
        if (!more)
            return -ENOMEM;
        if (d->tensor_count)
            memcpy(more, d->tensors, d->tensor_count * sizeof(*more));
        d->tensors = more;
        d->tensor_capacity = capacity;
    }
    d->tensors[d->tensor_count] = *tensor;
    return (int32_t)d->tensor_count++;
}

static int room_for_operator(struct draft *d)
{
    if (d->operator_count < d->operator_capacity)
        return 0;
    uint32_t capacity = 2 * d->operator_capacity + 16;
    struct draft_operator *more = store_take_array(&d->store, capacity, sizeof(*more));
    if (!more)
        return -ENOMEM;
    if (d->operator_count)
        memcpy(more, d->operators, d->operator_count * sizeof(*more));
    d->operators = more;
    d->operator_capacity = capacity;
    return 0;
}

int draft_insert_operator(struct draft *d, uint32_t at, int32_t code, int32_t input, int32_t output)
{
    if (room_for_operator(d) < 0)
        return -ENOMEM;
    struct draft_operator op = {.code = code,
                                .version = 1,
                                .name = operator_name(code),
                                .input_count = 1,
                                .output_count = 1};
    op.inputs = take_indexes(d, &input, 1);
    op.outputs = take_indexes(d, &output, 1);
    if (!op.inputs || !op.outputs)
        return -ENOMEM;
    memmove(&d->operators[at + 1], &d->operators[at], (d->operator_count - at) * sizeof(op));
    d->operators[at] = op;
    d->operator_count++;
    return 0;
}

void draft_remove_operator(struct draft *d, uint32_t at)
{
    d->operator_count--;
    memmove(&d->operators[at], &d->operators[at + 1],
            (d->operator_count - at) * sizeof(d->operators[0]));
}

uint32_t draft_readers(const struct draft *d, int32_t tensor)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].input_count; j++)
            n += d->operators[i].inputs[j] == tensor;
    for (uint32_t i = 0; i < d->output_count; i++)
        n += d->outputs[i] == tensor;
    return n;
}

int32_t draft_maker(const struct draft *d, int32_t tensor)
{
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].output_count; j++)
            if (d->operators[i].outputs[j] == tensor)
                return (int32_t)i;
    return -1;
}

int draft_append_operator(struct draft *d, const struct draft_operator *op)
{
    if (room_for_operator(d) < 0)
        return -ENOMEM;
    d->operators[d->operator_count++] = *op;
    return 0;
}

static void renumber(int32_t *indexes, uint32_t count, const int32_t *number)
{
    for (uint32_t i = 0; i < count; i++)
        if (indexes[i] != GRAPH_ABSENT)
            indexes[i] = number[indexes[i]];
}

static void mark(int32_t *used, const int32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (indexes[i] != GRAPH_ABSENT)
            used[indexes[i]] = 1;
}

int draft_compact(struct draft *d)
{
    int32_t *number = store_take_array(&d->store, d->tensor_count, sizeof(*number)), kept = 0;
    if (!number)
        return -ENOMEM;
    mark(number, d->inputs, d->input_count);
    mark(number, d->outputs, d->output_count);
    for (uint32_t i = 0; i < d->operator_count; i++) {
        mark(number, d->operators[i].inputs, d->operators[i].input_count);
        mark(number, d->operators[i].outputs, d->operators[i].output_count);
    }
    for (uint32_t i = 0; i < d->tensor_count; i++)
        if (number[i]) {
            d->tensors[kept] = d->tensors[i];
            number[i] = kept++;
        }
    d->tensor_count = (uint32_t)kept;
    renumber(d->inputs, d->input_count, number);
    renumber(d->outputs, d->output_count, number);
    for (uint32_t i = 0; i < d->operator_count; i++) {
        renumber(d->operators[i].inputs, d->operators[i].input_count, number);
        renumber(d->operators[i].outputs, d->operators[i].output_count, number);
    }
    return 0;
}

int64_t draft_elements(const struct draft_tensor *tensor)
{
    int64_t n = 1;
    for (int32_t d = 0; d < tensor->rank; d++)
        n *= tensor->dims[d];
    return n;
}

int draft_fail(const struct draft *draft, struct model_error *error, int code, uint32_t op,
               const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const struct draft_operator *o = &draft->operators[op];
    const char *output = o->output_count ? draft->tensors[o->outputs[0]].name : "";
    return model_fail(error, code, "operator %u %s ('%.60s'): %s", op, o->name, output, text);
}
