# SPDX-License-Identifier: Apache-2.0
"""Compares the imported float net, run by LiteRT, with PyTorch's on random and extreme inputs.

    python check_import.py FLOAT.tflite
"""
import sys

import numpy as np
import torch

import litert
import network


def inputs():
    """float32 [1, 224, 224, 3]: noise, and smooth pictures, which give larger scores than noise."""
    rng = np.random.default_rng(1)
    for _ in range(3):
        yield rng.uniform(-1, 1, (1, network.SIZE, network.SIZE, 3)).astype(np.float32)
    for _ in range(3):
        coarse = rng.uniform(-1, 1, (1, 7, 7, 3)).astype(np.float32)
        yield coarse.repeat(32, axis=1).repeat(32, axis=2)


def main():
    reference, imported = network.network(), litert.runner(sys.argv[1])
    worst = 0.0
    for values in inputs():
        with torch.no_grad():
            expected = reference(torch.from_numpy(values.transpose(0, 3, 1, 2).copy()))[0].numpy()
        worst = max(worst, float(np.abs(imported(values) - expected).max()))
    print(f"largest difference of any probability, PyTorch against the imported file in LiteRT: {worst:.2e}")
    return 0 if worst < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
