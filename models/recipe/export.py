# SPDX-License-Identifier: Apache-2.0
"""Writes the net as ONNX, which `qmodel import` reads.

    python export.py OUT.onnx
"""
import sys

import torch

import network


def main():
    torch.onnx.export(network.network(), torch.zeros(1, 3, network.SIZE, network.SIZE), sys.argv[1],
                      dynamo=False, opset_version=17, input_names=["image"], output_names=["probabilities"])


if __name__ == "__main__":
    main()
