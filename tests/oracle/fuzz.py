# SPDX-License-Identifier: Apache-2.0
"""Random one-operator models: LiteRT's default kernels decide, the engine must agree to the byte.

    python fuzz.py [--count N] [--seed S] [--golden build/tests/golden/golden_test] [--keep DIR]

Shapes, strides, padding, dilation, groups, scales, zero points and activations are drawn at random; so
are the inputs. Models that LiteRT refuses are drawn again. A failure names the model's file and its
drawn arguments; --keep leaves the files. Ends with "N passed, N failed".
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import inputs
import litert
import make_small_models as small
from tflite_writer import SAME, VALID, Net, Quant

RELUS = (None, None, "relu", "relu6", "relu_n1_to_1")


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def size(rng, low, high):
    return int(rng.integers(low, high + 1))


def dtype(rng):
    return pick(rng, ("int8", "int8", "uint8"))


def zero_point(rng, kind):
    low = 0 if kind == "uint8" else -128
    return int(rng.integers(low, low + 256))


def quant(rng, kind, low=0.002, high=0.2):
    return Quant(float(np.exp(rng.uniform(np.log(low), np.log(high)))), zero_point(rng, kind), kind)


def window(rng):
    return dict(size=(size(rng, 1, 13), size(rng, 1, 13)), kernel=(size(rng, 1, 5), size(rng, 1, 5)),
                stride=(size(rng, 1, 3), size(rng, 1, 3)), padding=pick(rng, (SAME, VALID)))


def dilation(rng, stride):
    """TensorFlow allows no dilation together with a stride."""
    return (size(rng, 1, 3), size(rng, 1, 3)) if stride == (1, 1) else (1, 1)


def conv(rng):
    arguments = window(rng)
    groups = pick(rng, (1, 1, 1, 2, 3))
    kind = dtype(rng) if groups == 1 else "int8"
    arguments |= dict(cin=groups * size(rng, 1, 20), cout=groups * size(rng, 1, 40), groups=groups, dtype=kind,
                      dilation=dilation(rng, arguments["stride"]), relu=pick(rng, RELUS),
                      per_channel=bool(rng.integers(2)))
    return small.conv, arguments


def pointwise(rng):
    return small.conv, dict(size=(size(rng, 1, 9), size(rng, 1, 9)), kernel=(1, 1), cin=size(rng, 1, 150),
                            cout=size(rng, 1, 90), dtype=dtype(rng), relu=pick(rng, RELUS))


def depthwise(rng):
    arguments = window(rng)
    arguments |= dict(cin=size(rng, 1, 70), multiplier=pick(rng, (1, 1, 1, 2, 3)), dtype=dtype(rng),
                      dilation=dilation(rng, arguments["stride"]), relu=pick(rng, RELUS))
    return small.depthwise, arguments


def dense(rng):
    return small.dense, dict(batch=size(rng, 1, 3), cin=size(rng, 1, 300), cout=size(rng, 1, 80), dtype=dtype(rng),
                             per_channel=bool(rng.integers(2)), bias=bool(rng.integers(2)), relu=pick(rng, RELUS))


def pool(rng):
    arguments = window(rng) | dict(channels=size(rng, 1, 50), dtype=dtype(rng), relu=pick(rng, RELUS))
    return pick(rng, (small.average_pool, small.max_pool)), arguments


def mean(rng):
    return small.mean, dict(shape=(1, size(rng, 1, 12), size(rng, 1, 12), size(rng, 1, 40)), axes=(1, 2),
                            keep=bool(rng.integers(2)), dtype=dtype(rng), rescale=bool(rng.integers(2)))


def binary(rng):
    shape = (1, size(rng, 1, 6), size(rng, 1, 6), size(rng, 1, 40))
    other = pick(rng, (shape, shape, (1, 1, 1, shape[3]), (1, 1, 1, 1), (shape[3],)))
    scales = tuple(float(np.exp(rng.uniform(np.log(0.003), np.log(0.3)))) for _ in range(3))
    name = pick(rng, ("ADD", "SUB", "MUL"))
    return small.binary, dict(op=name, options=name.title() + "Options", a=shape, b=other, scales=scales,
                              constant=bool(rng.integers(2)), relu=pick(rng, RELUS), dtype=dtype(rng))


def unary(rng):
    kind = dtype(rng)
    name = pick(rng, ("LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "RELU", "RELU6", "QUANTIZE", "SOFTMAX"))
    x, y, fields = quant(rng, kind), quant(rng, kind), {}
    if name in ("LOGISTIC", "SOFTMAX", "TANH"):
        span = 128 if name == "TANH" else 256
        y = Quant(1 / span, {"int8": -128, "uint8": 0}[kind] + (128 if name == "TANH" else 0), kind)
    if name == "LEAKY_RELU":
        fields = dict(options="LeakyReluOptions", alpha=float(rng.uniform(0.01, 0.5)))
    if name == "QUANTIZE":
        fields = dict(options="QuantizeOptions")
        y = quant(rng, dtype(rng))
    if name == "SOFTMAX":
        fields = dict(options="SoftmaxOptions", beta=1.0)
    # LiteRT rounds the last size % 16 elements of QUANTIZE between types in another way than the rest.
    shape = (size(rng, 1, 3), (16 if name == "QUANTIZE" else 1) * size(rng, 1, 60))
    return small.unary, dict(op=name, x=x, y=y, shape=shape, version=1 if "uint8" in (x.dtype, y.dtype) else 2, **fields)


def resize(rng):
    fields = pick(rng, (dict(), dict(alignCorners=True), dict(halfPixelCenters=True)))
    return pick(rng, (small.resize_bilinear, small.resize_nearest)), dict(
        size=(size(rng, 1, 9), size(rng, 1, 9)), to=(size(rng, 1, 14), size(rng, 1, 14)), dtype=dtype(rng), **fields)


def prelu(rng):
    channels = size(rng, 1, 30)
    return small.prelu, dict(shape=(1, size(rng, 1, 5), size(rng, 1, 5), channels), slopes=(1, 1, channels),
                             x=quant(rng, "int8"), a=quant(rng, "int8"), y=quant(rng, "int8"))


def shape4(rng):
    return tuple(size(rng, 1, n) for n in (2, 7, 7, 20))


def pad(rng):
    paddings = tuple((size(rng, 0, 3), size(rng, 0, 3)) if rng.integers(2) else (0, 0) for _ in range(4))
    return small.pad, dict(shape=shape4(rng), paddings=paddings, dtype=dtype(rng), value=pick(rng, (None, None, 9)))


def concat(rng):
    kind = dtype(rng)
    return small.concat, dict(axis=size(rng, -4, 3), count=size(rng, 1, 7), dtype=kind,
                              rescale=kind == "uint8" and bool(rng.integers(2)))


def transpose(rng):
    return small.transposed, dict(shape=list(shape4(rng)), order=rng.permutation(4).tolist())


def strided_slice(rng):
    """Begin, end and stride of each axis as numpy takes them, so that numpy says the result's shape."""
    shape = shape4(rng)
    begin, end, strides, result = [], [], [], []
    for n in shape:
        stride = pick(rng, (1, 1, 1, 2, 3, -1, -2))
        first, last = sorted((size(rng, 0, n), size(rng, 0, n)))
        first, last = (first, last) if stride > 0 else (max(last - 1, 0), first - 1 if first else -n - 1)
        begin, end, strides = begin + [first], end + [last], strides + [stride]
        result.append(len(range(n)[first:last:stride]))
    if 0 in result:
        raise ValueError("an empty result")
    return small.strided_slice, dict(shape=shape, begin=begin, end=end, strides=strides, result=result)


