// SPDX-License-Identifier: Apache-2.0
#include "qmodel/weights.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEPS 127.0f
#define CLIPPING_CUTS 40 // scales tried, down to half of max |w| / 127

static int no_memory(struct model_error *error)
{
    return model_fail(error, -ENOMEM, "out of memory while quantizing weights");
}

static bool is_weighted(const struct draft_operator *op)
{
    return op->code == OP_CONV_2D || op->code == OP_DEPTHWISE_CONV_2D ||
           op->code == OP_FULLY_CONNECTED;
}

bool weights_are(const struct draft_operator *op, uint32_t index)
{
    return index == 1 && is_weighted(op);
}

int32_t weights_axis(const struct draft_operator *op)
{
    return op->code == OP_DEPTHWISE_CONV_2D ? 3 : 0;
}

int weights_check(const struct draft *draft, struct model_error *error)
{
    for (uint32_t i = 0; i < draft->tensor_count; i++) {
        const struct draft_tensor *t = &draft->tensors[i];
        const float *values = t->data;
        if (!t->data || t->type != TENSOR_FLOAT32)
            continue;
        for (int64_t j = 0, n = draft_elements(t); j < n; j++)
            if (!isfinite(values[j]))
                return model_fail(error, -EINVAL, "tensor %u '%s': element %lld is %s", i, t->name,
                                  (long long)j, isnan(values[j]) ? "not a number" : "infinite");
    }
    return 0;
}

// ---- float16 ----------------------------------------------------------------

// Nearest, half to even. Scaling by a power of two rounds as float16 does: normal numbers keep 11
// bits, below 2^-14 the step is 2^-24. Callers have checked that |value| rounds to at most 65504.
static uint16_t to_half(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    float size = fabsf(value);
    int exponent = 0;
    frexpf(size, &exponent); // size in [2^(exponent-1), 2^exponent)
    if (size == 0)
        return sign;
    if (exponent < -13)
        exponent = -13;
    long steps = lrintf(ldexpf(size, 11 - exponent)); // up to 2048; below 1024 only when subnormal
    return (uint16_t)(sign | (uint16_t)(((exponent + 13) << 10) + steps));
}

static int32_t half_tensor(struct draft *d, int32_t index, struct model_error *error)
{
    struct draft_tensor half = d->tensors[index];
    int64_t n = draft_elements(&half);
    const float *from = half.data;
    uint16_t *to = store_take_array(&d->store, (size_t)n, sizeof(*to));
    char name[128];
    snprintf(name, sizeof(name), "%.100s/float16", half.name);
    half.name = store_take_text(&d->store, name);
    if (!to || !half.name)
        return no_memory(error);
    for (int64_t i = 0; i < n; i++) {
        if (fabsf(from[i]) >= 65520)
            return model_fail(error, -EINVAL, "tensor '%s': %g is beyond float16",
                              d->tensors[index].name, (double)from[i]);
        to[i] = to_half(from[i]);
    }
    half.type = TENSOR_FLOAT16;
    half.data = to;
    half.data_bytes = (size_t)n * sizeof(*to);
    int32_t made = draft_add_tensor(d, &half);
    return made < 0 ? no_memory(error) : made;
}

int weights_to_half(struct draft *d, struct model_error *error)
{
    for (uint32_t i = 0; i < d->operator_count; i++) {
        for (uint32_t j = 1; is_weighted(&d->operators[i]) && j < d->operators[i].input_count;
             j++) {
            int32_t index = d->operators[i].inputs[j];
            // Already done for an operator before, or not there: no data.
            if (index == GRAPH_ABSENT || !d->tensors[index].data ||
                d->tensors[index].type != TENSOR_FLOAT32)
                continue;
            int32_t half = half_tensor(d, index, error);
            if (half < 0)
                return half;
            d->tensors[index].data = NULL;
            d->tensors[index].data_bytes = 0;
            if (draft_insert_operator(d, i++, OP_DEQUANTIZE, half, index) < 0)
                return no_memory(error);
            d->operators[i - 1].version = 3;
        }
    }
    return 0;
}

// ---- int8 -------------------------------------------------------------------

// A tensor as [outer, channels, inner].
struct layout {
    int64_t outer, channels, inner;
};

