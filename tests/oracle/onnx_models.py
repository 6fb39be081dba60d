#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models, each about one thing that qmodel import has to get right; weights from a fixed seed.

    python tests/oracle/onnx_models.py FOLDER [NAME ...]      writes NAME.onnx (default: all) into FOLDER

`MODELS` maps a name to a function without arguments that returns an onnx.ModelProto. Names starting with q are quantized."""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MODELS = {}


class Graph:
    """Nodes and constants as they come; every add() returns the name of the node's output."""

    def __init__(self, *shape, kind=TensorProto.FLOAT, opset=17, ir=8):
        self.random = np.random.default_rng(sum(shape) + 1000 * len(shape))
        self.nodes, self.constants, self.opset, self.ir = [], [], opset, ir
        self.inputs = [helper.make_tensor_value_info("x", kind, shape)]

    def constant(self, array):
        array = np.asarray(array)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def real(self, *shape, scale=1.0):
        return self.constant((self.random.standard_normal(shape) * scale).astype("f4"))

    def ints(self, *values):
        return self.constant(np.array(values, "i8"))

    def add(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [f"n{len(self.nodes)}_{kind.lower()}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, channels_in, channels_out, kernel=3, group=1, bias=True, **attributes):
        weights = [x, self.real(channels_out, channels_in // group, kernel, kernel, scale=0.4)]
        return self.add("Conv", *weights, *([self.real(channels_out)] if bias else []), group=group, **attributes)

    def norm(self, x, channels):
        spread = self.constant((self.random.random(channels) + 0.5).astype("f4"))
        return self.add("BatchNormalization", x, self.real(channels), self.real(channels), self.real(channels), spread)

    def gemm(self, x, size_in, size_out):
        return self.add("Gemm", x, self.real(size_out, size_in, scale=0.2), self.real(size_out), transB=1)

    def steps(self, scale, zero, kind):
        return self.constant(np.float32(scale)), self.constant(np.array(zero, kind))

    def quantized(self, x, scale, zero=0, kind="i1"):
        """QuantizeLinear and DequantizeLinear."""
        names = self.steps(scale, zero, kind)
        return self.add("DequantizeLinear", self.add("QuantizeLinear", x, *names), *names)

    def weights(self, *shape, kind="i1", zero=0, axis=None, most=0.01):
        """Integer weights behind a DequantizeLinear; scales along `axis`, or one."""
        low, high = (0, 256) if kind == "u1" else (-127, 128)
        data = self.random.integers(low, high, shape).astype(kind)
        count = () if axis is None else (shape[axis],)
        scale = (self.random.random(count) * most + most / 4).astype("f4")
        zeros = np.full(count, zero, kind)
        attributes = {} if axis is None else {"axis": axis}
        return self.add("DequantizeLinear", self.constant(data), self.constant(scale), self.constant(zeros), **attributes), scale

    def bias(self, count, scale):
        scale = np.broadcast_to(np.asarray(scale, "f4"), (count,)).copy()
        data = self.random.integers(-2000, 2000, count).astype("i4")
        return self.add("DequantizeLinear", self.constant(data), self.constant(scale),
                        self.constant(np.zeros(count, "i4")), axis=0)

    def model(self, *outputs):
        infos = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs]
        for info in infos:
            info.ClearField("type")
        graph = helper.make_graph(self.nodes, "small", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        if any(node.domain for node in self.nodes):
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.ir, producer_name="qedge tests")
        try:
            inferred = onnx.shape_inference.infer_shapes(model)
            for info, found in zip(model.graph.output, inferred.graph.output):
                info.CopyFrom(found)
        except Exception:  # contributed operators have no shape inference: onnxruntime finds them by itself
            pass
        return model


def case(function):
    MODELS[function.__name__] = function
    return function


# ---- float: convolutions ------------------------------------------------------------------------

def convolution(name, shape, channels_out, kernel=3, group=1, bias=True, **attributes):
    def build():
        g = Graph(*shape)
        return g.model(g.conv("x", shape[1], channels_out, kernel, group, bias, **attributes))
    MODELS[name] = build


convolution("conv_same", (1, 3, 9, 11), 8, pads=[1, 1, 1, 1])
convolution("conv_valid_nobias", (1, 3, 9, 11), 8, bias=False)
convolution("conv_stride_even", (1, 3, 12, 16), 8, pads=[1, 1, 1, 1], strides=[2, 2])
convolution("conv_stride_odd", (1, 3, 13, 15), 8, pads=[1, 1, 1, 1], strides=[2, 2])
convolution("conv_asymmetric", (1, 3, 13, 15), 8, kernel=5, pads=[1, 2, 0, 3], strides=[2, 1])
convolution("conv_dilated", (1, 3, 13, 15), 8, pads=[2, 2, 2, 2], dilations=[2, 2])
convolution("conv_same_upper", (1, 3, 12, 15), 8, auto_pad="SAME_UPPER", strides=[2, 2])
convolution("conv_same_lower", (1, 3, 12, 15), 8, auto_pad="SAME_LOWER", strides=[2, 2])
convolution("conv_auto_valid", (1, 3, 12, 15), 8, auto_pad="VALID", strides=[2, 2])
convolution("conv_pointwise", (1, 16, 7, 7), 24, kernel=1)
convolution("conv_groups", (1, 8, 9, 9), 12, group=2, pads=[1, 1, 1, 1])
convolution("conv_depthwise", (1, 8, 9, 9), 8, group=8, pads=[1, 1, 1, 1])
convolution("conv_depthwise_stride", (1, 8, 10, 10), 8, group=8, pads=[1, 1, 1, 1], strides=[2, 2])
convolution("conv_depthwise_twice", (1, 4, 9, 9), 8, group=4, pads=[1, 1, 1, 1])
convolution("conv_batch", (2, 3, 8, 8), 4, pads=[1, 1, 1, 1])


@case
def conv_norm_relu():
    g = Graph(1, 3, 10, 10)
    y = g.add("Relu", g.norm(g.conv("x", 3, 8, pads=[1, 1, 1, 1], bias=False), 8))
    y = g.add("Clip", g.norm(g.conv(y, 8, 8, group=8, pads=[1, 1, 1, 1]), 8), g.constant(np.float32(0)), g.constant(np.float32(6)))
    return g.model(y)


@case
def norm_alone():
    g = Graph(1, 5, 6, 7)
    return g.model(g.norm("x", 5))


@case
def norm_of_rows():
    g = Graph(1, 12)
    return g.model(g.add("Relu", g.norm(g.gemm("x", 12, 7), 7)))


@case
def half_weights():
    g = Graph(1, 3, 8, 8)
    w = g.constant((g.random.standard_normal((4, 3, 3, 3)) * 0.3).astype("f2"))
    return g.model(g.add("Conv", "x", g.add("Cast", w, to=TensorProto.FLOAT), pads=[1, 1, 1, 1]))


# ---- float: functions of one tensor --------------------------------------------------------------

def function(name, kind, *constants, **attributes):
    def build():
        g = Graph(1, 5, 6, 7)
        return g.model(g.add(kind, "x", *[g.constant(np.float32(c)) if c is not None else "" for c in constants], **attributes))
    MODELS[name] = build


function("relu", "Relu")
function("relu6", "Clip", 0, 6)
function("clip_one", "Clip", -1, 1)
function("clip_odd", "Clip", -0.7, 1.3)
function("clip_above", "Clip", None, 0.25)
function("leaky", "LeakyRelu", alpha=0.1)
function("sigmoid", "Sigmoid")
function("tanh", "Tanh")
function("elu", "Elu")
function("hard_sigmoid", "HardSigmoid", alpha=0.3, beta=0.4)
function("hard_swish", "HardSwish")
function("softmax_channels", "Softmax", axis=1)
function("softmax_last", "Softmax", axis=-1)


@case
def hard_swish_of_two():
    g = Graph(1, 5, 6, 7, opset=13)
    return g.model(g.add("Mul", "x", g.add("HardSigmoid", "x", alpha=1 / 6, beta=0.5)))


@case
def silu():
    g = Graph(1, 3, 8, 8)
    y = g.conv("x", 3, 6)
    return g.model(g.add("Mul", y, g.add("Sigmoid", y)))


@case
def prelu():
    g = Graph(1, 5, 6, 7)
    return g.model(g.add("PRelu", g.add("PRelu", "x", g.real(5, 1, 1)), g.real(1)))


@case
def clip_of_attributes():
    g = Graph(1, 5, 6, 7, opset=9, ir=4)
    return g.model(g.add("Clip", "x", min=0.0, max=6.0))


# ---- float: pools ----------------------------------------------------------------------------------

def pool(name, kind, shape=(1, 5, 12, 13), **attributes):
    def build():
        g = Graph(*shape)
        return g.model(g.add(kind, "x", **attributes))
    MODELS[name] = build


pool("max_pool", "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
pool("max_pool_padded", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
pool("max_pool_ceil", "MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
pool("average_pool", "AveragePool", kernel_shape=[2, 3], strides=[2, 2])
pool("average_pool_counted", "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
pool("average_pool_same", "AveragePool", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
pool("global_average", "GlobalAveragePool")
pool("global_max", "GlobalMaxPool")
pool("mean_kept", "ReduceMean", axes=[2, 3], keepdims=1)
pool("mean_gone", "ReduceMean", axes=[-2, -1], keepdims=0)


@case
def mean_of_rows():
    g = Graph(1, 4, 9, opset=18)
    return g.model(g.add("ReduceMean", "x", g.ints(2), keepdims=0))


# ---- float: rows ------------------------------------------------------------------------------------

@case
def perceptron():
    g = Graph(1, 20)
    return g.model(g.add("Softmax", g.gemm(g.add("Relu", g.gemm("x", 20, 16)), 16, 10), axis=-1))


@case
def gemm_factors():
    g = Graph(3, 20)
    return g.model(g.add("Gemm", "x", g.real(20, 6), g.real(1, 6), alpha=0.5, beta=2.0))


@case
def flatten_gemm():
    g = Graph(1, 3, 8, 8)
    y = g.add("MaxPool", g.add("Relu", g.conv("x", 3, 4)), kernel_shape=[2, 2], strides=[2, 2])
    return g.model(g.gemm(g.add("Relu", g.add("Flatten", y)), 36, 10))


@case
def flatten_input_gemm():
    g = Graph(1, 3, 4, 5)
    return g.model(g.gemm(g.add("Flatten", "x"), 60, 7))


@case
def reshape_matmul():
    g = Graph(1, 3, 8, 8)
    y = g.add("Reshape", g.conv("x", 3, 4), g.ints(1, -1))
    return g.model(g.add("Add", g.add("MatMul", y, g.real(144, 10, scale=0.1)), g.real(10)))


@case
def dynamic_reshape():
    """As PyTorch exports x.view(x.size(0), -1)."""
    g = Graph(1, 3, 6, 6)
    y = g.conv("x", 3, 4)
    batch = g.add("Gather", g.add("Shape", y), g.constant(np.array(0, "i8")), axis=0)
    shape = g.add("Concat", g.add("Unsqueeze", batch, g.ints(0)), g.ints(-1), axis=0)
    return g.model(g.gemm(g.add("Reshape", y, shape), 64, 5))


@case
def flatten_only():
    g = Graph(1, 3, 4, 5)
    return g.model(g.add("Flatten", g.conv("x", 3, 6, kernel=1)))


@case
def flatten_bias():
    g = Graph(1, 3, 4, 5)
    return g.model(g.add("Add", g.add("Flatten", g.conv("x", 3, 6, kernel=1)), g.real(120)))


@case
def flatten_residual():
    g = Graph(1, 3, 4, 5)
    y = g.conv("x", 3, 6, kernel=1)
    both = g.add("Add", g.add("Flatten", y), g.add("Flatten", g.add("Sigmoid", y)))
    return g.model(g.gemm(g.add("Mul", both, g.constant(np.float32(0.5))), 120, 4))


@case
def matmul_of_three():
    g = Graph(1, 6, 10)
    return g.model(g.add("Add", g.add("MatMul", "x", g.real(10, 4)), g.real(4)))


@case
def transposed_weights():
    g = Graph(1, 12)
    return g.model(g.add("MatMul", "x", g.add("Transpose", g.real(5, 12), perm=[1, 0])))


# ---- float: two tensors -------------------------------------------------------------------------------

@case
def residual():
    g = Graph(1, 4, 8, 8)
    return g.model(g.add("Relu", g.add("Add", "x", g.conv("x", 4, 4, pads=[1, 1, 1, 1]))))


@case
def squeeze_excite():
    g = Graph(1, 8, 6, 6)
    y = g.add("Relu", g.conv(g.add("GlobalAveragePool", "x"), 8, 4, kernel=1))
    return g.model(g.add("Mul", "x", g.add("Sigmoid", g.conv(y, 4, 8, kernel=1))))


@case
def squeeze_excite_rows():
    g = Graph(1, 8, 6, 6)
    y = g.add("Flatten", g.add("GlobalAveragePool", "x"))
    y = g.add("Sigmoid", g.gemm(g.add("Relu", g.gemm(y, 8, 4)), 4, 8))
    return g.model(g.add("Mul", "x", g.add("Reshape", y, g.ints(1, 8, 1, 1))))


@case
def normalised_input():
    g = Graph(1, 3, 8, 8)
    y = g.add("Div", g.add("Sub", "x", g.real(1, 3, 1, 1)), g.constant(np.array([[[0.2]], [[0.3]], [[0.4]]], "f4")))
    return g.model(g.conv(y, 3, 4))


@case
def constant_left():
    g = Graph(1, 3, 4, 5)
    return g.model(g.add("Mul", g.add("Sub", g.constant(np.float32(1)), "x"), g.real(4, 5)))


@case
def larger_smaller():
    g = Graph(1, 3, 4, 5)
    return g.model(g.add("Min", g.add("Max", "x", g.real(3, 1, 1)), g.add("Sigmoid", "x")))


# ---- float: moving ---------------------------------------------------------------------------------------

@case
def concat_branches():
    g = Graph(1, 4, 8, 8)
    a, b = g.conv("x", 4, 3, kernel=1), g.conv("x", 4, 5, pads=[1, 1, 1, 1])
    return g.model(g.add("Concat", a, "x", b, axis=1))


@case
def split_halves():
    g = Graph(1, 6, 8, 8)
    a, b = g.add("Split", g.conv("x", 6, 6, kernel=1), outputs=2, axis=1)
    return g.model(g.add("Concat", b, g.add("Relu", a), axis=1))


@case
def split_sizes():
    g = Graph(1, 6, 8, 8)
    a, b = g.add("Split", "x", g.ints(2, 4), outputs=2, axis=1)
    return g.model(g.conv(b, 4, 3), a)


@case
def slice_steps():
    g = Graph(1, 6, 9, 8)
    return g.model(g.add("Slice", "x", g.ints(1, 0, -6), g.ints(5, 2**62, -1), g.ints(1, 2, 3), g.ints(1, 2, 1)))


@case
def pad_edges():
    g = Graph(1, 3, 6, 7)
    y = g.add("Pad", "x", g.ints(0, 0, 1, 2, 0, 0, 0, 1))
    return g.model(g.add("Pad", y, g.ints(0, 1, 0, 0, 0, 0, 2, 0), g.constant(np.float32(0.5))))


@case
def pad_reflect():
    g = Graph(1, 3, 6, 7)
    return g.model(g.conv(g.add("Pad", "x", g.ints(0, 0, 1, 2, 0, 0, 3, 1), mode="reflect"), 3, 4))


@case
def pad_worked_out():
    """As PyTorch exports torch.nn.functional.pad: amounts from the last axis on, turned round in the graph."""
    g = Graph(1, 3, 6, 7)
    zeros = g.add("ConstantOfShape", g.ints(4), value=helper.make_tensor("v", TensorProto.INT64, [1], [0]))
    pairs = g.add("Reshape", g.add("Concat", g.ints(1, 2, 0, 3), zeros, axis=0), g.ints(-1, 2))
    turned = g.add("Slice", pairs, g.ints(-1), g.ints(-2**63 + 1), g.ints(0), g.ints(-1))
    amounts = g.add("Cast", g.add("Reshape", g.add("Transpose", turned, perm=[1, 0]), g.ints(-1)), to=TensorProto.INT64)
    return g.model(g.conv(g.add("Pad", "x", amounts, mode="constant"), 3, 4))


@case
def channel_shuffle():
    g = Graph(1, 8, 5, 6)
    y = g.add("Transpose", g.add("Reshape", "x", g.ints(1, 2, 4, 5, 6)), perm=[0, 2, 1, 3, 4])
    return g.model(g.conv(g.add("Reshape", y, g.ints(1, 8, 5, 6)), 8, 4, kernel=1))


@case
def picture_last():
    """As tf2onnx writes: the input is N, H, W, C."""
    g = Graph(1, 8, 10, 3)
    y = g.conv(g.add("Transpose", "x", perm=[0, 3, 1, 2]), 3, 4)
    return g.model(g.add("Transpose", y, perm=[0, 2, 3, 1]))


@case
def squeeze_unsqueeze():
    g = Graph(1, 8, 6, 6)
    y = g.add("Squeeze", g.add("GlobalAveragePool", "x"), g.ints(2, 3))
    return g.model(g.conv(g.add("Unsqueeze", y, g.ints(2, 3)), 8, 5, kernel=1))


def resize(name, sizes=None, factors=None, **attributes):
    def build():
        g = Graph(1, 3, 6, 5)
        inputs = ["", g.constant(np.array([1, 1, *factors], "f4"))] if factors else ["", "", g.ints(1, 3, *sizes)]
        return g.model(g.add("Resize", "x", *inputs, **attributes))
    MODELS[name] = build


resize("resize_nearest", factors=(2, 2), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
resize("resize_nearest_half", factors=(3, 2), mode="nearest")
resize("resize_linear", factors=(2, 2), mode="linear", coordinate_transformation_mode="half_pixel")
resize("resize_linear_size", sizes=(9, 13), mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
resize("resize_corners", sizes=(11, 9), mode="linear", coordinate_transformation_mode="align_corners")
resize("resize_asymmetric", factors=(2, 2), mode="linear", coordinate_transformation_mode="asymmetric")


# ---- quantized ---------------------------------------------------------------------------------------------

def q_conv(g, x, x_scale, channels_in, channels_out, scale, zero=0, kind="i1", weight_kind="i1", weight_zero=0,
           by_channel=True, group=1, activation="Relu", kernel=3):
    w, w_scale = g.weights(channels_out, channels_in // group, kernel, kernel, kind=weight_kind, zero=weight_zero,
                           axis=0 if by_channel else None)
    y = g.add("Conv", x, w, g.bias(channels_out, np.float32(x_scale) * w_scale), group=group,
              pads=[kernel // 2] * 4)
    return g.quantized(g.add(activation, y) if activation else y, scale, zero, kind)


def q_net(kind, zero, weight_kind="i1", weight_zero=0, by_channel=True):
    """Convolution, depthwise convolution, residual, max pool, flattened rows."""
    g = Graph(1, 3, 10, 10)
    low = 0 if kind == "u1" else -128
    more = {"kind": kind, "weight_kind": weight_kind, "weight_zero": weight_zero, "by_channel": by_channel}
    x = g.quantized("x", 0.03, zero, kind)
    a = q_conv(g, x, 0.03, 3, 8, 0.05, low, **more)
    b = q_conv(g, a, 0.05, 8, 8, 0.04, low, group=8, **more)
    y = g.quantized(g.add("Add", a, b), 0.07, low, kind)
    y = g.quantized(g.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]), 0.07, low, kind)
    w, w_scale = g.weights(10, 200, kind=weight_kind, zero=weight_zero, axis=0 if by_channel else None)
    y = g.add("Gemm", g.add("Flatten", y), w, g.bias(10, np.float32(0.07) * w_scale), transB=1)
    return g.model(g.quantized(y, 0.3, zero, kind))


MODELS["q_int8"] = lambda: q_net("i1", 3)
MODELS["q_int8_per_tensor"] = lambda: q_net("i1", 3, by_channel=False)
MODELS["q_uint8"] = lambda: q_net("u1", 131)
MODELS["q_uint8_symmetric"] = lambda: q_net("u1", 131, weight_kind="u1", weight_zero=128, by_channel=False)
MODELS["q_uint8_weights"] = lambda: q_net("u1", 131, weight_kind="u1", weight_zero=117, by_channel=False)


@case
def q_integer_edges():
    """The model's input and output are the integers themselves."""
    g = Graph(1, 3, 8, 8, kind=TensorProto.UINT8)
    x = g.add("DequantizeLinear", "x", *g.steps(0.02, 128, "u1"))
    y = q_conv(g, x, 0.02, 3, 4, 0.1, 100, kind="u1", activation=None)
    g.nodes.pop()
    return g.model(g.nodes[-1].output[0])


@case
def q_mean_softmax():
    g = Graph(1, 8, 6, 6)
    x = g.quantized("x", 0.05, 10, "u1")
    y = g.quantized(g.add("GlobalAveragePool", x), 0.03, 20, "u1")
    w, w_scale = g.weights(8, 10, axis=1, most=0.03)
    y = g.quantized(g.add("MatMul", g.add("Flatten", y), w), 0.05, 128, "u1")
    return g.model(g.quantized(g.add("Softmax", y, axis=-1), 1 / 256, 0, "u1"))


@case
def q_concat_resize():
    g = Graph(1, 4, 6, 6)
    x = g.quantized("x", 0.05, 0)
    a = q_conv(g, x, 0.05, 4, 4, 0.1, -20, activation=None)
    y = g.quantized(g.add("Concat", a, x, axis=1), 0.08, 5)
    y = g.quantized(g.add("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2]), 0.08, 5)
    factors = g.constant(np.array([1, 1, 2, 2], "f4"))
    y = g.add("Resize", y, "", factors, coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return g.model(g.quantized(y, 0.08, 5))


@case
def q_functions():
    g = Graph(1, 4, 6, 6)
    x = g.quantized("x", 0.03, 4)
    a = g.quantized(g.add("LeakyRelu", x, alpha=0.1), 0.03, -30)
    b = g.quantized(g.add("Sigmoid", x), 1 / 256, -128)
    c = g.quantized(g.add("Mul", a, b), 0.02, -20)
    d = g.quantized(g.add("Sub", c, x), 0.04, 1)
    return g.model(g.quantized(g.add("HardSwish", d), 0.04, -100))


@case
def q_float_tail():
    """What is not quantized stays float."""
    g = Graph(1, 4, 6, 6)
    y = q_conv(g, g.quantized("x", 0.05, 0), 0.05, 4, 4, 0.1, -20)
    return g.model(g.gemm(g.add("Flatten", y), 144, 5))


@case
def q_weights_in_place():
    """As quantization-aware training in PyTorch exports it: float weights, quantized and dequantized in the graph."""
    g = Graph(1, 3, 8, 8)
    scale = np.array([0.01, 0.02, 0.015, 0.03], "f4")
    names = g.constant(scale), g.constant(np.zeros(4, "i1"))
    w = g.real(4, 3, 3, 3, scale=0.5)
    w = g.add("DequantizeLinear", g.add("QuantizeLinear", w, *names, axis=0), *names, axis=0)
    y = g.add("Relu", g.add("Conv", g.quantized("x", 0.04, 2), w, g.real(4)))
    return g.model(g.quantized(y, 0.06, -128))


@case
def q_as_pytorch():
    """As PyTorch exports what torch.ao.quantization converted: casts, zero points from ConstantOfShape."""
    g = Graph(1, 3, 4, 4)

    def cast(x, scale, zero):
        names = g.steps(scale, zero, "u1")
        q = g.add("QuantizeLinear", x, *names)
        return g.add("DequantizeLinear", g.add("Cast", q, to=TensorProto.UINT8), *names)
    x = cast(g.add("Flatten", "x"), 0.03, 110)
    w, w_scale = g.weights(6, 48, axis=0)
    scale, ints = np.float32(0.03) * w_scale, g.random.integers(-2000, 2000, 6).astype("i4")
    zeros = g.add("Cast", g.add("ConstantOfShape", g.ints(6), value=helper.make_tensor("v", TensorProto.INT64, [1], [0])),
                  to=TensorProto.INT32)
    b = g.add("DequantizeLinear", g.constant(ints), g.constant(scale), zeros, axis=0)
    return g.model(cast(g.add("Relu", g.add("Gemm", x, w, b, transB=1)), 0.05, 0))


@case
def q_pad_slice():
    g = Graph(1, 4, 6, 6)
    x = g.quantized("x", 0.03, 4)
    y = g.add("MaxPool", g.add("Pad", x, g.ints(0, 0, 1, 0, 0, 0, 0, 1)), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    y = g.add("Slice", y, g.ints(1), g.ints(3), g.ints(1))
    return g.model(g.quantized(y, 0.03, 4))


def linear_weights(g, *shape, kind="u1", zero=120, scale=0.01):
    data = g.random.integers(0, 256, shape).astype("u1").view(kind)
    return g.constant(data), *g.steps(scale, zero, kind)


@case
def q_linear_operators():
    """onnxruntime's own form: QLinearConv, QLinearAdd, QLinearGlobalAveragePool, QLinearMatMul."""
    g = Graph(1, 3, 8, 8)
    sx, s1, s2, s3, s4 = (g.steps(*s, "u1") for s in ((0.04, 128), (0.1, 120), (0.12, 110), (0.05, 115), (0.02, 130)))
    x = g.add("QuantizeLinear", "x", *sx)
    bias = g.constant(g.random.integers(-3000, 3000, 3).astype("i4"))
    y = g.add("QLinearConv", x, *sx, *linear_weights(g, 3, 3, 3, 3), *s1, bias, pads=[1, 1, 1, 1])
    y = g.add("QLinearAdd", y, *s1, x, *sx, *s2, domain="com.microsoft")
    y = g.add("QLinearGlobalAveragePool", y, *s2, *s3, domain="com.microsoft", channels_last=0)
    y = g.add("Reshape", y, g.ints(1, -1))
    y = g.add("QLinearMatMul", y, *s3, *linear_weights(g, 3, 5), *s4)
    return g.model(g.add("DequantizeLinear", y, *s4))


if __name__ == "__main__":
    for chosen in sys.argv[2:] or MODELS:
        onnx.save(MODELS[chosen](), Path(sys.argv[1]) / f"{chosen}.onnx")
