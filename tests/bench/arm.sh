#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# arm.sh BUILDDIR SYSROOT   what can be said about ARM without a board, as markdown: MAC/cycle of the inner loops by
# llvm-mca, and the instructions that one inference executes, exactly, by qemu-user's plugin interface.
# Neither is a time: caches and memory are not in it.
set -eu
build=$1 sysroot=$2
cd "$(dirname "$0")/../.."
objects=$build/obj/kernels/arm
plugin=$build/insn_count.so
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

# One row: loop, object, function, share of the counted products that a layer needs, cores.
loop() { # NAME OBJECT FUNCTION USEFUL
    tests/bench/mca_loop.py -f "$3" "$objects/$2.o" | awk -v name="$1" -v useful="$4" '
        { for (i = 1; i <= NF; i++) if ($i == "a53" || $i == "a72" || $i == "a76") core[$i] = $(i + 2) * useful
          printf "| %s | %.2f | %.2f | %.2f |\n", name, core["a53"], core["a72"], core["a76"] }'
}

# Instructions (million) of one inference: (3 runs - 1 run) / 2, without time_run, which fills the input with noise.
count_one() { # CPU KERNELS MODEL
    local runs
    for runs in 1 3; do
        env -i QEDGE_CPU="$2" qemu-aarch64 -L "$sysroot" -cpu "$1" -plugin "$plugin,sym=on" -d plugin -D "$work/$runs" \
            "$build/qmodel" bench --runs "$runs" "$3" >/dev/null
    done
    awk 'FNR == 1 { split($1, all, "="); total[++file] = all[2]; next } $2 == "time_run" { noise[file] = $1 }
         END { printf "%.1f", (total[2] - total[1] - noise[2] + noise[1]) / 2e6 }' "$work/1" "$work/3"
}

echo "gcc $("${CROSS:-aarch64-linux-gnu-}gcc" -dumpversion), llvm-mca $(llvm-mca-19 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p')," \
    "qedge $(git describe --always --dirty 2>/dev/null || echo unknown). Modelled; no board was measured."
printf '\n| inner loop, MAC/cycle | A53 | A72 | A76 |\n|---|---|---|---|\n'
loop "matrix product, neon" gemm_neon 'gemm_neon_tiles$' 1
loop "matrix product, neondot" gemm_neondot 'gemm_neondot_tiles$' 1
loop "depthwise 3x3 stride 1 with scaling, neon" depthwise_neon 'strip_3x3_stride1$' 1
loop "depthwise 3x3 stride 2 with scaling, neon" depthwise_neon 'strip_3x3_stride2$' 1
loop "depthwise 3x3 stride 1 with scaling, neondot" columns_neondot 'columns_stride1_neondot$' 0.75
loop "depthwise 3x3 stride 2 with scaling, neondot" columns_neondot 'columns_stride2_neondot$' 0.75

printf '\n| inner loop, MAC/cycle | Neoverse N2 | Neoverse V1 |\n|---|---|---|\n'
tests/bench/mca_loop.py --cores n2=neoverse-n2,v1=neoverse-v1 -f 'gemm_neoni8mm_tiles$' "$objects/gemm_neoni8mm.o" | awk '
    { for (i = 1; i <= NF; i++) if ($i == "n2" || $i == "v1") core[$i] = $(i + 2)
      printf "| matrix product, neoni8mm | %.2f | %.2f |\n", core["n2"], core["v1"] }'

printf '\n| million instructions an inference | neon (A53, A72) | neondot (A76) | neoni8mm |\n|---|---|---|---|\n'
gcc -O2 -shared -fPIC tests/bench/insn_count.c -o "$plugin"
for model in ../shared/models/mlperf_tiny/ic_resnet8_int8.tflite models/efficientnet_lite0_int8.tflite ../shared/models/coral/tf2_mobilenet_v2_1.0_224_ptq.tflite \
    ../shared/models/coral/mobilenet_v2_1.0_224_quant.tflite ../shared/models/nxp/mobilenet_v1_1.0_224_quant.tflite; do
    [ -r "$model" ] || { echo "left out, not there: $model" >&2; continue; }
    echo "| $(basename "$model" .tflite) | $(count_one cortex-a72 neon "$model") | $(count_one cortex-a76 neon,neondot "$model") |" \
        "$(count_one max,pauth-impdef=on neon,neondot,neoni8mm "$model") |"
done
