// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>

#include "qmodel/integer.h"

// The outside's form of an int8 tensor.
static int32_t edge_tensor(struct draft *d, int32_t inside, enum integer_edge kind)
{
    struct draft_tensor t = d->tensors[inside];
    char name[128];
    snprintf(name, sizeof(name), "%.110s/%s", t.name, t.type == TENSOR_INT16 ? "int16" : "int8");
    d->tensors[inside].name = store_take_text(&d->store, name);
    if (!d->tensors[inside].name)
        return -ENOMEM;
    t.type = kind == EDGE_IS_FLOAT ? TENSOR_FLOAT32 : TENSOR_UINT8;
    t.zero_point += 128;
    if (kind == EDGE_IS_FLOAT)
        t.scale_count = 0;
    return draft_add_tensor(d, &t);
}

static bool is_inner(const struct draft *d, int32_t tensor)
{
    return d->tensors[tensor].type == TENSOR_INT8 || d->tensors[tensor].type == TENSOR_INT16;
}

int integer_set_edges(struct draft *d, const struct integer_options *o, struct model_error *error)
{
    for (uint32_t i = 0; o->input != EDGE_IS_INNER && i < d->input_count; i++) {
        if (!is_inner(d, d->inputs[i]))
            continue;
        int32_t inside = d->inputs[i], outside = edge_tensor(d, inside, o->input);
        if (outside < 0 || draft_insert_operator(d, 0, OP_QUANTIZE, outside, inside) < 0)
            return model_fail(error, -ENOMEM, "out of memory while quantizing");
        d->operators[0].version = o->input == EDGE_IS_UINT8 ? 2 : 1;
        d->inputs[i] = outside;
    }
    for (uint32_t i = 0; o->output != EDGE_IS_INNER && i < d->output_count; i++) {
        if (!is_inner(d, d->outputs[i]))
            continue;
        int32_t inside = d->outputs[i], outside = edge_tensor(d, inside, o->output);
        int32_t code = o->output == EDGE_IS_UINT8 ? OP_QUANTIZE : OP_DEQUANTIZE;
        if (outside < 0 || draft_insert_operator(d, d->operator_count, code, inside, outside) < 0)
            return model_fail(error, -ENOMEM, "out of memory while quantizing");
        d->operators[d->operator_count - 1].version = 2;
        d->outputs[i] = outside;
    }
    return 0;
}
