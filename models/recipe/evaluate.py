# SPDX-License-Identifier: Apache-2.0
"""Top-1 and top-5 of the float network and of the int8 model on classes 200-999.

    python evaluate.py PICTURES MODEL.tflite [VARIANT ...]
"""
import sys

import numpy as np
import torch

import litert
import network
import samples


class Tally:
    def __init__(self, name):
        self.name, self.first, self.five, self.count = name, 0, 0, 0

    def add(self, scores, truth):
        # Equal scores: the lowest index first, as the service does.
        best = np.argsort(-scores.astype(np.float64), kind="stable")[:5]
        self.first += int(best[0] == truth)
        self.five += int(truth in best)
        self.count += 1

    def __str__(self):
        return (f"{self.name:14} top-1 {100 * self.first / self.count:5.2f} %  "
                f"top-5 {100 * self.five / self.count:5.2f} %  ({self.first}/{self.count})")


def torch_runner():
    reference = network.network()

    def run(image):
        nchw = np.ascontiguousarray(samples.normalised(image).transpose(2, 0, 1)[None])
        with torch.no_grad():
            return reference(torch.from_numpy(nchw))[0].numpy()
    return run


def int8_runner(path):
    run = litert.runner(path)
    return lambda image: run(samples.int8_input(image)[None])


def main():
    folder, model, *variants = sys.argv[1:]
    paths = samples.paths(folder)
    runners = {"float torch": torch_runner(), "int8 LiteRT": int8_runner(model)}
    for variant in variants or samples.VARIANTS:
        tallies = {name: Tally(name) for name in runners}
        for truth in samples.HELD_OUT:
            image = samples.pixels(paths[truth], variant)
            for name, run in runners.items():
                tallies[name].add(run(image), truth)
        print(variant)
        for tally in tallies.values():
            print("   ", tally, flush=True)


if __name__ == "__main__":
    main()
