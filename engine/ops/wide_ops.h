// SPDX-License-Identifier: Apache-2.0
//
// Layers of 16x8 models (int16 activations with zero point 0, int8 weights) and of dynamic-range
// models (float activations quantized at run time, int8 weights). Readable C. Each is called by its
// operator's function after arguments and shapes have been checked.

#ifndef QEDGE_ENGINE_OPS_WIDE_OPS_H
#define QEDGE_ENGINE_OPS_WIDE_OPS_H

#include "engine/build.h"
#include "kernels/kernels.h"

// Is this an int16 tensor with one usable scale and zero point 0? 0 or the error.
int wide_need_int16(struct build *build, const struct graph_tensor *tensor);

// Convolution, depthwise or fully connected, by shape->kind (its int8 fields are unused).
int wide_conv(struct build *build, const struct kernel_conv_shape *shape, uint64_t macs);
int hybrid_conv(struct build *build, const struct kernel_conv_shape *shape, uint64_t macs);

// Bounds of a fused activation in int16 steps of `out`.
int wide_activation(struct build *build, const struct graph_tensor *out, int32_t activation,
                    int32_t *low, int32_t *high);

int wide_pool(struct build *build, const struct kernel_pool_shape *shape);
int wide_softmax(struct build *build);
int wide_unary(struct build *build);

#endif
