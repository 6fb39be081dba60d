// SPDX-License-Identifier: Apache-2.0
//
// Layers in float32, for models that were never quantized. Readable C, correct rather than fast.
// Each is called by its operator's function after arguments, types and shapes have been checked.

#ifndef QEDGE_ENGINE_OPS_FLOAT_OPS_H
#define QEDGE_ENGINE_OPS_FLOAT_OPS_H

#include "engine/build.h"
#include "kernels/kernels.h"

// Convolution, depthwise or fully connected, by shape->kind (the int8 fields of the shape are
// unused). `weights` as the file lays them out, or NULL for those of the operator.
int float_conv(struct build *build, const struct kernel_conv_shape *shape, const float *weights,
               uint64_t macs);
// Average or maximum over windows; KERNEL_POOL_MEAN is the average over the whole window.
int float_pool(struct build *build, const struct kernel_pool_shape *shape);

#endif
