#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cycles of the hottest multiply-accumulate loop of an AArch64 object, per core, by llvm-mca.

usage: mca_loop.py [-v] [-f FUNCTION_REGEX] [--outer] [--cores n2=neoverse-n2,...] OBJECT.o ...
  needs Debian's llvm-19 and binutils-aarch64-linux-gnu. Build the object as the project does, e.g.
  aarch64-linux-gnu-gcc -O3 -march=armv8.2-a+dotprod -c kernel.c -o kernel.o
Prints, per object: MACs in the loop body, instructions, and for each core cycles per iteration and MAC/cycle.
--outer takes loops that contain loops too (a kernel whose inner loop was unrolled away).

A model, not hardware: no cache misses. llvm's "cortex-a76" is the A57 model; neoverse-n1 is the same core as A76, so it
stands for it here. Peaks to compare with: A53 5.33 (mull+sadalp), A72 8 (mull+sadalp), A76 32 (sdot), N2 64 and V1 128 (smmla).
MACs counted: smull/smlal .8h<-8b 8, .4s<-4h 4; mul/mla .8h 8; sdot/usdot .4s 16; smmla .4s 32.
"""
import argparse, re, subprocess, sys

CORES = [("cortex-a53", "a53"), ("cortex-a55", "a55"), ("cortex-a72", "a72"), ("neoverse-n1", "a76")]
ITERATIONS = 400


def macs(op, args):
    dest = args.replace(" ", "").split(",")[0]
    if re.fullmatch(r"[su]ml?(ull|lal)2?|[su]mull2?|[su]mlal2?", op):
        return 8 if dest.endswith(".8h") else 4 if dest.endswith(".4s") else 0
    if op in ("mul", "mla"):
        return {"8h": 8, "16b": 16, "4h": 4, "4s": 4}.get(dest.rsplit(".", 1)[-1], 0)
    if op in ("sdot", "udot", "usdot"):
        return 16 if dest.endswith(".4s") else 8
    if op in ("smmla", "ummla", "usmmla"):
        return 32
    return 0


def disassemble(obj):
    text = subprocess.check_output(["aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", obj], text=True)
    out, fn = [], ""
    for line in text.splitlines():
        if m := re.match(r"^[0-9a-f]+ <(.*)>:", line):
            fn = m.group(1)
        elif m := re.match(r"^\s+([0-9a-f]+):\s+(\S+)\s*(.*)$", line):
            out.append((int(m.group(1), 16), m.group(2), m.group(3).split("//")[0].strip(), fn))
    return out


def is_branch(op):
    return op == "b" or op.startswith("b.") or op in ("cbz", "cbnz", "tbz", "tbnz")


def loops(insns, outer):
    at = {a: i for i, (a, *_rest) in enumerate(insns)}
    found = []
    for i, (addr, op, args, _fn) in enumerate(insns):
        if is_branch(op) and (m := re.search(r"([0-9a-f]+) <", args)):
            target = int(m.group(1), 16)
            if target in at and target <= addr:
                found.append((at[target], i))
    if outer:
        return found
    return [l for l in found if not any(o != l and o[0] >= l[0] and o[1] <= l[1] for o in found)]


def cycles(body, cpu):
    asm = ".Lx:\n" + "".join("%s %s\n" % (op, re.sub(r"[0-9a-f]+ <[^>]*>", ".Lx", args)) for _, op, args, _ in body)
    r = subprocess.run(
        ["llvm-mca-19", "-mtriple=aarch64", "-mcpu=" + cpu, "-mattr=+dotprod,+i8mm,+fullfp16",
         "-iterations=%d" % ITERATIONS, "-resource-pressure=0", "-instruction-info=0"],
        input=asm, text=True, capture_output=True)
    m = re.search(r"Total Cycles:\s+(\d+)", r.stdout)
    if not m:
        sys.exit("llvm-mca-19 gave no figure: " + r.stderr.strip()[:400])
    return int(m.group(1)) / ITERATIONS


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-v", action="store_true", help="print the loop")
    ap.add_argument("-f", default="", help="only functions whose name matches")
    ap.add_argument("--outer", action="store_true")
    ap.add_argument("--cores", help="name=llvm's name, ...; default: a53, a55, a72, a76")
    ap.add_argument("objects", nargs="+")
    a = ap.parse_args()
    cores = [tuple(reversed(c.split("="))) for c in a.cores.split(",")] if a.cores else CORES
    status = 0
    for obj in a.objects:
        insns = [i for i in disassemble(obj) if re.search(a.f, i[3])]
        best = max(((sum(macs(b[1], b[2]) for b in insns[s:e + 1]), s, e) for s, e in loops(insns, a.outer)), default=(0, 0, 0))
        if not best[0]:
            print("%-48s no loop with MACs" % obj)
            status = 1
            continue
        n, s, e = best
        body = [b for b in insns[s:e] if not is_branch(b[1])] + [insns[e]]
        cols = []
        for cpu, name in cores:
            c = cycles(body, cpu)
            cols.append("%s %.1fc %.2f" % (name, c, n / c))
        print("%-48s %-36s MAC %4d insn %4d  %s" % (obj, insns[s][3], n, len(body), "  ".join(cols)))
        if a.v:
            for _, op, args, _ in body:
                print("    ", op, args)
    sys.exit(status)


if __name__ == "__main__":
    main()
