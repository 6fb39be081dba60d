#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inference time of LiteRT and of `qmodel bench` on the same models, in turns, as a markdown table.

    litert_bench.py --qmodel build/qmodel [--threads 1,2] [--rounds 7] [--seconds 0.12] MODEL...

A round is A B A B: LiteRT, ours, LiteRT, ours, each for about --seconds; the rounds of one model follow one
another, so that both see the same machine. Printed: the median of the rounds' medians, the median of the
rounds' own ratios LiteRT / ours (above 1: ours is faster) with its smallest and largest, and what it makes of
ours as a share of LiteRT's time. Then, by number of threads, which nets are slower than LiteRT. LiteRT is
called from Python, which adds about half a microsecond to its time.
"""
import argparse
import json
import os
import statistics
import subprocess
import time

import numpy
from ai_edge_litert.interpreter import Interpreter


def litert_prepare(path, threads):
    interpreter = Interpreter(model_path=path, num_threads=threads)  # XNNPACK is its default
    interpreter.allocate_tensors()
    random = numpy.random.default_rng(1)
    for tensor in interpreter.get_input_details():
        kind, shape = tensor["dtype"], tensor["shape"]
        if numpy.issubdtype(kind, numpy.integer):
            limits = numpy.iinfo(kind)
            data = random.integers(limits.min, limits.max, shape, kind, endpoint=True)
        else:
            data = random.random(shape, kind)
        interpreter.set_tensor(tensor["index"], data)
    return interpreter


def litert_median_us(interpreter, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        interpreter.invoke()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1000


def ours_median_us(qmodel, path, threads, runs):
    answer = subprocess.run([qmodel, "bench", path, "--threads", str(threads), "--runs", str(runs), "--json"],
                            check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)["median_us"]


def compare(options, path, threads):
    interpreter = litert_prepare(path, threads)
    runs = max(5, int(options.seconds * 1e6 / max(litert_median_us(interpreter, 5), 1)))
    theirs, ours, ratios = [], [], []
    for _ in range(options.rounds):
        pair = []
        for _ in range(2):
            theirs.append(litert_median_us(interpreter, runs))
            ours.append(ours_median_us(options.qmodel, path, threads, runs))
            pair.append(theirs[-1] / ours[-1])
        ratios.append(statistics.mean(pair))
    return statistics.median(theirs), statistics.median(ours), ratios


def times_text(us):
    return f"{us:.1f}" if us < 100 else f"{us:.0f}"


def measure(options, path, threads):
    """Prints one row; the ratio, or None where LiteRT does not take the file."""
    name = os.path.basename(path)
    try:
        theirs, ours, ratios = compare(options, path, threads)
    except (ValueError, RuntimeError) as error:
        print(f"| {name} | {threads} | refused: {str(error).split('.')[0][:60]} | | | | |", flush=True)
        return None
    ratio = statistics.median(ratios)
    print(f"| {name} | {threads} | {times_text(theirs)} | {times_text(ours)} | **{ratio:.2f}** | "
          f"{1 / ratio:.2f} | {min(ratios):.2f} … {max(ratios):.2f} |", flush=True)
    return ratio


def print_summary(threads, ratios):
    """ratios: of each net that was measured, by name."""
    slower = [f"{name} ({ratio:.2f})" for name, ratio in ratios.items() if ratio < 1]
    print(f"\n{threads} thread{'s' if threads > 1 else ''}: {len(ratios)} nets, LiteRT / qedge "
          f"{min(ratios.values()):.2f} … {max(ratios.values()):.2f}, geometric mean "
          f"{statistics.geometric_mean(ratios.values()):.2f}; slower than LiteRT: {', '.join(slower) or 'none'}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--qmodel", required=True)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.12)
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    print("| model | threads | LiteRT, µs | qedge, µs | LiteRT / qedge | qedge's share | smallest … largest |")
    print("|---|---|---|---|---|---|---|")
    counts = [int(n) for n in options.threads.split(",")]
    measured = {threads: {} for threads in counts}
    for path in options.models:
        for threads in counts:
            ratio = measure(options, path, threads)
            if ratio is not None:
                measured[threads][os.path.basename(path)] = ratio
    for threads in counts:
        if measured[threads]:
            print_summary(threads, measured[threads])


if __name__ == "__main__":
    main()