static struct layout layout_of(const struct draft_tensor *t, int32_t axis)
{
    struct layout l = {1, t->dims[axis], 1};
    for (int32_t d = 0; d < axis; d++)
        l.outer *= t->dims[d];
    for (int32_t d = axis + 1; d < t->rank; d++)
        l.inner *= t->dims[d];
    return l;
}

// Most of |w| in each channel, at scales[c].
static void find_sizes(const float *w, struct layout l, float *sizes)
{
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t c = 0; c < l.channels; c++)
            for (int64_t i = 0; i < l.inner; i++, w++)
                sizes[c] = fmaxf(sizes[c], fabsf(*w));
}

static double channel_error(const float *w, struct layout l, int64_t channel, double scale)
{
    double error = 0;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            double v = (double)w[(o * l.channels + channel) * l.inner + i], q = rint(v / scale);
            q = q > STEPS ? STEPS : q < -STEPS ? -STEPS : q;
            error += (v - q * scale) * (v - q * scale);
        }
    return error;
}

// Finer steps for most weights, and the largest clamped, where that errs less.
static float clipped_scale(const float *w, struct layout l, int64_t channel, float scale)
{
    double least = channel_error(w, l, channel, (double)scale);
    float found = scale;
    for (int32_t cut = 1; cut <= CLIPPING_CUTS; cut++) {
        float finer = scale * (1 - (float)cut / (2 * CLIPPING_CUTS));
        double error = channel_error(w, l, channel, (double)finer);
        if (error < least) {
            least = error;
            found = finer;
        }
    }
    return found;
}

static void quantize(const float *w, struct layout l, const float *scales, int8_t *q)
{
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t c = 0; c < l.channels; c++)
            for (int64_t i = 0; i < l.inner; i++) {
                float steps = rintf(*w++ / scales[c]);
                *q++ = (int8_t)(steps > STEPS ? STEPS : steps < -STEPS ? -STEPS : steps);
            }
}

int32_t weights_to_int8(struct draft *d, const struct draft_operator *op, bool per_tensor,
                        bool clipped, const float *floor)
{
    struct draft_tensor t = d->tensors[op->inputs[1]];
    int32_t axis = weights_axis(op);
    struct layout l = layout_of(&t, axis), whole = {1, 1, draft_elements(&t)};
    float *scales = store_take_array(&d->store, (size_t)l.channels, sizeof(*scales));
    int8_t *q = store_take(&d->store, (size_t)whole.inner);
    if (!scales || !q)
        return -ENOMEM;
    if (per_tensor)
        l = whole;
    find_sizes(t.data, l, scales);
    for (int64_t c = 0; c < l.channels; c++) {
        // A channel of zeros takes any scale.
        scales[c] = scales[c] > 0 ? scales[c] / STEPS : 1.0f;
        scales[c] = fmaxf(scales[c], 1e-30f);
        if (clipped)
            scales[c] = fmaxf(clipped_scale(t.data, l, c, scales[c]), 1e-30f);
        if (floor)
            scales[c] = fmaxf(scales[c], floor[c]);
    }
    quantize(t.data, l, scales, q);
    t.type = TENSOR_INT8;
    t.data = q;
    t.data_bytes = (size_t)whole.inner;
    t.scales = scales;
    t.scale_count = (uint32_t)l.channels;
    t.zero_point = 0;
    t.axis = axis;
    return draft_add_tensor(d, &t);
}

// The versions are those in which TFLite's operators learnt the form.
static int32_t dynamic_version(const struct draft_operator *op, uint32_t scale_count)
{
    if (op->code == OP_DEPTHWISE_CONV_2D)
        return 6;
    if (op->code == OP_CONV_2D)
        return scale_count > 1 ? 5 : 2;
    return scale_count > 1 ? 12 : 9;
}

int weights_to_dynamic(struct draft *d, bool per_tensor, int64_t least, struct model_error *error)
{
    for (uint32_t i = 0; i < d->operator_count; i++) {
        struct draft_operator *op = &d->operators[i];
        if (!is_weighted(op) || d->tensors[op->inputs[1]].type != TENSOR_FLOAT32 ||
            draft_elements(&d->tensors[op->inputs[1]]) < least)
            continue;
        int32_t made = weights_to_int8(d, op, per_tensor, false, NULL);
        if (made < 0)
            return no_memory(error);
        op->inputs[1] = made;
        op->options.asymmetric_inputs = true;
        op->version = dynamic_version(op, d->tensors[made].scale_count);
    }
    return 0;
}