DRAWS = (conv, conv, pointwise, depthwise, dense, pool, mean, binary, binary, unary, unary, resize, prelu, pad, concat,
         transpose, strided_slice)


def draw(rng):
    """Yields (content, text) of one model after the other."""
    while True:
        try:
            make, arguments = pick(rng, DRAWS)(rng)
            content = make(rng, **arguments)
        except ValueError:  # a window larger than the picture, an empty slice
            continue
        shown = {k: (v.scale, v.zero_point, v.dtype) if isinstance(v, Quant) else v for k, v in arguments.items()}
        yield content, f"{make.__name__} {shown}"


def write_case(out, path, seed):
    runner = litert.Runner(path)
    source = f"noise {seed}"
    outputs = runner.run(inputs.make(runner.input_types(), source))
    if not all(o.size for o in outputs):
        raise ValueError("empty output")
    out.write(f"model {path}\ncase {source}\nwithin 0\n")
    for output in outputs:
        out.write(f"output {output.tobytes().hex()}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden", default=str(inputs.TOP / "build" / "tests" / "golden" / "golden_test"))
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    rng, drawn = np.random.default_rng(arguments.seed), {}
    temporary = tempfile.TemporaryDirectory()
    folder = Path(arguments.keep or temporary.name)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "list.txt", "w") as out:
        for content, text in draw(rng):
            path = folder / f"model{len(drawn)}.tflite"
            path.write_bytes(content)
            try:
                write_case(out, path, len(drawn) + 1)
            except (ValueError, RuntimeError):
                continue
            drawn[str(path)] = text
            if len(drawn) == arguments.count:
                break
    done = subprocess.run([arguments.golden, str(folder / "list.txt")], capture_output=True, text=True, timeout=1200)
    wrong = [line for line in done.stdout.splitlines() if line.split(":")[0] in drawn]
    for line in wrong:
        print(line, "\n   ", drawn[line.split(":")[0]])
    if done.returncode not in (0, 1) or (done.returncode and not wrong):
        print(done.stdout[-2000:], done.stderr[-2000:], f"status {done.returncode}")
        wrong.append("the program itself")
    print(f"seed {arguments.seed}")
    print(f"{len(drawn) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
