# SPDX-License-Identifier: Apache-2.0
"""Writes the golden vectors that `make check` verifies without Python (tests/golden/*.txt).

    python make_golden.py

Each list is text, one item a line:
    model FILE                from the top of the repository
    case SOURCE               the input, see inputs.py
    within N                  largest difference allowed, in steps (float outputs: absolute)
    output HEX                one line an output: its bytes, little endian
Outputs are those of LiteRT's default kernels on x86-64.
"""
import json

import numpy as np

import inputs
import litert
import models

GOLDEN = inputs.TOP / "tests" / "golden"


def picture_inputs():
    """Two pictures as raw 224 x 224 RGB, made once from the demo pictures."""
    folder = GOLDEN / "inputs"
    folder.mkdir(exist_ok=True)
    for name in ("espresso.png", "macaw.jpg"):
        file = folder / (name.split(".")[0] + ".rgb")
        if not file.exists():
            file.write_bytes(models.picture_bytes(models.PICTURES / name, (1, 224, 224, 3)).tobytes())
        yield f"pixels {models.relative(file)}"


def known_answers():
    """{model file: [(input file, reference output)]} of the shared golden inputs"""
    answers = {}
    path = models.SHARED / "datasets" / "goldens" / "expected.json"
    if path.exists():
        for case in json.loads(path.read_text())["cases"]:
            file = path.parent / case["input"]
            answers.setdefault(case["model"], []).append((file, case.get("output")))
    return answers


def write_case(out, path, runner, source):
    types = runner.input_types()
    outputs = runner.run(inputs.make(types, source))
    out.write(f"case {source}\nwithin {models.allowed(path)}\n")
    for output in outputs:
        out.write(f"output {output.tobytes().hex()}\n")


def write_list(name, head, entries):
    """entries: [(model path, [source])]"""
    count = 0
    with open(GOLDEN / name, "w") as out:
        out.write(f"# {head}\n# Written by tests/oracle/make_golden.py; the format is described there.\n")
        for path, sources in entries:
            try:
                runner = litert.Runner(path)
            except (ValueError, RuntimeError) as error:
                print(f"{path.name}: LiteRT refuses it: {str(error).strip().splitlines()[0]}")
                continue
            out.write(f"model {models.relative(path)}\n")
            for source in sources:
                write_case(out, path, runner, source)
                count += 1
    print(f"{name}: {count} cases")


def shared_sources(path, answers):
    types = litert.Runner(path).input_types()
    sources = ["noise 1"]
    if models.is_picture_input(types):
        sources.append("blocks 7 16")
    if types[0][0] == (1, 224, 224, 3):
        sources += picture_inputs()
    known = answers.get(str(path.relative_to(models.SHARED / "models")), [])
    return sources + [f"raw {models.relative(file)}" for file, _ in known]


def shared_entries():
    answers = known_answers()
    for path in models.shared_classifiers():
        try:
            yield path, shared_sources(path, answers)
        except (ValueError, RuntimeError) as error:
            print(f"{path.name}: LiteRT refuses it: {str(error).strip().splitlines()[0]}")


def main():
    write_list("operators.txt", "One operator a model, tests/golden/models.",
               [(path, ["noise 1", "noise 20"]) for path in models.operator_models()])
    write_list("default_model.txt", "The default model.",
               [(models.DEFAULT_MODEL, ["noise 1", "blocks 3 32", "blocks 9 8", *picture_inputs()])])
    if models.shared_classifiers():
        write_list("shared.txt", "Models of ../shared/models; skipped where that folder is not there.",
                   shared_entries())


if __name__ == "__main__":
    main()
