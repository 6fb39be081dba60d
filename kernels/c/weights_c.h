// SPDX-License-Identifier: Apache-2.0
//
// What the C rows of convolution and depthwise convolution share: how many weights a layer has, a unit an output
// line, and what they pack. int8: float scale[out_c], int32 bias[out_c], then the weights as given, no scratch;
// the other kinds of model: a head of their own, then the weights transposed.

#ifndef QEDGE_KERNELS_C_WEIGHTS_C_H
#define QEDGE_KERNELS_C_WEIGHTS_C_H

#include <string.h>

#include "kernels/kernels.h"

static inline size_t weights_count(const struct kernel_conv_shape *shape)
{
    size_t taps = (size_t)shape->out_c * (size_t)shape->k_h * (size_t)shape->k_w;
    return shape->kind == KERNEL_CONV ? taps * (size_t)(shape->in_c / shape->groups) : taps;
}

static inline size_t weights_packed_size(const struct kernel_conv_shape *shape)
{
    return (size_t)shape->out_c * 8 + weights_count(shape);
}

static inline void weights_pack(const struct kernel_conv_shape *shape,
                                const struct kernel_conv_weights *weights, void *packed)
{
    size_t n = (size_t)shape->out_c;
    float *scale = packed;
    int32_t *bias = (int32_t *)(scale + n);
    memcpy(scale, weights->scale, n * sizeof *scale);
    if (weights->bias)
        memcpy(bias, weights->bias, n * sizeof *bias);
    else
        memset(bias, 0, n * sizeof *bias);
    memcpy(bias + n, weights->weights, weights_count(shape));
}

static inline size_t weights_scratch_size(const struct kernel_conv_shape *shape)
{
    (void)shape;
    return 0;
}

static inline int32_t weights_units(const struct kernel_conv_shape *shape)
{
    return shape->batch * shape->out_h;
}

// KERNEL_CONV's filters [out][k_h][k_w][in] become [group][k_h][k_w][in][out], so that an inner loop runs over
// outputs; depthwise weights stay as they are. `size` bytes a weight.
static inline void weights_transpose(const struct kernel_conv_shape *shape, const void *weights, size_t size, void *to)
{
    const char *from = weights;
    if (shape->kind == KERNEL_DEPTHWISE) {
        memcpy(to, from, weights_count(shape) * size);
        return;
    }
    int32_t width = shape->out_c / shape->groups,
            depth = shape->k_h * shape->k_w * (shape->in_c / shape->groups);
    for (int32_t o = 0; o < shape->out_c; o++)
        for (int32_t i = 0; i < depth; i++, from += size) {
            size_t row = (size_t)(o / width) * (size_t)depth + (size_t)i;
            memcpy((char *)to + (row * (size_t)width + (size_t)(o % width)) * size, from, size);
        }
}

#endif
