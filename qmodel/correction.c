// SPDX-License-Identifier: Apache-2.0
#include "qmodel/correction.h"

#include <math.h>

#include "qmodel/weights.h"

static bool only_moves(int32_t code)
{
    return code == OP_RESHAPE || code == OP_SQUEEZE || code == OP_EXPAND_DIMS || code == OP_PAD;
}

int32_t correction_source(const struct draft *draft, uint32_t op)
{
    if (!weights_are(&draft->operators[op], 1))
        return -1;
    int32_t tensor = draft->operators[op].inputs[0];
    for (uint32_t i = op; i-- > 0;) // makers come before readers
        if (draft->operators[i].outputs[0] == tensor && only_moves(draft->operators[i].code))
            tensor = draft->operators[i].inputs[0];
    return tensor;
}

uint32_t correction_channels(const struct draft *draft, uint32_t op)
{
    const struct draft_operator *o = &draft->operators[op];
    const struct draft_tensor *in = &draft->tensors[o->inputs[0]],
                              *weights = &draft->tensors[o->inputs[1]];
    return (uint32_t)(o->code == OP_FULLY_CONNECTED ? weights->dims[1] : in->dims[3]);
}

// Depthwise: [1, h, w, out]; else [out, taps, depth]. Which channel of the input does a weight
// meet?
static bool fits(const struct draft_operator *op, const struct draft_tensor *weights,
                 uint32_t channels)
{
    int32_t last = weights->dims[weights->rank - 1];
    uint32_t unit = (uint32_t)(last > 0 ? last : 1);
    return op->code == OP_DEPTHWISE_CONV_2D ? channels && unit % channels == 0
                                            : channels % unit == 0;
}

bool correction_apply(const struct draft_operator *op, const struct draft_tensor *weights,
                      const struct draft_tensor *rounded, const struct range *input,
                      const double *means, float *bias)
{
    if (!input->sums || input->rows == 0 || !fits(op, weights, input->channels))
        return false;
    bool depthwise = op->code == OP_DEPTHWISE_CONV_2D;
    size_t all = (size_t)draft_elements(weights), out = (size_t)weights->dims[depthwise ? 3 : 0];
    size_t depth = (size_t)weights->dims[weights->rank - 1],
           taps = all / out / (depthwise ? 1 : depth);
    size_t groups = depthwise ? 1 : input->channels / depth,
           multiplier = depthwise ? out / input->channels : 1;
    const float *real = weights->data;
    const int8_t *q = rounded->data;
    for (size_t o = 0; o < out; o++) {
        double shift = 0, scale = (double)rounded->scales[rounded->scale_count > 1 ? o : 0];
        for (size_t t = 0; t < taps; t++)
            for (size_t i = 0; i < (depthwise ? 1 : depth); i++) {
                size_t at = depthwise ? t * out + o : (o * taps + t) * depth + i;
                size_t channel = depthwise ? o / multiplier : o / (out / groups) * depth + i;
                double mean = means ? means[channel] : input->sums[channel] / (double)input->rows;
                shift += (q[at] * scale - (double)real[at]) * mean;
            }
        bias[o] -= (float)shift;
    }
    return true;
}

void correction_store(const float *values, const struct draft_tensor *bias, void *steps)
{
    size_t n = (size_t)draft_elements(bias);
    for (size_t i = 0; i < n; i++) {
        double step = rint((double)values[i] / (double)bias->scales[bias->scale_count > 1 ? i : 0]);
        if (bias->type == TENSOR_INT64)
            ((int64_t *)steps)[i] = (int64_t)step;
        else
            ((int32_t *)steps)[i] = (int32_t)fmax(-0x1p31, fmin(0x1p31 - 1, step));
    }
}
