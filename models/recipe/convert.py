# SPDX-License-Identifier: Apache-2.0
"""Makes the full-integer model: int8 in, int8 per-channel weights, int8 softmax out.

    python convert.py PICTURES OUT.tflite        PICTURES: folder of the 1000-picture sample
"""
import sys

import numpy as np
import tensorflow as tf

import metadata
import network
import samples


def calibration_pictures(folder):
    paths = samples.paths(folder)
    for index in samples.CALIBRATION:
        yield [samples.normalised(samples.pixels(paths[index]))[None]]


def convert(folder):
    model = network.keras_network(network.torch_weights(), batch=1)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: calibration_pictures(folder)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


def check_input_scale(content):
    """The int8 input must be exactly pixel - 128, so that pre-processing is one XOR."""
    interpreter = tf.lite.Interpreter(model_content=content)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    if (scale, zero_point) != (1 / network.STD, int(network.MEAN) - 128):
        raise SystemExit(f"input scale {scale}, zero point {zero_point}: not pixel - 128")


def main():
    folder, out = sys.argv[1:]
    content = convert(folder)
    check_input_scale(content)
    content = metadata.pack(bytes(content), "../imagenet_labels.txt")
    with open(out, "wb") as file:
        file.write(content)
    print(f"{out}: {len(content)} bytes")


if __name__ == "__main__":
    main()
