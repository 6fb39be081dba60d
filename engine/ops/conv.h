// SPDX-License-Identifier: Apache-2.0
//
// What an int8 convolution layer is made of: for those who run it in other pieces than its own.

#ifndef QEDGE_ENGINE_OPS_CONV_H
#define QEDGE_ENGINE_OPS_CONV_H

#include "engine/layer.h"
#include "kernels/kernels.h"

struct conv_params {
    struct kernel_conv_shape shape;
    const struct kernel_conv *kernel;
    void *packed;
};

// NULL: the layer is none.
const struct conv_params *conv_params_of(const struct layer *layer);

#endif
