#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole service measured: frames with one and two workers, memory, what the motion gate saves, start to first result.

    service_bench.py BUILD [--rounds 3] [--seconds 3]

Prints rows of a markdown table: what, measured, against what, budget.
"""
import argparse
import contextlib
import glob
import grp
import json
import os
import re
import statistics
import subprocess
import tempfile
import time

MODEL = os.path.abspath("models/efficientnet_lite0_int8.tflite")
PICTURES = os.path.abspath("models/pictures")


def write_config(folder, source, threads, mode, keys=None):
    path = os.path.join(folder, "qedged.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({  # JSON is YAML
            "socket": os.path.join(folder, "socket"),
            "socket_group": grp.getgrgid(os.getgid()).gr_name,  # as installed: one that is there
            "log_level": "error",
            "workers": {"threads": threads},
            "streams": [{"name": "bench", "source": source, "model": {"path": MODEL}, "mode": mode, **(keys or {})}],
        }, file)
    return path


@contextlib.contextmanager
def daemon(build, source, threads, mode="throughput", keys=None):
    """A running qedged, as (process, function that gives its status)."""
    with tempfile.TemporaryDirectory(prefix="qedge-bench.") as folder:
        config = write_config(folder, source, threads, mode, keys)
        process = subprocess.Popen([f"{build}/qedged", "--config", config])
        def status():
            answer = subprocess.run([f"{build}/qctl", "--socket", os.path.join(folder, "socket"), "status", "--json"],
                                    capture_output=True, text=True)
            return json.loads(answer.stdout) if answer.returncode == 0 else None
        try:
            deadline = time.monotonic() + 10
            while not ((now := status()) and now["streams"][0]["frames_published"] > 0):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("service_bench: qedged published nothing")
                time.sleep(0.02)
            yield process, status
        finally:
            process.terminate()
            process.wait(timeout=10)


def frames_per_second(build, threads, seconds):
    with daemon(build, {"type": "pattern", "size": "640x480", "fps": "max"}, threads) as (_, status):
        time.sleep(0.3)
        first, start = status()["streams"][0]["frames_published"], time.monotonic()
        time.sleep(seconds)
        last, end = status()["streams"][0]["frames_published"], time.monotonic()
        return (last - first) / (end - start)


def workers_row(build, rounds, seconds):
    pairs = [(frames_per_second(build, 1, seconds), frames_per_second(build, 2, seconds)) for _ in range(rounds)]
    ratio = statistics.median(two / one for one, two in pairs)
    one = statistics.median(one for one, _ in pairs)
    return "two workers / one worker, frames", f"{ratio:.2f} x", f"one worker: {one:.0f} frames/s", "≥ 1.9 x"


def unique_bytes(pid):
    """What is the process's own, and its libraries as if nobody else used them; but libc, libm and the loader."""
    total, name = 0, ""
    with open(f"/proc/{pid}/smaps", encoding="ascii") as file:
        for line in file:
            if mapping := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)", line):
                name = mapping[1]
            elif size := re.match(r"(Private|Shared)_(?:Clean|Dirty):\s+(\d+)", line):
                lone = name.startswith("/") and not re.search(r"/(libc|libm|ld-linux[^/]*)\.so", name)
                if size[1] == "Private" or lone:
                    total += 1024 * int(size[2])
    return total


def arena_bytes(build):
    answer = subprocess.run([f"{build}/qmodel", "info", "--json", MODEL], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)["arena_bytes"]


def memory_row(build):
    with daemon(build, {"type": "pattern", "size": "640x480", "fps": 30}, 1) as (process, _):
        time.sleep(12)  # until the last ten seconds' latencies are all there
        unique = unique_bytes(process.pid)
    file, arena = os.path.getsize(MODEL), arena_bytes(build)
    budget = file + arena + (4 << 20)
    mib = 1 / (1 << 20)
    return ("memory of qedged (unique set size, one worker)", f"{unique * mib:.1f} MiB",
            f"model {file * mib:.1f} + arena {arena * mib:.1f} + 4 = {budget * mib:.1f} MiB", f"≤ 1.0: {unique / budget:.2f}")


def first_result_row(build, rounds):
    times = []
    with tempfile.TemporaryDirectory(prefix="qedge-bench.") as folder:
        config = write_config(folder, {"type": "replay", "path": PICTURES, "fps": 30}, "auto", "auto")
        for _ in range(rounds * 5):
            answer = subprocess.run([f"{build}/tests/bench/first_result", os.path.join(folder, "socket"),
                                     f"{build}/qedged", config], capture_output=True, text=True, check=True)
            times.append(float(answer.stdout) / 1000)
    return ("exec to first result, default model, replay", f"{statistics.median(times):.0f} ms",
            f"{min(times):.0f} … {max(times):.0f} ms", "≤ 100 ms")


def cpu_ms_per_second(build, source, keys, seconds):
    """CPU time of the whole process, and the share of results that were gated meanwhile."""
    with daemon(build, source, 1, keys=keys) as (process, status):
        def sample():
            tasks = glob.glob(f"/proc/{process.pid}/task/*/schedstat")
            spent = sum(int(open(task, encoding="ascii").read().split()[0]) for task in tasks)
            stream = status()["streams"][0]
            return spent, time.monotonic(), stream["frames_published"], stream["frames_gated"]
        time.sleep(0.5)
        before = sample()
        time.sleep(seconds)
        spent, elapsed, published, gated = (b - a for a, b in zip(before, sample()))
        return spent / 1e6 / elapsed, gated / published


def gate_row(build, rounds, seconds):
    """A noisy scene in which nothing moves, 640x480 at 30 frames/s: with the gate, without, in turns."""
    ratios, shares = [], []
    with tempfile.TemporaryDirectory(prefix="qedge-bench.") as folder:
        scene = os.path.join(folder, "still.y4m")
        subprocess.run([f"{build}/tests/integration/make_scene", scene, "30", "30", "4"], check=True)
        source = {"type": "replay", "path": scene, "fps": 30}
        for _ in range(rounds):
            plain, none = cpu_ms_per_second(build, source, None, seconds)
            gated, share = cpu_ms_per_second(build, source, {"gate": {"threshold": 0.5}}, seconds)
            if none or share < 0.9:
                raise SystemExit(f"service_bench: {none:.0%} gated without the gate, {share:.0%} with it")
            ratios.append(gated / plain)
            shares.append((plain, gated))
    plain, gated = (statistics.median(column) for column in zip(*shares))
    return ("CPU time of a gated still scene / of the same inferred", f"{100 * statistics.median(ratios):.0f} %",
            f"{gated:.1f} against {plain:.1f} ms a second, 30 frames/s", "≤ 15 %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    for row in (lambda: workers_row(options.build, options.rounds, options.seconds),
                lambda: memory_row(options.build),
                lambda: gate_row(options.build, options.rounds, options.seconds),
                lambda: first_result_row(options.build, options.rounds)):
        print("| " + " | ".join(row()) + " |", flush=True)


if __name__ == "__main__":
    main()
