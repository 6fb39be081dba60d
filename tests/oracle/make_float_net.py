#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/float/norms.tflite, a net as trainers leave it (batch norms, activations and padding between the
layers), and tests/golden/float/net.tflite: a small float net with the operators that quantization treats each in its own
way (fused relu6, residual add, concatenation, padding, a gate of mean, logistic and mul, hard-swish, softmax). Random
weights, different ranges in each channel."""
from pathlib import Path

import numpy as np

from tflite_writer import SAME, VALID, Net

OUT = Path(__file__).resolve().parent.parent / "golden" / "float"
rng = np.random.default_rng(20)


class Builder(Net):
    def conv(self, x, size, cin, cout, kernel=1, stride=1, padding=SAME, activation=0):
        spread = rng.uniform(0.3, 1.7, (cout, 1, 1, 1))
        w = (rng.normal(0, (2 / (kernel * kernel * cin)) ** 0.5, (cout, kernel, kernel, cin)) * spread).astype("f4")
        y = self.tensor([1, size, size, cout])
        self.op("CONV_2D", [x, self.constant(w), self.constant(rng.normal(0, 0.2, cout).astype("f4"))], [y],
                "Conv2DOptions", padding=padding, strideH=stride, strideW=stride, dilationHFactor=1,
                dilationWFactor=1, fusedActivationFunction=activation)
        return y

    def depthwise(self, x, size, channels, activation=3):
        w = rng.normal(0, 0.5, (1, 3, 3, channels)).astype("f4")
        y = self.tensor([1, size, size, channels])
        self.op("DEPTHWISE_CONV_2D", [x, self.constant(w), self.constant(rng.normal(0, 0.3, channels).astype("f4"))], [y],
                "DepthwiseConv2DOptions", padding=SAME, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1,
                depthMultiplier=1, fusedActivationFunction=activation)
        return y

    def to(self, name, inputs, shape, options=None, **fields):
        y = self.tensor(shape)
        self.op(name, inputs, [y], options, **fields)
        return y


def main():
    net = Builder()
    x = net.input([1, 24, 24, 3])
    first = net.conv(x, 12, 3, 16, 3, 2, SAME, 3)
    y = net.conv(net.depthwise(first, 12, 16), 12, 16, 16)
    y = net.to("ADD", [y, first], [1, 12, 12, 16], "AddOptions", fusedActivationFunction=0)
    y = net.to("MAX_POOL_2D", [y], [1, 6, 6, 16], "Pool2DOptions", padding=SAME, strideH=2, strideW=2, filterHeight=2,
               filterWidth=2, fusedActivationFunction=0)
    side = net.conv(y, 6, 16, 8, activation=1)
    y = net.to("CONCATENATION", [y, side], [1, 6, 6, 24], "ConcatenationOptions", axis=3, fusedActivationFunction=0)
    amounts = net.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    y = net.to("PAD", [y, amounts], [1, 8, 8, 24], "PadOptions")
    y = net.conv(y, 6, 24, 24, 3, 1, VALID)
    y = net.to("HARD_SWISH", [y], [1, 6, 6, 24], "HardSwishOptions")
    gate = net.to("MEAN", [y, net.constant(np.array([1, 2], np.int32))], [1, 1, 1, 24], "ReducerOptions", keepDims=True)
    gate = net.to("LOGISTIC", [net.conv(gate, 1, 24, 24)], [1, 1, 1, 24])
    y = net.to("MUL", [y, gate], [1, 6, 6, 24], "MulOptions", fusedActivationFunction=0)
    y = net.to("AVERAGE_POOL_2D", [y], [1, 1, 1, 24], "Pool2DOptions", padding=VALID, strideH=6, strideW=6,
               filterHeight=6, filterWidth=6, fusedActivationFunction=0)
    y = net.to("RESHAPE", [y, net.constant(np.array([1, 24], np.int32))], [1, 24], "ReshapeOptions", newShape=[1, 24])
    w = net.constant(rng.normal(0, 0.6, (50, 24)).astype("f4"))
    y = net.to("FULLY_CONNECTED", [y, w, net.constant(rng.normal(0, 0.3, 50).astype("f4"))], [1, 50],
               "FullyConnectedOptions", fusedActivationFunction=0)
    y = net.to("SOFTMAX", [y], [1, 50], "SoftmaxOptions", beta=1.0)
    OUT.mkdir(exist_ok=True)
    (OUT / "net.tflite").write_bytes(net.finish([y]))
    write_norms()


# Its own numbers: net.tflite's stay what they were.
def write_norms():
    net, rng = Builder(), np.random.default_rng(21)

    def channels(name, x, shape, low, high, swap=False):
        values = net.constant(rng.uniform(low, high, (shape[-1],) if name != "MUL" else (1, 1, 1, shape[-1])).astype("f4"))
        fields = {} if name == "MUL" else {"potScaleInt16": True}
        return net.to(name, [values, x] if swap else [x, values], shape, f"{name.capitalize()}Options",
                      fusedActivationFunction=0, **fields)

    def norm(x, shape, low=0.5):
        return channels("ADD", channels("MUL", x, shape, low, 2), shape, -0.5, 0.5)

    def pad(x, shape, top, left, bottom, right):
        amounts = net.constant(np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
        return net.to("PAD", [x, amounts], shape, "PadOptions")

    x = net.input([1, 24, 24, 3])
    y = net.conv(pad(x, [1, 25, 25, 3], 0, 0, 1, 1), 12, 3, 8, 3, 2, VALID)    # what "same" pads
    y = net.to("RELU6", [norm(y, [1, 12, 12, 8], -2)], [1, 12, 12, 8])
    y = channels("SUB", net.depthwise(y, 12, 8, 0), [1, 12, 12, 8], -0.3, 0.3, swap=True)
    y = net.to("RELU", [y], [1, 12, 12, 8])
    y = net.conv(pad(y, [1, 14, 14, 8], 1, 1, 1, 1), 6, 8, 16, 3, 2, VALID, 1)    # one row less than "same" pads
    y = norm(y, [1, 6, 6, 16])    # behind a ReLU: goes into the layer behind, past the pool
    y = net.to("MAX_POOL_2D", [y], [1, 3, 3, 16], "Pool2DOptions", padding=VALID, strideH=2, strideW=2, filterHeight=2,
               filterWidth=2, fusedActivationFunction=0)
    y = norm(net.conv(y, 1, 16, 12, 3, 1, VALID, 1), [1, 1, 1, 12])
    y = net.to("RESHAPE", [y, net.constant(np.array([1, 12], np.int32))], [1, 12], "ReshapeOptions", newShape=[1, 12])
    w = net.constant(rng.normal(0, 0.6, (10, 12)).astype("f4"))
    y = net.to("FULLY_CONNECTED", [y, w], [1, 10], "FullyConnectedOptions", fusedActivationFunction=0)
    (OUT / "norms.tflite").write_bytes(net.finish([net.to("SOFTMAX", [y], [1, 10], "SoftmaxOptions", beta=1.0)]))


if __name__ == "__main__":
    main()
