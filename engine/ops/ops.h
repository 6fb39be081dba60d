// SPDX-License-Identifier: Apache-2.0
//
// One function per operator family: visited by build_layers for each operator of the file. It
// checks arguments, types and shapes, gives the outputs their shapes and adds layers or folds. See
// build.h.

#ifndef QEDGE_ENGINE_OPS_OPS_H
#define QEDGE_ENGINE_OPS_OPS_H

#include "engine/build.h"

typedef int op_build(struct build *build);

op_build op_conv;            // CONV_2D
op_build op_depthwise;       // DEPTHWISE_CONV_2D
op_build op_fully_connected; // FULLY_CONNECTED
op_build op_pool;            // AVERAGE_POOL_2D, MAX_POOL_2D
op_build op_mean;            // MEAN
op_build op_binary;          // ADD, SUB, MUL
op_build op_minmax;          // MAXIMUM, MINIMUM
op_build op_unary;           // RELU*, LOGISTIC, TANH, ELU, HARD_SWISH, LEAKY_RELU
op_build op_prelu;           // PRELU
op_build op_softmax;         // SOFTMAX
op_build op_quantize;        // QUANTIZE
op_build op_dequantize;      // DEQUANTIZE
op_build op_reshape;         // RESHAPE, SQUEEZE, EXPAND_DIMS
op_build op_shape;           // SHAPE
op_build op_pad;             // PAD, PADV2
op_build op_mirror_pad;      // MIRROR_PAD
op_build op_concatenation;   // CONCATENATION
op_build op_pack;            // PACK
op_build op_split;           // SPLIT, SPLIT_V
op_build op_slice;           // SLICE
op_build op_strided_slice;   // STRIDED_SLICE
op_build op_transpose;       // TRANSPOSE
op_build op_resize;          // RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR

// For the convolutions: is the input made by a PAD that only widens the picture with the value that
// convolution pads with, for nobody else? Then the amounts; the PAD layer is dropped by pad_take.
struct pad_amount {
    int32_t top, bottom, left, right;
};
bool pad_fusable(const struct layer *layer, struct pad_amount *amount);

#endif
