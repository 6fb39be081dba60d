#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""qmodel quantize against LiteRT: every file it writes must load there; rewritten float files must give the same values,
int8 files the bytes that qedge gives.

    python tests/oracle/quantize.py [--qmodel build/qmodel] [FLOAT_MODEL.tflite ...]

Without models: tests/golden/float and the float models of ../shared/models. Calibrated and compared on noise in
[-1, 1]; the SQNR column is how far the int8 output is from the float model's on that same noise."""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from litert import Runner

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT / ".." / "shared" / "models"
FLOATS = ("mlperf_tiny/ic_resnet8_float", "mlperf_tiny/vww_96_float", "cfu/neural_net_svhn_float",
          "mnist/conv_fc_mnist", "mnist/mnist_quantized", "tflite_support/mobilenet_v1_0.25_224_1_default_1",
          "mltk/rock_paper_scissors.float32")
SAMPLES = 8
# Dynamic range: a step of an activation may fall the other way in LiteRT's own (not XNNPACK's) depthwise kernels.
METHODS = {"none": ([], 1e-5), "float16": ([], 1e-5), "dynamic": ([], 0.02)}
INTEGERS = {"int8": [], "uint8": ["--input-type", "uint8", "--output-type", "uint8"],
            "float32": ["--input-type", "float32", "--output-type", "float32"],
            "plain": ["--calibration", "minmax", "--rounding", "nearest", "--no-equalization", "--no-bias-correction"],
            "tensor": ["--per-tensor", "--calibration", "entropy"], "best": ["--effort", "best"], "clipped": ["--weight-clipping", "mse"],
            "16x8": ["--method", "int16x8"], "int16": ["--method", "int16x8", "--input-type", "int16", "--output-type", "int16"]}
# A float layer between a DEQUANTIZE and a QUANTIZE: a sum that ends in another last bit may fall on the other side of
# half a step, and later layers carry that on.
MIXED_STEPS = 1
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Without a 16x8 form of one of their operators (HARD_SWISH).
NO_16X8 = ("net.tflite",)


class Work:
    def __init__(self, qmodel, folder):
        self.qmodel, self.folder = qmodel, Path(folder)

    def quantize(self, model, arguments):
        out = self.folder / "out.tflite"
        subprocess.run([self.qmodel, "quantize", model, "-o", out, *arguments], check=True, stdout=subprocess.DEVNULL)
        if signatures(out) != signatures(model):
            sys.exit(f"{model}: {arguments}: other signatures: {signatures(out)}")
        return out

    def run(self, model, tensor, like):
        (self.folder / "in").write_bytes(tensor.tobytes())
        subprocess.run([self.qmodel, "run", model, "--input", self.folder / "in", "--output", self.folder / "y"], check=True)
        return np.frombuffer((self.folder / "y").read_bytes(), like.dtype)[:like.size].reshape(like.shape)


def signatures(model):
    """Of each key the inputs and outputs by name, with their places among the model's own."""
    litert = Interpreter(str(model))
    places = [[detail["index"] for detail in details] for details in (litert.get_input_details(), litert.get_output_details())]
    found = {}
    for key in litert.get_signature_list():
        runner = litert.get_signature_runner(key)
        found[key] = [{name: place.index(detail["index"]) for name, detail in details.items()} for details, place in
                      zip((runner.get_input_details(), runner.get_output_details()), places)]
    return found


def to_input(detail, real):
    if detail["dtype"] == np.float32:
        return real
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max).astype(detail["dtype"])


def to_real(detail, value):
    scale, zero_point = detail["quantization"]
    return value.astype("f8") if detail["dtype"] == np.float32 else (value.astype("f8") - zero_point) * scale


def check_float(work, model, reals):
    failed = 0
    for method, (arguments, allowed) in METHODS.items():
        out = work.quantize(model, ["--method", method, *arguments])
        litert = Runner(out)
        most = 0
        for real in reals:
            expected = litert.run([real])[0]
            most = max(most, float(np.abs(work.run(out, real, expected).astype("f8") - expected).max()))
        failed += most > allowed
        print(f"  {method:8} {out.stat().st_size:9} bytes, qedge and LiteRT differ by {most:.2g}"
              f"{'' if most <= allowed else '  FAILED'}")
    return failed


def check_int8(work, model, reals):
    reference, failed = Runner(model), 0
    np.save(work.folder / "data.npy", np.concatenate(reals).astype("f4"))
    for name, arguments in INTEGERS.items():
        if "int16x8" in arguments and model.name in NO_16X8:
            continue
        out = work.quantize(model, ["--method", "int8", "--data", work.folder / "data.npy", *arguments])
        litert = Runner(out)
        same, signal, noise = 0, 0.0, 0.0
        for real in reals:
            x = to_input(litert.inputs[0], real)
            y = litert.run([x])[0]
            same += np.array_equal(work.run(out, x, y), y)
            wanted = reference.run([real])[0].astype("f8")
            signal, noise = signal + (wanted**2).sum(), noise + ((wanted - to_real(litert.outputs[0], y)) ** 2).sum()
        failed += same != len(reals)
        print(f"  {name:8} {out.stat().st_size:9} bytes, same bytes as LiteRT {same}/{len(reals)}, "
              f"SQNR {10 * np.log10(signal / noise):.1f} dB{'' if same == len(reals) else '  FAILED'}")
    return failed


def layers(model):
    """The names of the outputs that weights made, the last first."""
    litert = Interpreter(str(model), experimental_preserve_all_tensors=True)
    names = {tensor["index"]: tensor["name"] for tensor in litert.get_tensor_details()}
    return [names[op["outputs"][0]] for op in reversed(litert._get_ops_details()) if op["op_name"] in WEIGHTED]


def quantize_mixed(work, model):
    """Cleaning merges layers; the last one that is still there keeps its floats."""
    for name in layers(model):
        try:
            return work.quantize(model, ["--method", "int8", "--data", work.folder / "data.npy", "--keep-float", name])
        except subprocess.CalledProcessError:
            continue
    sys.exit(f"{model}: no layer can be kept in float")


def check_mixed(work, model, reals):
    out = quantize_mixed(work, model)
    litert, most = Runner(out), 0
    for real in reals:
        x = to_input(litert.inputs[0], real)
        y = litert.run([x])[0]
        most = max(most, int(np.abs(work.run(out, x, y).astype("i4") - y).max()))
    print(f"  mixed    {out.stat().st_size:9} bytes, qedge and LiteRT differ by {most} steps"
          f"{'' if most <= MIXED_STEPS else '  FAILED'}")
    return most > MIXED_STEPS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--qmodel", default=ROOT / "build" / "qmodel")
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args()
    models = options.models or [ROOT / "tests/golden/float/net.tflite",
                                *(path for name in FLOATS if (path := SHARED / f"{name}.tflite").exists())]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Work(options.qmodel, folder)
        for model in models:
            print(model.name)
            shape = Runner(model).input_types()[0][0]
            rng = np.random.default_rng(4)
            reals = [rng.uniform(-1, 1, shape).astype("f4") for _ in range(SAMPLES)]
            failed += (check_float(work, model, reals) + check_int8(work, model, reals) +
                       check_mixed(work, model, reals))
    print(f"{failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
