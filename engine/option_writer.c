// SPDX-License-Identifier: Apache-2.0
#include "engine/option_writer.h"

int8_t option_writer_kind(int32_t code)
{
    switch (code) {
    case OP_CONV_2D: return OPTIONS_CONV_2D;
    case OP_DEPTHWISE_CONV_2D: return OPTIONS_DEPTHWISE;
    case OP_AVERAGE_POOL_2D:
    case OP_MAX_POOL_2D: return OPTIONS_POOL;
    case OP_FULLY_CONNECTED: return OPTIONS_FULLY;
    case OP_SOFTMAX: return OPTIONS_SOFTMAX;
    case OP_CONCATENATION: return OPTIONS_CONCATENATION;
    case OP_ADD: return OPTIONS_ADD;
    case OP_SUB: return OPTIONS_SUB;
    case OP_MUL: return OPTIONS_MUL;
    case OP_RESIZE_BILINEAR: return OPTIONS_BILINEAR;
    case OP_RESIZE_NEAREST_NEIGHBOR: return OPTIONS_NEAREST;
    case OP_RESHAPE: return OPTIONS_RESHAPE;
    case OP_SQUEEZE: return OPTIONS_SQUEEZE;
    case OP_EXPAND_DIMS: return OPTIONS_EXPAND_DIMS;
    case OP_PAD: return OPTIONS_PAD;
    case OP_PADV2: return OPTIONS_PADV2;
    case OP_MIRROR_PAD: return OPTIONS_MIRROR;
    case OP_TRANSPOSE: return OPTIONS_TRANSPOSE;
    case OP_MEAN: return OPTIONS_REDUCER;
    case OP_STRIDED_SLICE: return OPTIONS_STRIDED_SLICE;
    case OP_SLICE: return OPTIONS_SLICE;
    case OP_SPLIT: return OPTIONS_SPLIT;
    case OP_SPLIT_V: return OPTIONS_SPLIT_V;
    case OP_SHAPE: return OPTIONS_SHAPE;
    case OP_PACK: return OPTIONS_PACK;
    case OP_MAXIMUM:
    case OP_MINIMUM: return OPTIONS_MAXIMUM_MINIMUM;
    case OP_LEAKY_RELU: return OPTIONS_LEAKY;
    case OP_HARD_SWISH: return OPTIONS_HARD_SWISH;
    case OP_QUANTIZE: return OPTIONS_QUANTIZE;
    case OP_DEQUANTIZE: return OPTIONS_DEQUANTIZE;
    default: return OPTIONS_NONE;
    }
}

