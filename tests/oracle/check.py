# SPDX-License-Identifier: Apache-2.0
"""Compares `qmodel run` with LiteRT, model by model, and prints the table of docs/QUANTIZATION.md.

    python check.py [--qmodel build/qmodel] [--pictures N] [--table FILE] [MODEL ...]

Every model gets the same input tensors three times: through qmodel, through LiteRT's default kernels
and through its reference kernels. A model fails when it differs from the default kernels by more than
models.allowed says (whole numbers: not at all), or when it cannot be run. Ends with "N passed, N failed".
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import inputs
import litert
import models

REFERENCE_SECONDS = 3.0     # stop asking a model's reference kernels after this long: they are slow


class Refused(Exception):
    pass


class Qmodel:
    def __init__(self, program):
        self.program, self.folder = program, tempfile.TemporaryDirectory()
        self.source, self.sink = (Path(self.folder.name) / name for name in ("in.bin", "out.bin"))

    def run(self, path, tensors, like):
        """All inputs one after the other go in; out come tensors shaped as `like`."""
        self.source.write_bytes(b"".join(np.ascontiguousarray(t).tobytes() for t in tensors))
        self.sink.unlink(missing_ok=True)
        done = subprocess.run([self.program, "run", str(path), "--input", str(self.source),
                               "--output", str(self.sink)], capture_output=True, text=True, timeout=1200)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
            raise Refused(lines[-1])
        content, outputs, at = self.sink.read_bytes(), [], 0
        for array in like:
            outputs.append(np.frombuffer(content[at:at + array.nbytes], array.dtype).reshape(array.shape))
            at += array.nbytes
        if at != len(content):
            raise Refused(f"{len(content)} bytes came out, LiteRT gives {at}")
        return outputs


class Against:
    """What was seen against one set of LiteRT's kernels."""

    def __init__(self):
        self.count = self.equal = self.top_equal = 0
        self.worst = 0.0

    def add(self, got, want):
        difference = max((float(np.max(np.abs(g.astype(np.float64) - w))) for g, w in zip(got, want) if w.size),
                         default=0.0)
        if not all(np.isfinite(g).all() == np.isfinite(w).all() for g, w in zip(got, want)):
            difference = float("inf")
        self.count += 1
        self.equal += all(g.tobytes() == w.tobytes() for g, w in zip(got, want))
        self.top_equal += all(np.argmax(g) == np.argmax(w) for g, w in zip(got, want))
        self.worst = max(self.worst, difference)

    def cells(self):
        if not self.count:
            return ["–", "–", "–"]
        return [f"{self.equal}/{self.count}", f"{self.worst:.3g}", f"{self.top_equal}/{self.count}"]


class Row:
    def __init__(self, path, allowed=0):
        self.name = models.relative(path).removeprefix("../shared/models/").removesuffix(".tflite")
        self.default, self.reference, self.note = Against(), Against(), ""
        self.allowed = allowed
        self.skipped = False

    def passed(self):
        return self.default.count > 0 and self.default.worst <= self.allowed and not self.note

    def __str__(self):
        cells = [self.name, *self.default.cells(), *self.reference.cells(), self.note]
        return "| " + " | ".join(cells) + " |"


def digit_input(digit, shape, dtype):
    """The float digit models take 0 to 1."""
    if dtype == np.float32:
        return (digit.astype(np.float32) / np.float32(255)).reshape(shape)
    return inputs.from_pixels(digit.reshape(-1), dtype).reshape(shape)


def sources(types, pictures):
    """Inputs for a model: lists of tensors."""
    yield inputs.noise(types, 1)
    yield inputs.noise(types, 2)
    if not models.is_picture_input(types):
        return
    (shape, dtype), = types
    yield inputs.blocks(types, 7, 16)
    if shape[1:] == (28, 28, 1):
        digits = models.mnist_digits(10 * len(pictures))
        for digit in digits[0] if digits else []:
            yield [digit_input(digit, shape, dtype)]
        return
    for picture in pictures:
        yield [inputs.from_pixels(models.picture_bytes(picture, shape).reshape(-1), dtype).reshape(shape)]


def compare_model(qmodel, path, pictures):
    default = litert.Runner(path)
    reference = litert.Runner(path, litert.REFERENCE)
    row = Row(path, models.allowed(path))
    if default.repaired:
        row.name += " (LiteRT: a repaired copy)"
    spent = 0.0
    for tensors in sources(default.input_types(), pictures):
        want = default.run(tensors)
        try:
            got = qmodel.run(path, tensors, want)
        except Refused as refusal:
            row.note = "refused: " + str(refusal).rsplit("): ", 1)[-1]
            return row
        row.default.add(got, want)
        if spent < REFERENCE_SECONDS:
            begin = time.monotonic()
            row.reference.add(got, reference.run(tensors))
            spent += time.monotonic() - begin
    return row


