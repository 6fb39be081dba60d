#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`qmodel bench` against itself with another option, in turns, as a markdown table.

    pairs_bench.py threads|bands QMODEL ROUNDS MODEL...

threads: one thread against two on one frame. bands: each layer on its own (--cache 0) against layers in bands of
rows as the engine chooses, one thread and two; for models in which it chooses any, for a cache of --cache KIB when
QEDGE_BENCH_CACHE says one. Rounds are A B A B; shown are the medians of the rounds' shortest and of their median
times, and the ratio of the shortest with its range.
"""
import json
import os
import statistics
import subprocess
import sys

SECONDS = 0.15


def bench(qmodel, model, options, runs):
    command = [qmodel, "bench", model, "--json", "--runs", str(runs), *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def pair(qmodel, model, rounds, options):
    """Rows of (min, median) for both options, rounds of A B."""
    runs = max(20, int(SECONDS * 1e6 / bench(qmodel, model, options[0], 20)["median_us"]))
    times = ([], [])
    for _ in range(rounds):
        for side in (0, 1):
            answer = bench(qmodel, model, options[side], runs)
            times[side].append((answer["min_us"], answer["median_us"]))
    return times


def row(model, what, times):
    least = [statistics.median(t[0] for t in side) for side in times]
    medians = [statistics.median(t[1] for t in side) for side in times]
    ratios = sorted(a[0] / b[0] for a, b in zip(*times))
    print(f"| {os.path.basename(model)} | {what} | {least[0]:.0f} | {least[1]:.0f} | {medians[0]:.0f} | {medians[1]:.0f} "
          f"| **{least[0] / least[1]:.2f}** | {ratios[0]:.2f} … {ratios[-1]:.2f} |", flush=True)


def threads(qmodel, rounds, models):
    print("| model | | one, shortest µs | two | one, median µs | two | one / two, shortest | smallest … largest |")
    print("|---|---|---|---|---|---|---|---|")
    for model in models:
        row(model, "", pair(qmodel, model, rounds, (["--threads", "1"], ["--threads", "2"])))


def count_bands(qmodel, model, options):
    layers = bench(qmodel, model, ["--layers", *options], 1)["layers"]
    return sum(layer["kernel"].startswith("bands_") for layer in layers)


def bands(qmodel, rounds, models):
    cache = os.environ.get("QEDGE_BENCH_CACHE")
    chosen = ["--cache", cache] if cache else []
    print("| model | threads, chains | whole, shortest µs | bands | whole, median µs | bands | whole / bands, shortest "
          "| smallest … largest |")
    print("|---|---|---|---|---|---|---|---|")
    for model in models:
        count = count_bands(qmodel, model, chosen)
        for number in ("1", "2") if count else ():
            row(model, f"{number}, {count}", pair(qmodel, model, rounds, (["--threads", number, "--cache", "0"],
                                                                          ["--threads", number, *chosen])))
        if not count:
            print(f"| {os.path.basename(model)} | no picture is big enough | | | | | | |")


def main():
    what, qmodel, rounds, models = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    {"threads": threads, "bands": bands}[what](qmodel, rounds, models)


main()
