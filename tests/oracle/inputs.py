# SPDX-License-Identifier: Apache-2.0
"""Input tensors that Python and C (tests/golden/golden_test.c) make alike.

A source is a line of words:
    noise SEED           every element from the stream
    blocks SEED SIZE     [1, h, w, c]: squares of SIZE x SIZE pixels, each filled from the stream
    pixels FILE          raw bytes 0..255; int8 inputs get byte - 128, float inputs (byte - 127.5) / 127.5
    raw FILE             the tensor's own bytes

The stream is xorshift32 from SEED (not 0): s ^= s << 13; s ^= s >> 17; s ^= s << 5; byte = s >> 24.
An int8 element is the byte's bits, a uint8 element the byte, a float element (byte - 128) / 64, an
int16 element (byte - 128) * 128. A model's inputs are filled one after the other from one stream.
FILE is relative to the top of the repository.
"""
from pathlib import Path

import numpy as np

TOP = Path(__file__).resolve().parent.parent.parent


def stream(seed, count):
    out, state = np.empty(count, np.uint8), seed & 0xFFFFFFFF
    for i in range(count):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        out[i] = state >> 24
    return out


def from_bytes(values, dtype):
    """Random bytes to elements."""
    if dtype == np.int8:
        return values.view(np.int8)
    if dtype == np.uint8:
        return values
    if dtype == np.float32:
        return (values.astype(np.float32) - 128) / 64
    if dtype == np.int16:
        return (values.astype(np.int16) - 128) * 128
    raise ValueError(f"no random inputs of type {dtype}")


def from_pixels(values, dtype):
    if dtype == np.int8:
        return (values.astype(np.int16) - 128).astype(np.int8)
    if dtype == np.uint8:
        return values
    if dtype == np.float32:
        return (values.astype(np.float32) - np.float32(127.5)) / np.float32(127.5)
    raise ValueError(f"no pictures for type {dtype}")


def noise(types, seed):
    sizes = [int(np.prod(shape)) for shape, _ in types]
    values = np.split(stream(seed, sum(sizes)), np.cumsum(sizes)[:-1])
    return [from_bytes(v, dtype).reshape(shape) for v, (shape, dtype) in zip(values, types)]


def blocks(types, seed, size):
    (shape, dtype), = types
    _, height, width, channels = shape
    rows, columns = -(-height // size), -(-width // size)
    grid = stream(seed, rows * columns * channels).reshape(rows, columns, channels)
    image = grid.repeat(size, 0).repeat(size, 1)[:height, :width]
    return [from_bytes(np.ascontiguousarray(image).reshape(-1), dtype).reshape(shape)]


def make(types, source):
    """types: [(shape, dtype)] of the model's inputs."""
    kind, *words = source.split()
    if kind == "noise":
        return noise(types, int(words[0]))
    if kind == "blocks":
        return blocks(types, int(words[0]), int(words[1]))
    (shape, dtype), = types
    content = (TOP / words[0]).read_bytes()
    if kind == "pixels":
        return [from_pixels(np.frombuffer(content, np.uint8), dtype).reshape(shape)]
    if kind == "raw":
        return [np.frombuffer(content, dtype).reshape(shape)]
    raise ValueError(f"unknown source {source!r}")
