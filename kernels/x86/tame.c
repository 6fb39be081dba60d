// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/tame.h"

#include <stdlib.h>

#include "kernels/c/rows_c.h"

static const struct kernel_conv *row_c(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV ? &kernel_conv_c : &kernel_depthwise_c;
}

size_t tame_packed_size(const struct kernel_conv_shape *shape, size_t size)
{
    size_t c = row_c(shape)->packed_size(shape);
    return sizeof(struct tame_head) + (c > size ? (c + 63) / 64 * 64 : size);
}

// Largest |sum| of one output channel: |x - zero point| <= 255.
static double sum_bound(const struct kernel_conv_shape *s, const struct kernel_conv_weights *weights,
                        int32_t channel)
{
    bool plain = s->kind == KERNEL_CONV;
    size_t depth = (size_t)s->k_h * (size_t)s->k_w * (plain ? (size_t)(s->in_c / s->groups) : 1);
    const int8_t *w = weights->weights + (size_t)channel * (plain ? depth : 1);
    size_t step = plain ? 1 : (size_t)s->out_c;
    int64_t sum = 0;
    for (size_t k = 0; k < depth; k++)
        sum += abs(w[k * step] - s->weight_zero_point);
    double bias = weights->bias ? weights->bias[channel] : 0;
    return (bias < 0 ? -bias : bias) + 255.0 * (double)sum;
}

static bool is_tame(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights)
{
    for (int32_t channel = 0; channel < shape->out_c; channel++) {
        double bound = sum_bound(shape, weights, channel);
        if (bound >= 0x1p31 || bound * (double)weights->scale[channel] >= 0x1p30)
            return false;
    }
    return true;
}

bool tame_pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights, void *packed)
{
    struct tame_head *head = packed;
    *head = (struct tame_head){.tame = is_tame(shape, weights)};
    if (!head->tame)
        row_c(shape)->pack(shape, weights, head + 1);
    return head->tame;
}

void tame_run_c(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                int8_t *output, int32_t first, int32_t last, int32_t units)
{
    const struct kernel_conv *row = row_c(shape);
    int64_t all = row->units(shape);
    int32_t from = (int32_t)(all * first / units), to = (int32_t)(all * last / units);
    row->run(shape, (const struct tame_head *)packed + 1, input, output, NULL, from, to);
}
