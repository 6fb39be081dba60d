// SPDX-License-Identifier: Apache-2.0
#include "qmodel/boundary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// ---- layers by name ---------------------------------------------------------

static bool is_called(const struct draft *d, int32_t tensor, const char *name, size_t length)
{
    const char *called = d->tensors[tensor].name;
    return strlen(called) == length && memcmp(called, name, length) == 0;
}

// What the operator makes that reads `tensor`, or -1.
static int32_t read_into(const struct draft *d, int32_t tensor)
{
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].input_count; j++)
            if (d->operators[i].inputs[j] == tensor && d->operators[i].output_count)
                return d->operators[i].outputs[0];
    return -1;
}

// A merge into a layer that was merged later is followed to the end: always forward, so it ends.
static int32_t merged_into(const struct draft *d, int32_t tensor)
{
    while (d->tensors[tensor].merged)
        tensor = d->tensors[tensor].merged - 1;
    return tensor;
}

static int refuse_name(const struct draft *d, const char *name, size_t length,
                       struct model_error *error)
{
    for (int32_t i = 0; (uint32_t)i < d->tensor_count; i++) {
        if (!is_called(d, i, name, length))
            continue;
        int32_t layer = merged_into(d, i), reader = read_into(d, i);
        if (layer != i)
            return model_fail(error, -EINVAL,
                              "'%.*s' was merged into the layer with output '%s': name that one",
                              (int)length, name, d->tensors[layer].name);
        if (reader >= 0)
            return model_fail(
                error, -EINVAL,
                "'%.*s' is no layer's output: the layer that reads it has output '%s'", (int)length,
                name, d->tensors[reader].name);
    }
    return model_fail(error, -EINVAL, "no layer has an output named '%.*s'", (int)length, name);
}

int boundary_keep(struct draft *d, const char *names, struct model_error *error)
{
    for (const char *at = names; *at;) {
        size_t length = strcspn(at, ",");
        bool found = length == 0;
        for (uint32_t i = 0; i < d->operator_count; i++) {
            if (length && d->operators[i].output_count &&
                is_called(d, d->operators[i].outputs[0], at, length))
                found = d->operators[i].keep = true;
        }
        if (!found)
            return refuse_name(d, at, length, error);
        at += length + (at[length] == ',');
    }
    return 0;
}

// ---- borders ----------------------------------------------------------------

struct borders {
    struct draft *draft;
    int32_t *source;
    bool *outside;
    uint32_t capacity;
};

static bool is_float(const struct draft *d, int32_t tensor)
{
    return tensor != GRAPH_ABSENT && d->tensors[tensor].type == TENSOR_FLOAT32 &&
           !d->tensors[tensor].data;
}

// The tensor's values in the other form.
static int32_t twin(struct borders *b, int32_t tensor, bool outside)
{
    struct draft_tensor copy = b->draft->tensors[tensor];
    char name[128];
    snprintf(name, sizeof(name), "%.110s/%s", copy.name, outside ? "float" : "steps");
    copy.name = store_take_text(&b->draft->store, name);
    if (!copy.name || b->draft->tensor_count >= b->capacity)
        return -ENOMEM;
    b->source[b->draft->tensor_count] = tensor;
    b->outside[b->draft->tensor_count] = outside;
    return draft_add_tensor(b->draft, &copy);
}

// What kept operators make, and inputs that only they read, stay float.
static void mark_outside(struct borders *b)
{
    const struct draft *d = b->draft;
    for (uint32_t i = 0; i < d->input_count; i++)
        b->outside[d->inputs[i]] = draft_readers(d, d->inputs[i]) > 0;
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].input_count; j++)
            if (is_float(d, d->operators[i].inputs[j]) && !d->operators[i].keep)
                b->outside[d->operators[i].inputs[j]] = false;
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; d->operators[i].keep && j < d->operators[i].output_count; j++)
            b->outside[d->operators[i].outputs[j]] = is_float(d, d->operators[i].outputs[j]);
}

// Operator *at reads its input `index` in the other form; an operator before it makes that.
static int cross(struct borders *b, uint32_t *at, uint32_t index)
{
    struct draft *d = b->draft;
    int32_t tensor = d->operators[*at].inputs[index];
    bool outside = d->operators[*at].keep;
    int32_t made = twin(b, tensor, outside);
    if (made < 0 ||
        draft_insert_operator(d, *at, outside ? OP_DEQUANTIZE : OP_QUANTIZE, tensor, made) < 0)
        return -ENOMEM;
    d->operators[*at].version = outside ? 2 : 1;
    d->operators[*at].border = true;
    (*at)++;
    for (uint32_t i = *at; i < d->operator_count;
         i++) // and for all others behind that want this form
        for (uint32_t j = 0; d->operators[i].keep == outside && j < d->operators[i].input_count;
             j++)
            if (d->operators[i].inputs[j] == tensor)
                d->operators[i].inputs[j] = made;
    return 0;
}

int boundary_insert(struct draft *d, int32_t *source, bool *outside, uint32_t capacity)
{
    struct borders b = {d, source, outside, capacity};
    for (uint32_t i = 0; i < d->tensor_count; i++)
        source[i] = (int32_t)i;
    mark_outside(&b);
    for (uint32_t i = 0; i < d->operator_count; i++)
        for (uint32_t j = 0; j < d->operators[i].input_count; j++) {
            int32_t tensor = d->operators[i].inputs[j];
            if (is_float(d, tensor) && outside[tensor] != d->operators[i].keep &&
                cross(&b, &i, j) < 0)
                return -ENOMEM;
        }
    return 0;
}
