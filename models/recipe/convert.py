# SPDX-License-Identifier: Apache-2.0
"""Writes the net as a float .tflite with labels and normalisation packed, which qmodel quantizes.

    python convert.py OUT.tflite
"""
import sys

import tensorflow as tf

import metadata
import network


def main():
    out = sys.argv[1]
    model = network.keras_network(network.torch_weights(), batch=1)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    content = metadata.pack(bytes(content), "../imagenet_labels.txt")
    with open(out, "wb") as file:
        file.write(content)
    print(f"{out}: {len(content)} bytes")


if __name__ == "__main__":
    main()
