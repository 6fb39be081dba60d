# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/models: one operator (or a short chain) a file, a few hundred bytes to a few KB.

    python make_small_models.py            rewrites ../golden/models

The files are committed; re-run only to add a case. Everything is seeded: the same script gives the
same bytes.
"""
import zlib
from pathlib import Path

import numpy as np

from tflite_writer import ACTIVATIONS, SAME, VALID, Net, Quant

OUT = Path(__file__).resolve().parent.parent / "golden" / "models"
MODELS = {}


def model(function):
    """Registers `name(rng) -> bytes`."""
    MODELS[function.__name__] = function
    return function


def variants(base, **cases):
    """Registers base_case for each case: keyword arguments for `base`."""
    for case, arguments in cases.items():
        MODELS[f"{base.__name__}_{case}"] = lambda rng, a=arguments: base(rng, **a)


def weights(rng, shape, dtype="int8"):
    low = {"int8": -127, "uint8": 0}[dtype]
    return rng.integers(low, {"int8": 128, "uint8": 256}[dtype], shape).astype(dtype)


def windows(size, kernel, stride, dilation, padding):
    reach = (kernel - 1) * dilation + 1
    if padding == VALID and reach > size:
        raise ValueError("a window larger than the picture")
    return -(-size // stride) if padding == SAME else (size - reach) // stride + 1


def output_scale(x, w_scale, terms, spread=45.0):
    """Lets the output of a sum of `terms` products spread over about +-spread steps."""
    return float(x.scale * w_scale * np.sqrt(terms) * 74.0 * 74.0 / spread)


def quants(dtype):
    if dtype == "uint8":
        return Quant(0.0235, 131, "uint8"), 117
    return Quant(0.0235, 3), -7


# ---- convolution -----------------------------------------------------------------------------
def conv(rng, size=(7, 6), cin=3, cout=5, kernel=(3, 3), stride=(1, 1), dilation=(1, 1),
         padding=SAME, relu=None, dtype="int8", per_channel=True, groups=1):
    net, (x, y_zero) = Net(), quants(dtype)
    source = net.input([1, *size, cin], x)
    data = weights(rng, (cout, *kernel, cin // groups), dtype)
    if dtype == "uint8":
        w_scales, w = np.float32([0.013]), Quant(0.013, 122, "uint8")
    else:
        w_scales = rng.uniform(0.004, 0.02, cout if per_channel else 1).astype(np.float32)
        w = Quant(w_scales, np.zeros(len(w_scales)))
    terms = kernel[0] * kernel[1] * cin // groups
    y = Quant(output_scale(x, w_scales.mean(), terms), y_zero, dtype)
    values = rng.integers(-20000, 20000, cout).astype(np.int32)
    inputs = [source, net.constant(data, w),
              net.constant(values, Quant(x.scales[0] * w_scales, np.zeros(len(w_scales)), "int32"))]
    shape = [windows(size[i], kernel[i], stride[i], dilation[i], padding) for i in (0, 1)]
    sink = net.tensor([1, *shape, cout], y)
    net.op("CONV_2D", inputs, [sink], "Conv2DOptions", version=3 if dtype == "int8" else 1,
           padding=padding, strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0],
           dilationWFactor=dilation[1], fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


variants(
    conv,
    same=dict(relu="relu6"),
    stride2_same=dict(size=(9, 8), stride=(2, 2), cout=17, relu="relu"),
    valid=dict(size=(8, 9), kernel=(2, 5), padding=VALID, cin=4, cout=8),
    pointwise=dict(size=(5, 5), kernel=(1, 1), cin=19, cout=33, relu="relu6"),
    pointwise_stride2=dict(size=(5, 7), kernel=(1, 1), stride=(2, 2), cin=8, cout=16),
    dilated=dict(size=(11, 10), dilation=(2, 3), cin=2, cout=4),
    one_pixel=dict(size=(1, 1), cin=16, cout=7),
    one_channel=dict(size=(6, 6), cin=1, cout=1, kernel=(5, 5), relu="relu_n1_to_1"),
    uneven_stride=dict(size=(10, 9), kernel=(4, 3), stride=(3, 1), cin=5, cout=6),
    grouped=dict(size=(6, 5), cin=8, cout=12, groups=4),
    per_tensor=dict(cin=4, cout=8, per_channel=False, relu="relu"),
    wide=dict(size=(4, 4), kernel=(1, 1), cin=130, cout=70),
    uint8_same=dict(dtype="uint8", relu="relu6"),
    uint8_stride2_valid=dict(dtype="uint8", size=(9, 9), stride=(2, 2), padding=VALID, cin=4, cout=9),
    uint8_pointwise=dict(dtype="uint8", size=(5, 5), kernel=(1, 1), cin=21, cout=18, relu="relu"),
)


def depthwise(rng, size=(7, 6), cin=5, multiplier=1, kernel=(3, 3), stride=(1, 1), dilation=(1, 1),
              padding=SAME, relu=None, dtype="int8"):
    net, (x, y_zero) = Net(), quants(dtype)
    cout = cin * multiplier
    source = net.input([1, *size, cin], x)
    data = weights(rng, (1, *kernel, cout), dtype)
    if dtype == "uint8":
        w_scales, w = np.float32([0.017]), Quant(0.017, 140, "uint8")
    else:
        w_scales = rng.uniform(0.004, 0.03, cout).astype(np.float32)
        w = Quant(w_scales, np.zeros(cout), axis=3)
    y = Quant(output_scale(x, w_scales.mean(), kernel[0] * kernel[1]), y_zero, dtype)
    values = rng.integers(-9000, 9000, cout).astype(np.int32)
    inputs = [source, net.constant(data, w),
              net.constant(values, Quant(x.scales[0] * w_scales, np.zeros(len(w_scales)), "int32"))]
    shape = [windows(size[i], kernel[i], stride[i], dilation[i], padding) for i in (0, 1)]
    sink = net.tensor([1, *shape, cout], y)
    net.op("DEPTHWISE_CONV_2D", inputs, [sink], "DepthwiseConv2DOptions",
           version=3 if dtype == "int8" else 1, padding=padding, strideH=stride[0], strideW=stride[1],
           depthMultiplier=multiplier, dilationHFactor=dilation[0], dilationWFactor=dilation[1],
           fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


variants(
    depthwise,
    same=dict(relu="relu6"),
    stride2=dict(size=(9, 10), cin=17, stride=(2, 2), relu="relu6"),
    five=dict(size=(8, 7), cin=34, kernel=(5, 5)),
    five_stride2=dict(size=(9, 7), cin=12, kernel=(5, 5), stride=(2, 2), relu="relu"),
    valid=dict(size=(6, 9), cin=16, padding=VALID),
    dilated=dict(size=(10, 11), cin=6, dilation=(2, 2)),
    multiplier2=dict(cin=6, multiplier=2),
    multiplier8=dict(cin=1, multiplier=8, kernel=(10, 8), size=(12, 10), stride=(2, 2)),
    one_pixel=dict(size=(1, 1), cin=9),
    row=dict(size=(1, 12), cin=8, kernel=(1, 4)),
    uint8_same=dict(dtype="uint8", cin=11, relu="relu6"),
    uint8_stride2=dict(dtype="uint8", size=(8, 8), cin=16, stride=(2, 2)),
)


def dense(rng, batch=1, cin=37, cout=11, relu=None, dtype="int8", per_channel=False, bias=True):
    net, (x, y_zero) = Net(), quants(dtype)
    source = net.input([batch, cin], x)
    data = weights(rng, (cout, cin), dtype)
    if dtype == "uint8":
        w_scales, w = np.float32([0.011]), Quant(0.011, 135, "uint8")
    else:
        w_scales = rng.uniform(0.004, 0.02, cout if per_channel else 1).astype(np.float32)
        w = Quant(w_scales, np.zeros(len(w_scales)))
    y = Quant(output_scale(x, w_scales.mean(), cin), y_zero, dtype)
    inputs = [source, net.constant(data, w), -1]
    if bias:
        values = rng.integers(-20000, 20000, cout).astype(np.int32)
        inputs[2] = net.constant(values, Quant(x.scales[0] * w_scales, np.zeros(len(w_scales)), "int32"))
    sink = net.tensor([batch, cout], y)
    net.op("FULLY_CONNECTED", inputs, [sink], "FullyConnectedOptions",
           version=(5 if per_channel else 4) if dtype == "int8" else 1,
           fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


variants(
    dense,
    per_tensor=dict(relu="relu"),
    per_channel=dict(per_channel=True, cin=64, cout=10),
    no_bias=dict(bias=False, cin=18),
    batch=dict(batch=3, cin=20, cout=7),
    uint8=dict(dtype="uint8", relu="relu6"),
)


# ---- pooling and reduction -------------------------------------------------------------------
def pool(rng, op="AVERAGE_POOL_2D", size=(7, 6), channels=5, kernel=(2, 2), stride=(2, 2),
         padding=VALID, relu=None, dtype="int8"):
    net, (x, _) = Net(), quants(dtype)
    source = net.input([1, *size, channels], x)
    shape = [windows(size[i], kernel[i], stride[i], 1, padding) for i in (0, 1)]
    sink = net.tensor([1, *shape, channels], x)
    net.op(op, [source], [sink], "Pool2DOptions", version=2 if dtype == "int8" else 1,
           padding=padding, strideH=stride[0], strideW=stride[1], filterHeight=kernel[0],
           filterWidth=kernel[1], fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


def average_pool(rng, **arguments):
    return pool(rng, "AVERAGE_POOL_2D", **arguments)


def max_pool(rng, **arguments):
    return pool(rng, "MAX_POOL_2D", **arguments)


for kind in (average_pool, max_pool):
    variants(
        kind,
        valid=dict(),
        same=dict(kernel=(3, 3), stride=(2, 2), padding=SAME, size=(7, 8), channels=17, relu="relu"),
        global_=dict(size=(7, 7), kernel=(7, 7), stride=(7, 7), channels=40),
        overlap=dict(kernel=(3, 2), stride=(1, 1), channels=8, relu="relu6"),
        uint8=dict(dtype="uint8", kernel=(3, 3), stride=(1, 1), padding=SAME, channels=6),
    )


def mean(rng, shape=(1, 7, 7, 24), axes=(1, 2), keep=False, dtype="int8", rescale=True):
    net, (x, y_zero) = Net(), quants(dtype)
    y = Quant(x.scale * 0.21, y_zero, dtype) if rescale else x
    source = net.input(shape, x)
    axis = net.constant(np.int32(axes))
    result = [n for i, n in enumerate(shape) if i not in axes]
    if keep:
        result = [1 if i in axes else n for i, n in enumerate(shape)]
    sink = net.tensor(result, y)
    net.op("MEAN", [source, axis], [sink], "ReducerOptions", version=2, keepDims=keep)
    return net.finish([sink])


variants(
    mean,
    spatial=dict(),
    keep=dict(shape=(1, 4, 5, 9), keep=True, rescale=False),
    channels=dict(shape=(1, 3, 4, 20), axes=(3,)),
    uint8=dict(dtype="uint8", shape=(1, 6, 6, 10)),
)


# ---- arithmetic of two tensors ---------------------------------------------------------------
def binary(rng, op, options, a=(1, 4, 5, 6), b=(1, 4, 5, 6), constant=False, relu=None, dtype="int8",
           scales=(0.031, 0.017, 0.04), version=2):
    net = Net()
    zeros = (120, 133, 126) if dtype == "uint8" else (-9, 12, 4)
    qa, qb, qy = (Quant(s, z, dtype) for s, z in zip(scales, zeros))
    left = net.input(a, qa)
    if constant:
        low = {"int8": -128, "uint8": 0}[dtype]
        right = net.constant(rng.integers(low, low + 256, b).astype(dtype), qb)
    else:
        right = net.input(b, qb)
    sink = net.tensor(np.broadcast_shapes(a, b), qy)
    net.op(op, [left, right], [sink], options, version=version,
           fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


def add(rng, **arguments):
    return binary(rng, "ADD", "AddOptions", **arguments)


def sub(rng, **arguments):
    return binary(rng, "SUB", "SubOptions", **arguments)


def mul(rng, **arguments):
    return binary(rng, "MUL", "MulOptions", scales=(0.031, 0.017, 0.021), **arguments)


for kind in (add, sub, mul):
    variants(
        kind,
        plain=dict(),
        relu=dict(relu="relu6", a=(1, 3, 3, 17), b=(1, 3, 3, 17)),
        channels=dict(b=(6,), constant=True),
        scalar=dict(b=(1, 1, 1, 1), constant=True, relu="relu"),
        squeeze=dict(b=(1, 1, 1, 6)),
        uint8=dict(dtype="uint8"),
    )
variants(add, uneven=dict(scales=(0.0009, 0.2, 0.19)), coarse=dict(scales=(0.5, 0.003, 0.45)))


# ---- element-wise functions ------------------------------------------------------------------
def unary(rng, op, x, y, shape=(1, 4, 4, 16), options=None, version=2, **fields):
    net = Net()
    source, sink = net.input(shape, x), net.tensor(shape, y)
    net.op(op, [source], [sink], options, version=version, **fields)
    return net.finish([sink])


@model
def logistic_int8(rng):
    return unary(rng, "LOGISTIC", Quant(0.047, 12), Quant(1 / 256, -128))


@model
def logistic_uint8(rng):
    return unary(rng, "LOGISTIC", Quant(0.047, 120, "uint8"), Quant(1 / 256, 0, "uint8"), version=1)


@model
def tanh_int8(rng):
    return unary(rng, "TANH", Quant(0.03, -5), Quant(1 / 128, 0))


@model
def hard_swish_int8(rng):
    return unary(rng, "HARD_SWISH", Quant(0.0411, -13), Quant(0.0273, -111), version=1)


@model
def hard_swish_int8_coarse(rng):
    return unary(rng, "HARD_SWISH", Quant(0.22, 4), Quant(0.19, -40), version=1)


@model
def hard_swish_uint8(rng):
    return unary(rng, "HARD_SWISH", Quant(0.0411, 115, "uint8"), Quant(0.0273, 17, "uint8"), version=1)


@model
def leaky_relu_int8(rng):
    return unary(rng, "LEAKY_RELU", Quant(0.031, 7), Quant(0.0253, -20), options="LeakyReluOptions", alpha=0.1)


@model
def leaky_relu_uint8(rng):
    return unary(rng, "LEAKY_RELU", Quant(0.031, 129, "uint8"), Quant(0.0253, 100, "uint8"),
                 options="LeakyReluOptions", version=1, alpha=0.2)


@model
def relu_int8_rescaled(rng):
    return unary(rng, "RELU", Quant(0.031, 7), Quant(0.0211, -128))


@model
def relu6_int8(rng):
    return unary(rng, "RELU6", Quant(0.07, -3), Quant(0.07, -3))


def prelu(rng, shape=(1, 3, 4, 10), slopes=(1, 1, 10), x=Quant(0.031, 7), a=Quant(0.004, 0), y=Quant(0.0253, -20)):
    net = Net()
    source, slope = net.input(shape, x), net.constant(weights(rng, slopes), a)
    sink = net.tensor(shape, y)
    net.op("PRELU", [source, slope], [sink])
    return net.finish([sink])


variants(prelu, int8=dict())


@model
def softmax_int8(rng):
    return unary(rng, "SOFTMAX", Quant(0.05, 20), Quant(1 / 256, -128), (3, 40), "SoftmaxOptions", beta=1.0)


@model
def softmax_int8_flat(rng):
    return unary(rng, "SOFTMAX", Quant(0.002, -4), Quant(1 / 256, -128), (1, 10), "SoftmaxOptions", beta=1.0)


@model
def softmax_int8_beta(rng):
    return unary(rng, "SOFTMAX", Quant(0.03, -4), Quant(1 / 256, -128), (2, 2, 3, 12), "SoftmaxOptions", beta=0.5)


@model
def softmax_uint8(rng):
    return unary(rng, "SOFTMAX", Quant(0.06, 120, "uint8"), Quant(1 / 256, 0, "uint8"), (2, 21),
                 "SoftmaxOptions", version=1, beta=1.0)


# ---- change of type --------------------------------------------------------------------------
@model
def quantize_float_to_int8(rng):
    return unary(rng, "QUANTIZE", None, Quant(0.0125, -11), options="QuantizeOptions", version=1)


@model
def quantize_float_to_uint8(rng):
    return unary(rng, "QUANTIZE", None, Quant(0.0173, 121, "uint8"), options="QuantizeOptions", version=1)


@model
def quantize_int8_rescale(rng):
    return unary(rng, "QUANTIZE", Quant(0.031, 5), Quant(0.0205, -17), options="QuantizeOptions")


@model
def quantize_uint8_to_int8(rng):
    return unary(rng, "QUANTIZE", Quant(0.0078125, 128, "uint8"), Quant(0.0078125, 0), options="QuantizeOptions")


@model
def quantize_int8_to_uint8_rescale(rng):
    return unary(rng, "QUANTIZE", Quant(0.011, 3), Quant(0.0151, 119, "uint8"), options="QuantizeOptions")


@model
def dequantize_int8(rng):
    return unary(rng, "DEQUANTIZE", Quant(0.0173, -11), None)


@model
def dequantize_uint8(rng):
    return unary(rng, "DEQUANTIZE", Quant(0.0173, 99, "uint8"), None, version=1)


@model
def float_io_conv(rng):
    """float in, int8 body, float out"""
    net, x, y = Net(), Quant(0.0078, -1), Quant(0.31, 6)
    source = net.input([1, 6, 6, 3])
    quantized = net.tensor([1, 6, 6, 3], x)
    net.op("QUANTIZE", [source], [quantized], "QuantizeOptions")
    scales = rng.uniform(0.004, 0.02, 4).astype(np.float32)
    kernel = net.constant(weights(rng, (4, 3, 3, 3)), Quant(scales, np.zeros(4)))
    bias = net.constant(rng.integers(-9000, 9000, 4).astype(np.int32),
                        Quant(x.scales[0] * scales, np.zeros(4), "int32"))
    body, sink = net.tensor([1, 6, 6, 4], y), net.tensor([1, 6, 6, 4])
    net.op("CONV_2D", [quantized, kernel, bias], [body], "Conv2DOptions", version=3, padding=SAME,
           strideH=1, strideW=1)
    net.op("DEQUANTIZE", [body], [sink], version=2)
    return net.finish([sink])


# ---- moving data -----------------------------------------------------------------------------
def moved(net, op, inputs, shapes, quant, options=None, version=2, **fields):
    sinks = [net.tensor(shape, quant) for shape in shapes]
    net.op(op, inputs, sinks, options, version=version, **fields)
    return net.finish(sinks)


def pad(rng, paddings=((0, 0), (1, 2), (0, 3), (0, 0)), dtype="int8", value=None, shape=(1, 4, 5, 3)):
    net, (x, _) = Net(), quants(dtype)
    inputs = [net.input(shape, x), net.constant(np.int32(paddings))]
    if value is not None:
        inputs.append(net.constant(np.array([value], dtype), x))
    result = [n + a + b for n, (a, b) in zip(shape, paddings)]
    name = "PAD" if value is None else "PADV2"
    return moved(net, name, inputs, [result], x, name.replace("PAD", "Pad") + "Options",
                 version=2 if dtype == "int8" else 1)


variants(pad, spatial=dict(), channels=dict(paddings=((0, 0), (0, 0), (0, 0), (2, 1))),
         uint8=dict(dtype="uint8"), value=dict(value=-77))


def concat(rng, axis=3, count=2, dtype="int8", rescale=False):
    net, (x, y_zero), shape = Net(), quants(dtype), [1, 3, 4, 5]
    y = Quant(0.029, y_zero, dtype) if rescale else x
    inputs, total = [], 0
    for i in range(count):
        part = list(shape)
        part[axis] += i
        total += part[axis]
        inputs.append(net.input(part, x))
    result = list(shape)
    result[axis] = total
    return moved(net, "CONCATENATION", inputs, [result], y, "ConcatenationOptions",
                 version=2 if dtype == "int8" else 1, axis=axis)


variants(concat, channels=dict(), rows=dict(axis=1, count=3), negative_axis=dict(axis=-1),
         uint8_rescale=dict(dtype="uint8", rescale=True), six=dict(count=6))


@model
def reshape_unknown(rng):
    net, (x, _) = Net(), quants("int8")
    inputs = [net.input([1, 2, 3, 8], x), net.constant(np.int32([1, -1]))]
    return moved(net, "RESHAPE", inputs, [[1, 48]], x, "ReshapeOptions", version=1, newShape=[1, -1])


@model
def reshape_option_only(rng):
    net, (x, _) = Net(), quants("uint8")
    return moved(net, "RESHAPE", [net.input([1, 2, 3, 8], x)], [[6, 8]], x, "ReshapeOptions", version=1,
                 newShape=[6, 8])


@model
def squeeze(rng):
    net, (x, _) = Net(), quants("int8")
    return moved(net, "SQUEEZE", [net.input([1, 1, 1, 9], x)], [[1, 9]], x, "SqueezeOptions", version=1,
                 squeezeDims=[1, 2])


def transposed(rng, shape, order):
    net, (x, _) = Net(), quants("int8")
    inputs = [net.input(shape, x), net.constant(np.int32(order))]
    return moved(net, "TRANSPOSE", inputs, [[shape[axis] for axis in order]], x, "TransposeOptions")


@model
def transpose(rng):
    return transposed(rng, [1, 3, 4, 5], [0, 3, 1, 2])


def strided_slice(rng, begin, end, strides, result, shrink=0, begin_mask=0, end_mask=0, shape=(1, 6, 7, 4)):
    net, (x, _) = Net(), quants("int8")
    inputs = [net.input(shape, x)] + [net.constant(np.int32(v)) for v in (begin, end, strides)]
    return moved(net, "STRIDED_SLICE", inputs, [result], x, "StridedSliceOptions", shrinkAxisMask=shrink,
                 beginMask=begin_mask, endMask=end_mask)


variants(
    strided_slice,
    plain=dict(begin=[0, 1, 2, 0], end=[1, 5, 6, 4], strides=[1, 1, 1, 1], result=[1, 4, 4, 4]),
    strides=dict(begin=[0, 0, 1, 0], end=[1, 6, 7, 4], strides=[1, 2, 3, 1], result=[1, 3, 2, 4]),
    backwards=dict(begin=[0, 5, -1, 3], end=[1, 0, -8, 0], strides=[1, -2, -1, -1], result=[1, 3, 7, 3]),
    shrink=dict(begin=[0, 2, 0, 0], end=[1, 3, 7, 4], strides=[1, 1, 1, 1], result=[1, 7, 4], shrink=2),
    masks=dict(begin=[0, 3, 3, 3], end=[1, 3, 3, 3], strides=[1, 1, 1, 1], result=[1, 6, 3, 3], begin_mask=14,
               end_mask=2),
)


@model
def split_channels(rng):
    net, (x, _) = Net(), quants("int8")
    inputs = [net.constant(np.int32(3)), net.input([1, 3, 4, 6], x)]
    return moved(net, "SPLIT", inputs, [[1, 3, 4, 2]] * 3, x, "SplitOptions", numSplits=3)


@model
def split_add(rng):
    """The halves of one tensor, swapped, then added: outputs of SPLIT live side by side."""
    net, (x, _) = Net(), quants("int8")
    inputs = [net.constant(np.int32(1)), net.input([1, 4, 3, 5], x)]
    halves = [net.tensor([1, 2, 3, 5], x) for _ in range(2)]
    net.op("SPLIT", inputs, halves, "SplitOptions", version=2, numSplits=2)
    swapped = net.tensor([1, 4, 3, 5], x)
    net.op("CONCATENATION", halves[::-1], [swapped], "ConcatenationOptions", version=2, axis=1)
    sink = net.tensor([1, 4, 3, 5], Quant(0.04, 2))
    net.op("ADD", [swapped, inputs[1]], [sink], "AddOptions", version=2)
    return net.finish([sink])


@model
def pack_rows(rng):
    net, (x, _) = Net(), quants("int8")
    inputs = [net.input([1, 3, 4], x), net.input([1, 3, 4], x)]
    return moved(net, "PACK", inputs, [[1, 2, 3, 4]], x, "PackOptions", valuesCount=2, axis=1)


def resize(rng, op, size, to, dtype="int8", **fields):
    net, (x, _) = Net(), quants(dtype)
    inputs = [net.input([1, *size, 5], x), net.constant(np.int32(to))]
    return moved(net, op, inputs, [[1, *to, 5]], x, op.title().replace("_", "") + "Options",
                 version=3 if fields.get("halfPixelCenters") else 2 if dtype == "int8" else 1, **fields)


def resize_bilinear(rng, **arguments):
    return resize(rng, "RESIZE_BILINEAR", **arguments)


def resize_nearest(rng, **arguments):
    return resize(rng, "RESIZE_NEAREST_NEIGHBOR", **arguments)


for kind in (resize_bilinear, resize_nearest):
    variants(
        kind,
        legacy=dict(size=(4, 5), to=(7, 11)),
        corners=dict(size=(4, 5), to=(9, 8), alignCorners=True),
        half_pixel=dict(size=(5, 4), to=(8, 10), halfPixelCenters=True),
        shrink=dict(size=(9, 10), to=(4, 3), halfPixelCenters=True),
        uint8=dict(size=(3, 4), to=(6, 6), dtype="uint8"),
    )


@model
def residual_block(rng):
    """pointwise - depthwise stride 1 - pointwise - add - mean - dense - softmax, odd channels"""
    net, x = Net(), Quant(0.021, -5)

    def pointwise(source, cin, cout, qx, y_scale, relu):
        scales = rng.uniform(0.004, 0.02, cout).astype(np.float32)
        kernel = net.constant(weights(rng, (cout, 1, 1, cin)), Quant(scales, np.zeros(cout)))
        bias = net.constant(rng.integers(-9000, 9000, cout).astype(np.int32),
                            Quant(qx.scales[0] * scales, np.zeros(cout), "int32"))
        y = Quant(y_scale, -128 if relu else 3)
        sink = net.tensor([1, 5, 5, cout], y)
        net.op("CONV_2D", [source, kernel, bias], [sink], "Conv2DOptions", version=3, padding=SAME, strideH=1,
               strideW=1, fusedActivationFunction=ACTIVATIONS[relu])
        return sink, y

    source = net.input([1, 5, 5, 6], x)
    wide, qw = pointwise(source, 6, 22, x, 6 / 255, "relu6")
    scales = rng.uniform(0.004, 0.02, 22).astype(np.float32)
    kernel = net.constant(weights(rng, (1, 3, 3, 22)), Quant(scales, np.zeros(22), axis=3))
    bias = net.constant(rng.integers(-9000, 9000, 22).astype(np.int32),
                        Quant(qw.scales[0] * scales, np.zeros(22), "int32"))
    qd = Quant(6 / 255, -128)
    deep = net.tensor([1, 5, 5, 22], qd)
    net.op("DEPTHWISE_CONV_2D", [wide, kernel, bias], [deep], "DepthwiseConv2DOptions", version=3, padding=SAME,
           strideH=1, strideW=1, depthMultiplier=1, fusedActivationFunction=ACTIVATIONS["relu6"])
    narrow, qn = pointwise(deep, 22, 6, qd, 0.09, None)
    summed, qs = net.tensor([1, 5, 5, 6], Quant(0.1, 1)), Quant(0.1, 1)
    net.op("ADD", [narrow, source], [summed], "AddOptions", version=2)
    pooled, qp = net.tensor([1, 6], Quant(0.03, -2)), Quant(0.03, -2)
    net.op("MEAN", [summed, net.constant(np.int32([1, 2]))], [pooled], "ReducerOptions", version=2, keepDims=False)
    kernel = net.constant(weights(rng, (9, 6)), Quant(0.01))
    bias = net.constant(rng.integers(-2000, 2000, 9).astype(np.int32), Quant(qp.scale * 0.01, 0, "int32"))
    scores, sink = net.tensor([1, 9], Quant(0.02, 5)), net.tensor([1, 9], Quant(1 / 256, -128))
    net.op("FULLY_CONNECTED", [pooled, kernel, bias], [scores], "FullyConnectedOptions", version=4)
    net.op("SOFTMAX", [scores], [sink], "SoftmaxOptions", version=2, beta=1.0)
    return net.finish([sink])


# ---- 16x8: int16 activations, zero point 0 ----------------------------------------------------
def short(scale):
    return Quant(scale, 0, "int16")


def filters16(rng, net, shape, count, x_scale, axis, bias=True):
    """Weights per channel and an int64 bias; the indexes of both."""
    scales = rng.uniform(0.004, 0.02, count).astype(np.float32)
    w = net.constant(weights(rng, shape), Quant(scales, np.zeros(count), axis=axis))
    if not bias:
        return scales, w, -1
    values = rng.integers(-4000000, 4000000, count).astype(np.int64)
    return scales, w, net.constant(values, Quant(np.float32(x_scale) * scales, np.zeros(count), "int64"))


def conv16(rng, size=(6, 7), cin=5, cout=9, kernel=(3, 3), stride=(1, 1), dilation=(1, 1), padding=SAME, relu=None,
           depthwise=False):
    net, x = Net(), short(0.00061)
    source = net.input([1, *size, cin], x)
    shape = (1, *kernel, cout) if depthwise else (cout, *kernel, cin)
    scales, w, bias = filters16(rng, net, shape, cout, x.scales[0], 3 if depthwise else 0)
    terms = kernel[0] * kernel[1] * (1 if depthwise else cin)
    out = [windows(size[i], kernel[i], stride[i], dilation[i], padding) for i in (0, 1)]
    sink = net.tensor([1, *out, cout], short(float(x.scale * scales.mean() * np.sqrt(terms) * 74)))
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    more = dict(depthMultiplier=cout // cin) if depthwise else {}
    net.op(name, [source, w, bias], [sink], "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions", version=5,
           padding=padding, strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0],
           dilationWFactor=dilation[1], fusedActivationFunction=ACTIVATIONS[relu], **more)
    return net.finish([sink])


def depthwise16(rng, **arguments):
    return conv16(rng, depthwise=True, **arguments)


variants(conv16, same=dict(relu="relu6"), stride2=dict(size=(9, 8), stride=(2, 2), cout=17, relu="relu"),
         valid=dict(size=(8, 9), kernel=(2, 5), padding=VALID), pointwise=dict(kernel=(1, 1), cin=130, cout=7),
         dilated=dict(size=(11, 10), dilation=(2, 3), cin=2, cout=4))
variants(depthwise16, same=dict(cout=5, relu="relu6"), stride2=dict(size=(9, 8), stride=(2, 2), cin=17, cout=17),
         multiplier=dict(cin=3, cout=6, padding=VALID))


def dense16(rng, batch=1, cin=70, cout=9, relu=None, bias=True):
    net, x = Net(), short(0.00061)
    source = net.input([batch, cin], x)
    w_scale = 0.013
    w = net.constant(weights(rng, (cout, cin)), Quant(w_scale))
    values = rng.integers(-4000000, 4000000, cout).astype(np.int64)
    inputs = [source, w, -1]
    if bias:
        inputs[2] = net.constant(values, Quant(x.scales[0] * np.float32(w_scale), 0, "int64"))
    sink = net.tensor([batch, cout], short(float(x.scale * w_scale * np.sqrt(cin) * 74)))
    net.op("FULLY_CONNECTED", inputs, [sink], "FullyConnectedOptions", version=4,
           fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


variants(dense16, plain=dict(), batch=dict(batch=3, cin=21, cout=5, relu="relu"),
         no_bias=dict(bias=False))


def pool16(rng, op="AVERAGE_POOL_2D", relu=None, **window):
    net, x = Net(), short(0.00061)
    source, sink = net.input([1, 7, 6, 5], x), net.tensor([1, 4, 3, 5], x)
    net.op(op, [source], [sink], "Pool2DOptions", version=3, padding=SAME, strideH=2, strideW=2, filterHeight=3,
           filterWidth=3, fusedActivationFunction=ACTIVATIONS[relu])
    return net.finish([sink])


variants(pool16, average=dict(), most=dict(op="MAX_POOL_2D"), average_relu6=dict(relu="relu6"),
         most_relu=dict(op="MAX_POOL_2D", relu="relu"))


def mean16(rng, axes=(1, 2), keep=False):
    net, shape = Net(), (1, 5, 6, 9)
    source, axis = net.input(shape, short(0.00061)), net.constant(np.int32(axes))
    result = [1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes]
    sink = net.tensor(result, short(0.00023))
    net.op("MEAN", [source, axis], [sink], "ReducerOptions", version=3, keepDims=keep)
    return net.finish([sink])


variants(mean16, spatial=dict(), keep=dict(axes=(3,), keep=True))


def binary16(rng, op, options, b=(1, 4, 5, 7), constant=False, relu=None, out=0.0009):
    net, a = Net(), (1, 4, 5, 7)
    left = net.input(a, short(0.00061))
    right = net.constant(rng.integers(-32768, 32768, b).astype(np.int16), short(0.00043)) if constant \
        else net.input(b, short(0.00043))
    sink = net.tensor(a, short(out))
    net.op(op, [left, right], [sink], options, version=2 if op == "MUL" else 3 if op == "SUB" else 4,
           fusedActivationFunction=ACTIVATIONS[relu], **({} if op == "MUL" else {"potScaleInt16": False}))
    return net.finish([sink])


def add16(rng, **arguments):
    return binary16(rng, "ADD", "AddOptions", **arguments)


def sub16(rng, **arguments):
    return binary16(rng, "SUB", "SubOptions", **arguments)


def mul16(rng, **arguments):
    return binary16(rng, "MUL", "MulOptions", out=0.009, **arguments)


for kind in (add16, sub16, mul16):
    variants(kind, plain=dict(), channels=dict(b=(7,), constant=True), relu6=dict(relu="relu6"))


def unary16(rng, op, y=0.0004, options=None, version=2, x=0.00061, **fields):
    return unary(rng, op, short(x), short(y), (1, 4, 5, 33), options, version, **fields)


variants(
    unary16,
    relu=dict(op="RELU"),
    relu6=dict(op="RELU6"),
    logistic=dict(op="LOGISTIC", y=1 / 32768),
    tanh=dict(op="TANH", y=1 / 32768),
    tanh_steep=dict(op="TANH", y=1 / 32768, x=0.0021),
    leaky=dict(op="LEAKY_RELU", options="LeakyReluOptions", alpha=0.17),
    leaky_negative=dict(op="LEAKY_RELU", options="LeakyReluOptions", alpha=-0.3),
)


@model
def softmax16(rng):
    return unary(rng, "SOFTMAX", short(0.0006), short(1 / 32768), (3, 21), "SoftmaxOptions", 3, beta=1.0)


def convert16(rng, x, y, op="QUANTIZE"):
    return unary(rng, op, x, y, (1, 4, 5, 16), None, 2 if op == "QUANTIZE" else 3)


variants(
    convert16,
    from_int8=dict(x=Quant(0.03, 5), y=short(0.0004)),
    to_int8=dict(x=short(0.0004), y=Quant(0.11, -3)),
    rescale=dict(x=short(0.0004), y=short(0.0007)),
)


@model
def convert16_float(rng):
    """float in, RELU between, float out"""
    net, shape, x = Net(), (1, 4, 5, 16), short(0.00011)
    source, quantized, middle = net.input(shape), net.tensor(shape, x), net.tensor(shape, short(0.0001))
    sink = net.tensor(shape)
    net.op("QUANTIZE", [source], [quantized], version=2)
    net.op("RELU", [quantized], [middle], version=3)
    net.op("DEQUANTIZE", [middle], [sink], version=3)
    return net.finish([sink])


@model
def move16(rng):
    """pad, concatenation and reshape of int16"""
    net, x = Net(), short(0.0005)
    source = net.input([1, 3, 4, 5], x)
    padded, joined, sink = (net.tensor(shape, x) for shape in ([1, 5, 6, 5], [1, 5, 6, 10], [1, 300]))
    net.op("PAD", [source, net.constant(np.int32([[0, 0], [1, 1], [2, 0], [0, 0]]))], [padded], "PadOptions", version=3)
    net.op("CONCATENATION", [padded, padded], [joined], "ConcatenationOptions", version=3, axis=3)
    net.op("RESHAPE", [joined, net.constant(np.int32([1, 300]))], [sink], "ReshapeOptions", version=1, newShape=[1, 300])
    return net.finish([sink])


# ---- dynamic range: float activations, int8 weights -------------------------------------------
def dynamic(rng, op="CONV_2D", size=(6, 7), cin=5, cout=9, kernel=(3, 3), stride=(1, 1), padding=SAME, relu=None,
            per_channel=True):
    net, depthwise = Net(), op == "DEPTHWISE_CONV_2D"
    source = net.input([1, *size, cin])
    count = cout if per_channel else 1
    scales = rng.uniform(0.004, 0.02, count).astype(np.float32)
    shape = (1, *kernel, cout) if depthwise else (cout, *kernel, cin)
    w = net.constant(weights(rng, shape), Quant(scales, np.zeros(count), axis=3 if depthwise else 0))
    bias = net.constant(rng.uniform(-1, 1, cout).astype(np.float32))
    out = [windows(size[i], kernel[i], stride[i], 1, padding) for i in (0, 1)]
    sink = net.tensor([1, *out, cout])
    more = dict(depthMultiplier=cout // cin, dilationHFactor=1, dilationWFactor=1) if depthwise else \
        dict(dilationHFactor=1, dilationWFactor=1)
    net.op(op, [source, w, bias], [sink], "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions",
           version=6 if depthwise else 5, padding=padding, strideH=stride[0], strideW=stride[1],
           fusedActivationFunction=ACTIVATIONS[relu], **more)
    return net.finish([sink])


variants(
    dynamic,
    same=dict(relu="relu6"),
    stride2=dict(size=(9, 8), stride=(2, 2), cout=17),
    pointwise=dict(kernel=(1, 1), cin=20, cout=33, relu="relu"),
    per_tensor=dict(per_channel=False, padding=VALID),
    depthwise=dict(op="DEPTHWISE_CONV_2D", cin=19, cout=19, relu="relu6"),
    depthwise_multiplier=dict(op="DEPTHWISE_CONV_2D", cin=3, cout=6, stride=(2, 2)),
)


def dynamic_dense(rng, batch=1, cin=37, cout=11, relu=None, bias=True):
    net = Net()
    source = net.input([batch, cin])
    w = net.constant(weights(rng, (cout, cin)), Quant(0.013))
    inputs = [source, w, net.constant(rng.uniform(-1, 1, cout).astype(np.float32)) if bias else -1]
    sink = net.tensor([batch, cout])
    net.op("FULLY_CONNECTED", inputs, [sink], "FullyConnectedOptions", version=3,
           fusedActivationFunction=ACTIVATIONS[relu], asymmetricQuantizeInputs=False)
    return net.finish([sink])


variants(dynamic_dense, plain=dict(relu="relu"), rows=dict(batch=4, cin=64, cout=40), no_bias=dict(bias=False))


# ---- a picture in, as many values out as one record of the ring carries -------------------------
@model
def dense_picture(rng):
    """Every pixel counts in every output: two pictures that differ give other bytes."""
    net, x = Net(), Quant(1 / 128, 0)
    source = net.input([1, 16, 16, 3], x)
    flat = net.tensor([1, 768], x)
    net.op("RESHAPE", [source, net.constant(np.int32([1, 768]))], [flat])
    w_scale = 0.01
    y = Quant(output_scale(x, w_scale, 768), 0)
    sink = net.tensor([1, 16], y)
    net.op("FULLY_CONNECTED", [flat, net.constant(weights(rng, (16, 768)), Quant(w_scale)), -1], [sink],
           "FullyConnectedOptions", version=4, fusedActivationFunction=0)
    return net.finish([sink])


# ---- float16 weights --------------------------------------------------------------------------
@model
def half_weights(rng):
    """A convolution whose weights and bias are float16 constants, de-quantized in the graph."""
    net, shape = Net(), (6, 3, 3, 4)
    source, sink = net.input([1, 5, 6, 4]), net.tensor([1, 5, 6, 6])
    wide = []
    for values in (rng.uniform(-1, 1, shape), rng.uniform(-1, 1, 6)):
        wide.append(net.tensor(values.shape))
        net.op("DEQUANTIZE", [net.constant(values.astype(np.float16))], [wide[-1]], version=3)
    net.op("CONV_2D", [source, *wide], [sink], "Conv2DOptions", version=1, padding=SAME, strideH=1, strideW=1,
           dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=ACTIVATIONS["relu"])
    return net.finish([sink])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.tflite"):
        old.unlink()
    total = 0
    for name, make in sorted(MODELS.items()):
        name = name.rstrip("_")
        content = make(np.random.default_rng(zlib.crc32(name.encode())))
        (OUT / f"{name}.tflite").write_bytes(content)
        total += len(content)
    print(f"{len(MODELS)} models, {total} bytes")


if __name__ == "__main__":
    main()
