// SPDX-License-Identifier: Apache-2.0
#include "engine/option_reader.h"

void option_reader_read(struct graph_operator *op, const struct flat_table *t)
{
    struct graph_options *o = &op->options;
    switch (op->code) {
    case OP_CONV_2D:
        o->padding = flat_i8(t, CONV_PADDING, PADDING_SAME);
        o->stride_w = flat_i32(t, CONV_STRIDE_W, 0);
        o->stride_h = flat_i32(t, CONV_STRIDE_H, 0);
        o->activation = flat_i8(t, CONV_ACTIVATION, 0);
        o->dilation_w = flat_i32(t, CONV_DILATION_W, 1);
        o->dilation_h = flat_i32(t, CONV_DILATION_H, 1);
        break;
    case OP_DEPTHWISE_CONV_2D:
        o->padding = flat_i8(t, DEPTHWISE_PADDING, PADDING_SAME);
        o->stride_w = flat_i32(t, DEPTHWISE_STRIDE_W, 0);
        o->stride_h = flat_i32(t, DEPTHWISE_STRIDE_H, 0);
        o->depth_multiplier = flat_i32(t, DEPTHWISE_MULTIPLIER, 0);
        o->activation = flat_i8(t, DEPTHWISE_ACTIVATION, 0);
        o->dilation_w = flat_i32(t, DEPTHWISE_DILATION_W, 1);
        o->dilation_h = flat_i32(t, DEPTHWISE_DILATION_H, 1);
        break;
    case OP_AVERAGE_POOL_2D:
    case OP_MAX_POOL_2D:
        o->padding = flat_i8(t, POOL_PADDING, PADDING_SAME);
        o->stride_w = flat_i32(t, POOL_STRIDE_W, 0);
        o->stride_h = flat_i32(t, POOL_STRIDE_H, 0);
        o->filter_w = flat_i32(t, POOL_FILTER_W, 0);
        o->filter_h = flat_i32(t, POOL_FILTER_H, 0);
        o->activation = flat_i8(t, POOL_ACTIVATION, 0);
        break;
    case OP_FULLY_CONNECTED:
        o->activation = flat_i8(t, FULLY_ACTIVATION, 0);
        o->weights_format = flat_i8(t, FULLY_WEIGHTS_FORMAT, 0);
        o->keep_dims = flat_bool(t, FULLY_KEEP_DIMS, false);
        o->asymmetric_inputs = flat_bool(t, FULLY_ASYMMETRIC, false);
        break;
    case OP_SOFTMAX: o->value = flat_f32(t, SOFTMAX_BETA, 0); break;
    case OP_LEAKY_RELU: o->value = flat_f32(t, LEAKY_ALPHA, 0); break;
    case OP_CONCATENATION:
        o->axis = flat_i32(t, CONCATENATION_AXIS, 0);
        o->activation = flat_i8(t, CONCATENATION_ACTIVATION, 0);
        break;
    case OP_ADD:
    case OP_SUB:
        o->activation = flat_i8(t, BINARY_ACTIVATION, 0);
        o->power_of_two = flat_bool(t, BINARY_POWER_OF_TWO, true);
        break;
    case OP_MUL: o->activation = flat_i8(t, BINARY_ACTIVATION, 0); break;
    case OP_RESHAPE:
        o->list = flat_list(t, RESHAPE_SHAPE, 4);
        o->has_list = t->flat != NULL;
        break;
    case OP_SQUEEZE: o->list = flat_list(t, SQUEEZE_DIMS, 4); break;
    case OP_RESIZE_BILINEAR:
        o->align_corners = flat_bool(t, BILINEAR_ALIGN_CORNERS, false);
        o->half_pixel = flat_bool(t, BILINEAR_HALF_PIXEL, false);
        break;
    case OP_RESIZE_NEAREST_NEIGHBOR:
        o->align_corners = flat_bool(t, NEAREST_ALIGN_CORNERS, false);
        o->half_pixel = flat_bool(t, NEAREST_HALF_PIXEL, false);
        break;
    case OP_STRIDED_SLICE:
        o->begin_mask = flat_i32(t, SLICE_BEGIN_MASK, 0);
        o->end_mask = flat_i32(t, SLICE_END_MASK, 0);
        o->ellipsis_mask = flat_i32(t, SLICE_ELLIPSIS_MASK, 0);
        o->new_axis_mask = flat_i32(t, SLICE_NEW_AXIS_MASK, 0);
        o->shrink_mask = flat_i32(t, SLICE_SHRINK_MASK, 0);
        o->mode = flat_bool(t, SLICE_OFFSET, false);
        break;
    case OP_MEAN: o->keep_dims = flat_bool(t, REDUCER_KEEP_DIMS, false); break;
    case OP_PACK:
        o->count = flat_i32(t, PACK_COUNT, 0);
        o->axis = flat_i32(t, PACK_AXIS, 0);
        break;
    case OP_SPLIT:
    case OP_SPLIT_V: o->count = flat_i32(t, SPLIT_COUNT, 0); break;
    case OP_SHAPE: o->out_type = flat_i8(t, SHAPE_OUT_TYPE, 0); break;
    case OP_MIRROR_PAD: o->mode = flat_i8(t, MIRROR_MODE, 0); break;
    }
}
