# SPDX-License-Identifier: Apache-2.0
"""Compares the Keras network with the package's PyTorch network on random and extreme inputs."""
import sys

import numpy as np
import torch

import network


def main():
    weights = network.torch_weights()
    keras, reference = network.keras_network(weights), network.torch_network()
    rng = np.random.default_rng(1)
    worst = 0.0
    for kind in range(6):
        image = rng.uniform(-1, 1, (1, network.SIZE, network.SIZE, 3)).astype(np.float32)
        if kind >= 3:    # smooth pictures give larger logits than noise
            coarse = rng.uniform(-1, 1, (1, 7, 7, 3)).astype(np.float32)
            image = coarse.repeat(32, axis=1).repeat(32, axis=2)
        with torch.no_grad():
            logits = reference(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()))
        expected = torch.softmax(logits, 1).numpy()
        worst = max(worst, float(np.abs(keras(image).numpy() - expected).max()))
    print(f"largest difference of any probability, torch against tensorflow: {worst:.2e}")
    return 0 if worst < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
