// SPDX-License-Identifier: Apache-2.0
#include "qmodel/boundary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int boundary_keep(struct draft *d, const char *names, struct model_error *error)
{
    for (const char *at = names; *at;) {
        size_t length = strcspn(at, ",");
        bool found = length == 0;
        for (uint32_t i = 0; i < d->operator_count; i++) {
            const char *name = d->operators[i].output_count
                                   ? d->tensors[d->operators[i].outputs[0]].name
                                   : "";
            if (length && strlen(name) == length && memcmp(name, at, length) == 0)
                found = d->operators[i].keep = true;
        }
        if (!found)
            return model_fail(error, -EINVAL, "no layer has an output named '%.*s'", (int)length,
                              at);
        at += length + (at[length] == ',');
    }
    return 0;
}

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