def check_operators(qmodel):
    """One row for all one-operator models; each is judged by its own allowance, the note names those that differ."""
    total, wrong = Row(models.OPERATORS, float("inf")), []
    total.name = f"{len(models.operator_models())} models of one operator"
    for path in models.operator_models():
        row = compare_model(qmodel, path, [])
        if row.note or row.default.worst > row.allowed:
            wrong.append(f"{path.stem} ({row.note or f'{row.default.worst:g}'})")
        for mine, other in ((total.default, row.default), (total.reference, row.reference)):
            mine.count, mine.equal = mine.count + other.count, mine.equal + other.equal
            mine.top_equal, mine.worst = mine.top_equal + other.top_equal, max(mine.worst, other.worst)
    total.note = "differ: " + ", ".join(wrong) if wrong else ""
    return total


def check_known_answers():
    """The oracle itself: LiteRT's reference kernels must give the published outputs."""
    path = models.SHARED / "datasets" / "goldens" / "expected.json"
    if not path.exists():
        return None
    wrong = total = 0
    for case in json.loads(path.read_text())["cases"]:
        if "output" not in case:
            continue
        runner = litert.Runner(models.SHARED / "models" / case["model"], litert.REFERENCE)
        got = runner.run(inputs.make(runner.input_types(), f"raw {models.relative(path.parent / case['input'])}"))
        total += 1
        wrong += got[0].reshape(-1).tolist() != case["output"]
    return total - wrong, total


def digits_accuracy(qmodel, count):
    """Top-1 of the digit models on the first test digits, qmodel and LiteRT."""
    digits = models.mnist_digits(count)
    for path in models.shared_classifiers() if digits else []:
        try:
            runner = litert.Runner(path)
            (shape, dtype), *_ = runner.input_types()
            if tuple(shape[1:]) != (28, 28, 1):
                continue
            hits = [0, 0]
            for image, label in zip(*digits):
                tensors = [digit_input(image, shape, dtype)]
                want = runner.run(tensors)
                hits[0] += int(np.argmax(qmodel.run(path, tensors, want)[0])) == label
                hits[1] += int(np.argmax(want[0])) == label
            yield f"{path.stem}: {hits[0]} of {count} test digits right, LiteRT {hits[1]}"
        except (Refused, ValueError, RuntimeError):
            continue


HEAD = """| model | bytes equal | max difference | top-1 equal | bytes equal | max difference | top-1 equal | note |
|---|---|---|---|---|---|---|---|"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--qmodel", default=str(inputs.TOP / "build" / "qmodel"))
    parser.add_argument("--pictures", type=int, default=5, help="demo pictures a model gets")
    parser.add_argument("--table", help="write the table there too")
    parser.add_argument("models", nargs="*")
    arguments = parser.parse_args()
    qmodel = Qmodel(arguments.qmodel)
    pictures = sorted(p for p in models.PICTURES.iterdir() if p.suffix in (".jpg", ".png"))[:arguments.pictures]
    rows, table, skipped = [], [], 0
    paths = [Path(m).resolve() for m in arguments.models] or [models.DEFAULT_MODEL, *models.shared_classifiers()]
    print("First three columns: against LiteRT's default kernels; next three: against its reference kernels.\n")
    print(HEAD)
    for path in paths:
        try:
            row = compare_model(qmodel, path, pictures)
        except (ValueError, RuntimeError) as error:
            row = Row(path)
            row.note, row.skipped = f"LiteRT refuses it: {str(error).split('.')[0][:60]}", True
        skipped += row.skipped
        rows += [] if row.skipped else [row]
        table.append(str(row))
        print(row, flush=True)
    if not arguments.models:
        rows.append(check_operators(qmodel))
        table.append(str(rows[-1]))
        print(rows[-1])
    if arguments.table:
        Path(arguments.table).write_text("\n".join([HEAD, *table]) + "\n")
    failed = sum(not row.passed() for row in rows)
    answers = None if arguments.models else check_known_answers()
    if answers:
        print(f"\nLiteRT's reference kernels give {answers[0]} of {answers[1]} published outputs exactly.")
        failed += answers[0] != answers[1]
    for line in digits_accuracy(qmodel, 20 * arguments.pictures) if not arguments.models else []:
        print(line)
    print(f"{len(rows) + bool(answers) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
