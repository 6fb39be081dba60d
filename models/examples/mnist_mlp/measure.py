#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""measure.py QMODEL FOLDER: a table of what train.py, qmodel import and qmodel quantize have written, on the 10,000 test digits.

Size, accuracy, error against the float net and qedge's latency are qmodel compare's. Beside it: how many digits PyTorch reads
right with the same net, and LiteRT with the same file.
"""
import json
import subprocess
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

ROWS = (("float", "PyTorch", "float"), ("static", "PyTorch, static", "static"), ("qat", "PyTorch, quantization-aware", "qat"),
        ("qmodel_int8", "qmodel int8", None), ("qmodel_dynamic", "qmodel dynamic", None))


def litert(path, digits, answers):
    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    right = 0
    for digit, answer in zip(digits, answers):
        interpreter.set_tensor(into, digit[None])
        interpreter.invoke()
        right += int(np.argmax(interpreter.get_tensor(out)[0]) == answer)
    times = []
    for _ in range(5000):
        start = time.perf_counter_ns()
        interpreter.invoke()
        times.append(time.perf_counter_ns() - start)
    return right, np.median(times) / 1000


def compare(qmodel, a, b, folder):
    command = [qmodel, "compare", a, b, "--data", f"{folder}/digits.npy", "--labels", f"{folder}/digits_labels.npy", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main(qmodel, folder):
    digits, answers = np.load(f"{folder}/digits.npy"), np.load(f"{folder}/digits_labels.npy")
    with open(f"{folder}/torch.json", encoding="ascii") as file:
        torch_right = json.load(file)
    print("| model | quantized by | bytes | right: qedge | LiteRT | PyTorch | as float | mean error | SQNR | qedge | LiteRT |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, by, key in ROWS:
        path = f"{folder}/{name}.tflite"
        found = compare(qmodel, f"{folder}/float.tflite", path, folder)
        right, micros = litert(path, digits, answers)
        b, exact = found["b"], found["sqnr_db"] is None
        print(f"| {name} | {by if name != 'float' else ''} | {b['file_bytes']:,} | {b['right']} | {right} | "
              f"{torch_right[key] if key else ''} | {100 * found['same_best'] / found['samples']:.2f} % | "
              f"{'' if exact else format(found['mean_difference'], '.3g')} | "
              f"{'' if exact else format(found['sqnr_db'], '.1f') + ' dB'} | {b['p50_us']:.1f} us | {micros:.1f} us |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
