#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""qmodel quantize beside TensorFlow's converter and ai-edge-quantizer: the same float files, the same calibration data,
everything measured in LiteRT on data that nobody calibrated with.

    make quantize-table TABLE="[--pictures FOLDER] [--lite0 FLOAT.tflite] [--only NAME] [--row 'OPTIONS']"

Pictures: the sample that models/recipe names (1000 files, one a class; the first 200 calibrate, every eighth of the
others is measured). --lite0: what models/recipe makes. Without them only nets of ../shared/models that eat digits are
measured. Needs tensorflow, ai-edge-quantizer, ai-edge-litert, numpy, pillow. Prints a Markdown table."""
import argparse
import gzip
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "oracle"))
from litert import Runner  # noqa: E402

SHARED = ROOT / ".." / "shared"
CALIBRATE = 200
# name: (file below ../shared/models or None, data, side, mean, std)
NETS = {
    "EfficientNet-Lite0": (None, "pictures", 224, 127, 128),
    "ResNet-8, CIFAR-10": ("mlperf_tiny/ic_resnet8_float", "pictures", 32, 0, 1),
    "MobileNet V1 0.25, 96, persons": ("mlperf_tiny/vww_96_float", "pictures", 96, 0, 255),
    "MobileNet V1 0.25, 224": ("tflite_support/mobilenet_v1_0.25_224_1_default_1", "pictures", 224, 127.5, 127.5),
    "SVHN net": ("cfu/neural_net_svhn_float", "pictures", 32, 0, 255),
    "MNIST convolution": ("mnist/conv_fc_mnist", "digits", 28, 0, 255),
    "MNIST, dequantized": ("mnist/mnist_quantized", "digits", 28, 0, 255),
}


def pictures(folder, side):
    from PIL import Image
    paths = sorted(Path(folder).glob("*.JPEG"))
    for path in paths[:CALIBRATE] + paths[CALIBRATE::8]:
        picture = Image.open(path).convert("RGB")
        width, height = picture.size
        edge = min(width, height)
        box = ((width - edge) / 2, (height - edge) / 2, (width + edge) / 2, (height + edge) / 2)
        yield np.asarray(picture.resize((side, side), Image.Resampling.BOX, box=box))


def digits():
    content = gzip.decompress((SHARED / "datasets/mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28, 1)[:CALIBRATE + 1000]


def data_of(options, kind, side, mean, std):
    values = digits() if kind == "digits" else np.stack(list(pictures(options.pictures, side)))
    return ((values.astype("f4") - np.float32(mean)) / np.float32(std)).astype("f4")


# ---- contenders: each writes a full-integer file -------------------------------------------------------------

def tensorflow_file(model, data, out):
    import tensorflow as tf
    from tensorflow.lite.python import convert, util
    from tensorflow.lite.python.optimize import calibrator
    content = calibrator.Calibrator(model.read_bytes()).calibrate(lambda: ([x[None]] for x in data))
    content = convert.mlir_quantize(content, fully_quantize=True, inference_type=9)
    out.write_bytes(util.modify_model_io_type(content, tf.int8, tf.int8))


def signed(content):
    """With a signature: ai-edge-quantizer finds inputs by it only, and old files have none."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    for names, tensors, word in (("inputs", model.subgraphs[0].inputs, b"input"), ("outputs", model.subgraphs[0].outputs, b"output")):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = word, int(tensors[0])
        setattr(signature, names, [entry])
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(len(content) + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def edge_quantizer_file(model, data, out):
    from ai_edge_quantizer import quantizer, recipe
    worker = quantizer.Quantizer(signed(model.read_bytes()), recipe.static_wi8_ai8())
    found = worker.calibrate({"serving_default": [{"input": x[None]} for x in data]}, num_threads=2)
    # Float at the edges: it has no other way, and TensorFlow's tool for that cannot read what it writes.
    out.write_bytes(worker.quantize(found, enable_progress_bar=False, enable_progress_report=False).quantized_model)


def qmodel_file(options, arguments, model, data, out):
    np.save(out.with_suffix(".npy"), data)
    subprocess.run([options.qmodel, "quantize", model, "-o", out, "--method", "int8", "--data", out.with_suffix(".npy"),
                    *arguments], check=True, stdout=subprocess.DEVNULL)


# ---- measuring -------------------------------------------------------------------------------------------------------

def run_all(path, data):
    runner = Runner(path)
    source, sink = runner.inputs[0], runner.outputs[0]
    found = []
    for x in data:
        x = x.reshape(source["shape"])
        if source["dtype"] != np.float32:
            scale, zero_point = source["quantization"]
            x = np.clip(np.rint(x / scale) + zero_point, -128, 127).astype(np.int8)
        y = runner.run([x])[0].astype("f8").ravel()
        scale, zero_point = sink["quantization"]
        found.append(y if sink["dtype"] == np.float32 else (y - zero_point) * scale)
    return np.stack(found)


def figures(path, wanted, data):
    got = run_all(path, data)
    sqnr = 10 * np.log10((wanted**2).sum() / max(((wanted - got) ** 2).sum(), 1e-30))
    return path.stat().st_size, sqnr, int((wanted.argmax(1) == got.argmax(1)).sum())


def measure(options, name, folder):
    file, kind, side, mean, std = NETS[name]
    if (kind == "pictures" and not options.pictures) or (file is None and not options.lite0):
        return
    model = Path(options.lite0) if file is None else SHARED / "models" / f"{file}.tflite"
    data = data_of(options, kind, side, mean, std)
    calibration, held_out = data[:CALIBRATE], data[CALIBRATE:]
    wanted = run_all(model, held_out)
    rows = {"TensorFlow's converter": tensorflow_file, "ai-edge-quantizer": edge_quantizer_file} if not options.row else {}
    for arguments in options.row or ["--effort fast", "--effort best"]:
        rows[f"qmodel {arguments}"] = lambda *files, words=arguments.split(): qmodel_file(options, words, *files)
    for row, make in rows.items():
        out, start = folder / "out.tflite", time.monotonic()
        try:
            make(model, calibration, out)
            seconds = time.monotonic() - start
            size, sqnr, same = figures(out, wanted, held_out)
        except Exception as error:  # noqa: BLE001: a contender that cannot is a result, too
            print(f"| {name} | {row} | cannot: {str(error).splitlines()[0][:60]} | | | |", flush=True)
            continue
        print(f"| {name} | {row} | {size} | {sqnr:.1f} | {same}/{len(held_out)} | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--qmodel", default=ROOT / "build" / "qmodel")
    parser.add_argument("--pictures")
    parser.add_argument("--lite0")
    parser.add_argument("--only", action="append", choices=NETS)
    parser.add_argument("--row", action="append", help="instead of the usual rows: qmodel with these options")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print("| net | made by | bytes | SQNR, dB | top-1 as float | seconds |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only or NETS:
            measure(options, name, Path(folder))


if __name__ == "__main__":
    main()
