# SPDX-License-Identifier: Apache-2.0
"""Top-1 and top-5 on classes 200-999 with qedge's own decoder, crop, resize and engine.

    python evaluate_qmodel.py PICTURES MODEL.tflite [../../build/qmodel]
"""
import json
import subprocess
import sys

import samples


def main():
    folder, model, *program = sys.argv[1:]
    paths = samples.paths(folder)
    truth = {str(paths[index]): index for index in samples.HELD_OUT}
    command = [program[0] if program else "../../build/qmodel", "run", "--json", model, *truth]
    first = five = 0
    answers = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for path, line in zip(truth, answers, strict=True):
        best = [hit["index"] for hit in json.loads(line)["top"]]
        first += best[0] == truth[path]
        five += truth[path] in best
    count = len(truth)
    print(f"qmodel: top-1 {100 * first / count:.2f} %  top-5 {100 * five / count:.2f} %  ({first}/{count})")


if __name__ == "__main__":
    main()
