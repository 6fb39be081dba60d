#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""measure.py QMODEL FOLDER: a table of what train.py and qmodel have written, on the 10,000 test digits.

Sizes, accuracy, error and qedge's latency are qmodel compare's; LiteRT runs every file too (one thread, XNNPACK, its
default): its accuracy has to be the same, its latency is the median of 5,000 invocations from Python.
"""
import json
import os
import subprocess
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

KINDS = ("float", "dynamic", "float16", "int16x8", "int8")
BY = {"tf": "TensorFlow", "qmodel": "qmodel", "best": "qmodel, `--effort best`"}


def litert(path, digits, answers):
    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = into["quantization"]
    right = 0
    for digit, answer in zip(digits, answers):
        value = digit[None]
        if into["dtype"] != np.float32:
            limits = np.iinfo(into["dtype"])
            value = np.clip(np.round(value / scale) + zero, limits.min, limits.max).astype(into["dtype"])
        interpreter.set_tensor(into["index"], value)
        interpreter.invoke()
        right += int(np.argmax(interpreter.get_tensor(out["index"])[0]) == answer)
    times = []
    for _ in range(5000):
        start = time.perf_counter_ns()
        interpreter.invoke()
        times.append(time.perf_counter_ns() - start)
    return 100 * right / len(digits), np.median(times) / 1000


def compare(qmodel, a, b, folder):
    command = [qmodel, "compare", a, b, "--data", f"{folder}/digits.npy", "--labels", f"{folder}/digits_labels.npy",
               "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main(qmodel, folder):
    digits, answers = np.load(f"{folder}/digits.npy"), np.load(f"{folder}/digits_labels.npy")
    reference = f"{folder}/tf_float.tflite"
    print("| model | by | bytes | of float | accuracy | LiteRT's | as float | mean error | SQNR | qedge | LiteRT |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        for by in BY:
            path = f"{folder}/{by}_{kind}.tflite"
            if not os.path.exists(path):
                continue
            found = compare(qmodel, reference, path, folder)
            theirs, their_us = litert(path, digits, answers)
            b, n = found["b"], found["samples"]
            exact = found["sqnr_db"] is None
            print(f"| {kind} | {BY[by]} | {b['file_bytes']:,} | "
                  f"{100 * b['file_bytes'] / found['a']['file_bytes']:.1f} % | {100 * b['right'] / n:.2f} % | "
                  f"{theirs:.2f} % | {100 * found['same_best'] / n:.2f} % | "
                  f"{'0' if exact else format(found['mean_difference'], '.3g')} | "
                  f"{'exact' if exact else format(found['sqnr_db'], '.1f') + ' dB'} | {b['p50_us']:.1f} us | "
                  f"{their_us:.1f} us |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