// The fields of one table, in the words of option_reader.c.
static void put_fields(struct flat_builder *b, int32_t code, const struct graph_options *o,
                       flat_ref list)
{
    switch (code) {
    case OP_CONV_2D:
        flat_put_i8(b, CONV_PADDING, (int8_t)o->padding, PADDING_SAME);
        flat_put_i32(b, CONV_STRIDE_W, o->stride_w, 0);
        flat_put_i32(b, CONV_STRIDE_H, o->stride_h, 0);
        flat_put_i8(b, CONV_ACTIVATION, (int8_t)o->activation, 0);
        flat_put_i32(b, CONV_DILATION_W, o->dilation_w, 1);
        flat_put_i32(b, CONV_DILATION_H, o->dilation_h, 1);
        break;
    case OP_DEPTHWISE_CONV_2D:
        flat_put_i8(b, DEPTHWISE_PADDING, (int8_t)o->padding, PADDING_SAME);
        flat_put_i32(b, DEPTHWISE_STRIDE_W, o->stride_w, 0);
        flat_put_i32(b, DEPTHWISE_STRIDE_H, o->stride_h, 0);
        flat_put_i32(b, DEPTHWISE_MULTIPLIER, o->depth_multiplier, 0);
        flat_put_i8(b, DEPTHWISE_ACTIVATION, (int8_t)o->activation, 0);
        flat_put_i32(b, DEPTHWISE_DILATION_W, o->dilation_w, 1);
        flat_put_i32(b, DEPTHWISE_DILATION_H, o->dilation_h, 1);
        break;
    case OP_AVERAGE_POOL_2D:
    case OP_MAX_POOL_2D:
        flat_put_i8(b, POOL_PADDING, (int8_t)o->padding, PADDING_SAME);
        flat_put_i32(b, POOL_STRIDE_W, o->stride_w, 0);
        flat_put_i32(b, POOL_STRIDE_H, o->stride_h, 0);
        flat_put_i32(b, POOL_FILTER_W, o->filter_w, 0);
        flat_put_i32(b, POOL_FILTER_H, o->filter_h, 0);
        flat_put_i8(b, POOL_ACTIVATION, (int8_t)o->activation, 0);
        break;
    case OP_FULLY_CONNECTED:
        flat_put_i8(b, FULLY_ACTIVATION, (int8_t)o->activation, 0);
        flat_put_i8(b, FULLY_WEIGHTS_FORMAT, (int8_t)o->weights_format, 0);
        flat_put_i8(b, FULLY_KEEP_DIMS, o->keep_dims, 0);
        flat_put_i8(b, FULLY_ASYMMETRIC, o->asymmetric_inputs, 0);
        break;
    case OP_SOFTMAX: flat_put_f32(b, SOFTMAX_BETA, o->value, 0); break;
    case OP_LEAKY_RELU: flat_put_f32(b, LEAKY_ALPHA, o->value, 0); break;
    case OP_CONCATENATION:
        flat_put_i32(b, CONCATENATION_AXIS, o->axis, 0);
        flat_put_i8(b, CONCATENATION_ACTIVATION, (int8_t)o->activation, 0);
        break;
    case OP_ADD:
    case OP_SUB:
        flat_put_i8(b, BINARY_ACTIVATION, (int8_t)o->activation, 0);
        flat_put_i8(b, BINARY_POWER_OF_TWO, o->power_of_two, 1);
        break;
    case OP_MUL: flat_put_i8(b, BINARY_ACTIVATION, (int8_t)o->activation, 0); break;
    case OP_RESHAPE: flat_put_ref(b, RESHAPE_SHAPE, list); break;
    case OP_SQUEEZE: flat_put_ref(b, SQUEEZE_DIMS, list); break;
    case OP_RESIZE_BILINEAR:
        flat_put_i8(b, BILINEAR_ALIGN_CORNERS, o->align_corners, 0);
        flat_put_i8(b, BILINEAR_HALF_PIXEL, o->half_pixel, 0);
        break;
    case OP_RESIZE_NEAREST_NEIGHBOR:
        flat_put_i8(b, NEAREST_ALIGN_CORNERS, o->align_corners, 0);
        flat_put_i8(b, NEAREST_HALF_PIXEL, o->half_pixel, 0);
        break;
    case OP_STRIDED_SLICE:
        flat_put_i32(b, SLICE_BEGIN_MASK, o->begin_mask, 0);
        flat_put_i32(b, SLICE_END_MASK, o->end_mask, 0);
        flat_put_i32(b, SLICE_ELLIPSIS_MASK, o->ellipsis_mask, 0);
        flat_put_i32(b, SLICE_NEW_AXIS_MASK, o->new_axis_mask, 0);
        flat_put_i32(b, SLICE_SHRINK_MASK, o->shrink_mask, 0);
        flat_put_i8(b, SLICE_OFFSET, o->mode != 0, 0);
        break;
    case OP_MEAN: flat_put_i8(b, REDUCER_KEEP_DIMS, o->keep_dims, 0); break;
    case OP_PACK:
        flat_put_i32(b, PACK_COUNT, o->count, 0);
        flat_put_i32(b, PACK_AXIS, o->axis, 0);
        break;
    case OP_SPLIT:
    case OP_SPLIT_V: flat_put_i32(b, SPLIT_COUNT, o->count, 0); break;
    case OP_SHAPE: flat_put_i8(b, SHAPE_OUT_TYPE, (int8_t)o->out_type, 0); break;
    case OP_MIRROR_PAD: flat_put_i8(b, MIRROR_MODE, (int8_t)o->mode, 0); break;
    }
}

flat_ref option_writer_put(struct flat_builder *b, const struct draft_operator *op)
{
    int32_t values[TENSOR_RANK_MAX] = {0};
    uint32_t count = op->options.list.count < TENSOR_RANK_MAX ? op->options.list.count
                                                              : TENSOR_RANK_MAX;
    flat_ref list = 0;
    for (uint32_t i = 0; i < count; i++)
        values[i] = flat_list_i32(&op->options.list, i);
    if (op->code == OP_SQUEEZE || (op->code == OP_RESHAPE && op->options.has_list))
        list = flat_put_vector(b, values, count, 4, 4);
    flat_table_begin(b);
    put_fields(b, op->code, &op->options, list);
    return flat_table_end(b);
}
