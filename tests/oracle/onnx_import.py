#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""qmodel import against onnxruntime: the small models of onnx_models.py, and with ../shared the two real ones.

    python tests/oracle/onnx_import.py [--qmodel build/qmodel] [NAME ...]

Each model gets the same random inputs in onnxruntime (as ONNX), in LiteRT and in qedge (as .tflite). Float outputs must agree
to 2e-5 of the largest; outputs of quantized models to a step, and LiteRT and qedge to the byte. What is quantized must have
become integer operators only, where the table below does not say otherwise."""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import onnx_models
from litert import Runner

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT / ".." / "shared"
SAMPLES = 4
# onnxruntime works in float between QuantizeLinear and DequantizeLinear where it does not fuse them, and in other integer
# arithmetic than TFLite where it does: steps of the output that chains of such operators may drift by.
STEPS = {"q_functions": 2}
FLOAT_INSIDE = {"q_float_tail"}


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Work:
    def __init__(self, qmodel, folder):
        self.qmodel, self.folder = qmodel, Path(folder)

    def imported(self, path):
        out = self.folder / "out.tflite"
        done = subprocess.run([self.qmodel, "import", path, "-o", out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return out

    def run(self, model, tensor, like):
        (self.folder / "in").write_bytes(tensor.tobytes())
        subprocess.run([self.qmodel, "run", model, "--input", self.folder / "in", "--output", self.folder / "y"], check=True)
        return np.frombuffer((self.folder / "y").read_bytes(), like.dtype)[:like.size].reshape(like.shape)


def to_last(array, model):
    """N, C, H, W as TFLite has it; a model whose first node is a Transpose has it so already."""
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 and model.graph.node[0].op_type != "Transpose" else array


def make_input(info, random):
    shape = [d if isinstance(d, int) else 1 for d in info.shape]
    if info.type == "tensor(float)":
        return (random.standard_normal(shape) * 1.5).astype("f4")
    kind = {"tensor(uint8)": np.uint8, "tensor(int8)": np.int8}[info.type]
    return random.integers(0, 256, shape).astype("u1").view(kind)


def moved(array, kind):
    """uint8 as int8, or back."""
    return array if array.dtype == kind else (array.view("u1") ^ np.uint8(0x80)).view(kind)


def step_of(model):
    """The scale that the last QuantizeLinear or QLinear node has."""
    constants = {c.name: c for c in model.graph.initializer}
    node = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")][-1]
    return float(onnx_models.numpy_helper.to_array(constants[node.input[1]]))


def unit_of(name, model, output):
    """What differences are counted in: steps of the output, or its largest value."""
    if output.dtype != np.float32:
        return 1.0
    integers = name.startswith("q_") and name not in FLOAT_INSIDE
    return step_of(model) if integers else max(1.0, float(np.abs(output).max()))


def allowed_units(name):
    return STEPS.get(name, 1) * 1.001 if name.startswith("q_") and name not in FLOAT_INSIDE else 2e-5


def tolerance(name, model, output):
    return allowed_units(name) * unit_of(name, model, output)


def check(work, name):
    model = onnx_models.MODELS[name]()
    path = work.folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    reference, random = session(str(path)), np.random.default_rng(1)
    tflite = work.imported(path)
    litert = Runner(tflite)
    integers, worst, beside = name.startswith("q_") and name not in FLOAT_INSIDE, 0.0, 0.0
    for _ in range(SAMPLES):
        x = make_input(reference.get_inputs()[0], random)
        expected = reference.run(None, {reference.get_inputs()[0].name: x})
        shape, kind = litert.input_types()[0]
        given = np.ascontiguousarray(moved(to_last(x, model), kind))
        assert given.shape == shape, f"{given.shape} for {shape}"
        results = litert.run([given])
        for want, got in zip(expected, results):
            got = moved(got, want.dtype) if got.dtype in (np.uint8, np.int8) else got
            want = to_last(want, model)
            assert want.shape == got.shape, f"output {got.shape}, not {want.shape}"
            worst = max(worst, float(np.abs(want.astype("f8") - got.astype("f8")).max()) / unit_of(name, model, want))
        if len(results) == 1:
            own = work.run(tflite, given, results[0])
            beside = max(beside, float(np.abs(own.astype("f8") - results[0].astype("f8")).max()))
    bad = worst > allowed_units(name) or beside > (0 if integers else 2e-5)
    bad = bad or (integers and not only_integers(litert))
    print(f"  {name:24} onnxruntime: {worst:8.2g} {'steps' if integers else 'relative'}, qedge beside LiteRT: {beside:.2g}"
          f"{'  FAILED' if bad else ''}")
    return bool(bad)


def only_integers(litert):
    """No float tensor but the model's own edges."""
    edges = {d["index"] for d in litert.inputs + litert.outputs}
    return all(d["dtype"] != np.float32 or d["index"] in edges for d in litert.interpreter.get_tensor_details() if d["name"])


# ---- real models -----------------------------------------------------------------------------------------

REAL = {"mobilenet_v1_0.5_128_quant": (128, False), "mobilenet_v2_quant": (224, True)}
PICTURES = {"coral/parrot.jpg": 88, "coral/cat_720p.jpg": 285, "coral/hot_dog.jpg": 934, "tflite_support/burger.jpg": 933,
            "nnstreamer/orange.png": 950, "coral/sunflower.bmp": 985}


def picture(name, size):
    image = Image.open(SHARED / "images" / name).convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return np.asarray(image.crop((left, top, left + short, top + short)).resize((size, size), Image.BILINEAR))[None]


def check_real(work, name, size, normalised):
    path = SHARED / "models" / "onnx" / f"{name}.onnx"
    reference, litert = session(str(path)), Runner(work.imported(path))
    right = same = 0
    for file, label in PICTURES.items():
        x = picture(file, size)
        given = ((x / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("f4") if normalised else x
        expected = reference.run(None, {reference.get_inputs()[0].name: given.transpose(0, 3, 1, 2) if normalised else given})[0]
        got = litert.run([given])[0]
        same += got.argmax() == expected.argmax()
        right += got.argmax() == label + (not normalised)  # the older net has a class for "background" in front
    print(f"  {name}: best class as onnxruntime for {same} of {len(PICTURES)} pictures, the right one for {right}")
    return bool(same < len(PICTURES) or right < len(PICTURES) - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--qmodel", default=ROOT / "build" / "qmodel")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Work(arguments.qmodel, folder)
        names = arguments.names or list(onnx_models.MODELS)
        for name in names:
            try:
                failed += check(work, name)
            except (RuntimeError, AssertionError, ValueError) as error:
                print(f"  {name:24} {error}  FAILED")
                failed += 1
        real = REAL if SHARED.is_dir() and not arguments.names else {}
        for name, details in real.items():
            failed += check_real(work, name, *details)
    print(f"{len(names) + len(real) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
