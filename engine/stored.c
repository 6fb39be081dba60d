// SPDX-License-Identifier: Apache-2.0

#include "engine/stored.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/model_impl.h"

int stored_open(struct stored *stored, const char *path, struct model_error *error)
{
    memset(stored, 0, sizeof(*stored));
    int rc = model_read_file(path, &stored->file, &stored->file_bytes, error);
    if (rc < 0)
        return rc;
    stored->flat = (struct flat){.data = stored->file, .size = (uint32_t)stored->file_bytes};
    rc = graph_read(&stored->graph, &stored->flat, &stored->store, error);
    if (rc < 0)
        stored_finish(stored);
    return rc;
}

void stored_finish(struct stored *stored)
{
    store_finish(&stored->store);
    if (stored->file)
        munmap(stored->file, stored->file_bytes);
    memset(stored, 0, sizeof(*stored));
}

// ---- which constants ---------------------------------------------------------------------------

static const struct graph_tensor *tensor_at(const struct stored *s, int32_t index)
{
    return index < 0 || (uint32_t)index >= s->graph.tensor_count ? NULL : &s->graph.tensors[index];
}

// The constant that an operator reads, also where it comes from a DEQUANTIZE of a constant.
static const struct graph_tensor *constant_at(const struct stored *s, int32_t index)
{
    const struct graph_tensor *t = tensor_at(s, index);
    if (!t || t->data)
        return t;
    for (uint32_t i = 0; i < s->graph.operator_count; i++) {
        const struct graph_operator *op = &s->graph.operators[i];
        if (op->code == OP_DEQUANTIZE && op->input_count == 1 && op->output_count == 1 &&
            op->outputs[0] == index) {
            const struct graph_tensor *from = tensor_at(s, op->inputs[0]);
            return from && from->data ? from : NULL;
        }
    }
    return NULL;
}

static bool is_weighted(const struct graph_operator *op)
{
    return op->code == OP_CONV_2D || op->code == OP_DEPTHWISE_CONV_2D ||
           op->code == OP_FULLY_CONNECTED;
}

static bool is_number(const struct graph_tensor *t)
{
    return t && t->data && tensor_type_size(t->type) > 0 &&
           t->data_bytes == tensor_type_size(t->type) * (size_t)graph_elements(t);
}

bool stored_weights_get(const struct stored *s, uint32_t index, struct stored_weights *w)
{
    const struct graph_operator *op = &s->graph.operators[index];
    if (!is_weighted(op) || op->input_count < 2 || op->output_count < 1)
        return false;
    const struct graph_tensor *t = constant_at(s, op->inputs[1]);
    const struct graph_tensor *out = tensor_at(s, op->outputs[0]);
    int32_t axis = op->code == OP_DEPTHWISE_CONV_2D ? 3 : 0;
    if (!is_number(t) || !out || axis >= t->rank || graph_elements(t) < 1)
        return false;
    *w = (struct stored_weights){.op = op->name,
                                 .index = index,
                                 .output = op->outputs[0],
                                 .layer = out->name,
                                 .tensor = t,
                                 .axis = axis,
                                 .channels = t->dims[axis],
                                 .elements = graph_elements(t),
                                 .offset = t->flip};
    return true;
}

// ---- values ------------------------------------------------------------------------------------

uint32_t stored_scale_count(const struct stored_weights *w)
{
    uint32_t count = w->tensor->scales.count;
    return count > 1 && count != w->channels ? 1 : count;
}

float stored_scale(const struct stored_weights *w, int64_t channel)
{
    uint32_t count = stored_scale_count(w);
    return count == 0 ? 0 : flat_list_f32(&w->tensor->scales, count > 1 ? (uint32_t)channel : 0);
}

int64_t stored_zero_point(const struct stored_weights *w, int64_t channel)
{
    uint32_t count = w->tensor->zeros.count;
    return count == 0 ? 0
                      : flat_list_i64(&w->tensor->zeros, count > channel ? (uint32_t)channel : 0);
}

int64_t stored_channel(const struct stored_weights *w, int64_t index)
{
    // the channels' axis is the outermost or the innermost one
    return w->axis == 0 ? index / (w->elements / w->channels) : index % w->channels;
}

int64_t stored_position(const struct stored_weights *w, int64_t channel, int64_t nth)
{
    return w->axis == 0 ? channel * (w->elements / w->channels) + nth : nth * w->channels + channel;
}

static float half_to_float(uint16_t half)
{
    int32_t exponent = half >> 10 & 31, mantissa = half & 0x3ff;
    float size = exponent == 31  ? mantissa ? NAN : INFINITY
                 : exponent == 0 ? ldexpf((float)mantissa, -24)
                                 : ldexpf((float)(mantissa + 0x400), exponent - 25);
    return half & 0x8000 ? -size : size;
}

int32_t stored_step(const struct stored_weights *w, int64_t index)
{
    int16_t wide;
    int32_t word;
    const uint8_t *at = w->tensor->data + (size_t)index * tensor_type_size(w->tensor->type);
    switch (w->tensor->type) {
    case TENSOR_INT8: return w->offset ? *at : (int8_t)*at;
    case TENSOR_INT16: memcpy(&wide, at, sizeof(wide)); return wide;
    case TENSOR_INT32: memcpy(&word, at, sizeof(word)); return word;
    default: return 0;
    }
}

float stored_value(const struct stored_weights *w, int64_t index)
{
    float value;
    uint16_t half;
    const uint8_t *at = w->tensor->data + (size_t)index * tensor_type_size(w->tensor->type);
    switch (w->tensor->type) {
    case TENSOR_FLOAT32: memcpy(&value, at, sizeof(value)); return value;
    case TENSOR_FLOAT16: memcpy(&half, at, sizeof(half)); return half_to_float(half);
    default: break;
    }
    int64_t channel = stored_channel(w, index);
    return (float)(stored_step(w, index) - stored_zero_point(w, channel)) *
           stored_scale(w, channel);
}

// ---- size --------------------------------------------------------------------------------------

void stored_size(const struct stored *s, uint64_t *bytes, uint64_t *elements)
{
    *bytes = *elements = 0;
    for (uint32_t i = 0; i < s->graph.operator_count; i++) {
        const struct graph_operator *op = &s->graph.operators[i];
        for (uint32_t k = 0; k < op->input_count; k++) {
            const struct graph_tensor *t = tensor_at(s, op->inputs[k]);
            bool bias = is_weighted(op) && k == 2;
            if (!is_number(t) || (!bias && (t->type == TENSOR_INT32 || t->type == TENSOR_INT64)))
                continue; // shapes, axes, paddings
            *bytes += t->data_bytes;
            *elements += (uint64_t)graph_elements(t);
        }
    }
}
