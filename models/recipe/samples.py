# SPDX-License-Identifier: Apache-2.0
"""The picture sample and the pre-processing variants.

The sample is one picture for each ImageNet class, named nXXXXXXXX_name.JPEG, from the public
repository EliSchwartz/imagenet-sample-images (fetch it yourself; it is not part of qedge).
Sorted by name, the position is the class index.
"""
from pathlib import Path

import numpy as np
from PIL import Image

from network import MEAN, SIZE, STD

CALIBRATION = range(0, 200)    # never used to report accuracy
HELD_OUT = range(200, 1000)    # never used to calibrate


def paths(folder):
    found = sorted(Path(folder).glob("n????????_*.JPEG"))
    if len(found) != 1000:
        raise SystemExit(f"{folder}: expected 1000 pictures, found {len(found)}")
    return found


def crop_box(width, height, fraction):
    side = min(width, height) * fraction
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


# name: (crop fraction of the short side, or None to squash; filter)
VARIANTS = {
    "centre": (1.0, Image.Resampling.BOX),            # what qedged does by default
    "centre-bilinear": (1.0, Image.Resampling.BILINEAR),
    "squash": (None, Image.Resampling.BOX),
    "crop-0.875": (0.875, Image.Resampling.BOX),
    "crop-0.875-bicubic": (0.875, Image.Resampling.BICUBIC),   # the training code's evaluation
}


def pixels(path, variant="centre"):
    """uint8 RGB [SIZE, SIZE, 3]"""
    fraction, how = VARIANTS[variant]
    picture = Image.open(path).convert("RGB")
    box = None if fraction is None else crop_box(*picture.size, fraction)
    return np.asarray(picture.resize((SIZE, SIZE), how, box=box))


def normalised(image):
    return (image.astype(np.float32) - MEAN) / STD


def int8_input(image):
    """The model's input scale is 1/128 and its zero point -1: (p - 127) / 128 becomes p - 128."""
    return (image.astype(np.int16) - 128).astype(np.int8)
