#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILDDIR   what qedge costs, each against the thing named beside it in the same run, as markdown.
#
# Inference needs LiteRT, which comes from PyPI into BUILDDIR/venv-bench; without it that table is left out, and said so.
# The models beside our own lie in ../shared/models; those that are not there are left out too.
# BENCH="inference kinds overhead kernels imaging ring stats service" chooses; BENCH_ROUNDS (7) is how often LiteRT and we take turns.
set -eu
build=$1
cd "$(dirname "$0")/../.."
wanted=${BENCH:-inference kinds overhead kernels imaging ring stats service}
rounds=${BENCH_ROUNDS:-7}

machine() {
    echo "$(grep -m1 -E 'model name|Model' /proc/cpuinfo | sed 's/.*: //'), $(nproc) CPUs, Linux $(uname -r), $(date -u +%F)," \
        "load $(cut -d' ' -f1 /proc/loadavg) at the start, qedge $(git describe --always --dirty 2>/dev/null || echo unknown)"
}

venv() {
    [ -x "$build/venv-bench/bin/pip" ] || python3 -m venv "$build/venv-bench" || return 1
    "$build/venv-bench/bin/pip" install --quiet --disable-pip-version-check -r tests/bench/requirements.txt
}

# Every int8 and uint8 net at hand.
int8_nets() {
    printf '../shared/models/%s\n' nxp/mobilenet_v1_1.0_224_quant.tflite coral/mobilenet_v2_1.0_224_quant.tflite \
        coral/tf2_mobilenet_v2_1.0_224_ptq.tflite coral/mobilenet_edgetpu_0.75_224_ptq.tflite \
        coral/mobilenet_v1_0.25_128_quant.tflite tflite_support/mobilenet_v1_0.25_224_quant.tflite \
        tflite_support/automl_labeler_model.tflite mlperf_tiny/ic_resnet8_int8.tflite mlperf_tiny/ic_resnet_large_int8.tflite \
        mlperf_tiny/vww_96_int8.tflite mlperf_tiny/vww_v01_shape_pack_int8.tflite mlperf_tiny/kws_dscnn_int8.tflite \
        mlperf_tiny/ad01_int8.tflite tflm/person_detect.tflite cfu/mnv2/model_mobilenetv2_160_035.tflite \
        mnist/MNISTnet_uint8_quant.tflite mnist/gitadi_mnist_int8_fc_perchannel.tflite mltk/rock_paper_scissors.tflite \
        mltk/keyword_spotting_mobilenetv2.tflite mit/mcunet_vww.tflite
    echo models/efficientnet_lite0_int8.tflite
}

# LiteRT and qedge in turns on the models that are there.
against_litert() { # MODEL...
    local models=() model
    for model in "$@"; do
        if [ -r "$model" ]; then models+=("$model"); else echo "left out, not there: $model"; fi
    done
    venv >"$build/venv-bench.log" 2>&1 ||
        { echo "left out: LiteRT could not be installed from PyPI"; tail -n 3 "$build/venv-bench.log"; return; }
    "$build/venv-bench/bin/python" tests/bench/litert_bench.py --qmodel "$build/qmodel" --rounds "$rounds" "${models[@]}" 2>"$build/bench-litert.log" ||
        { tail -n 5 "$build/bench-litert.log"; return 1; }
}

bench_inference() {
    local models
    mapfile -t models < <(int8_nets)
    against_litert "${models[@]}"
}

# Float, dynamic-range, float16 and 16x8 models; of VWW each kind, made here from its float model.
bench_kinds() {
    local tiny=../shared/models/mlperf_tiny method made=() data
    for method in dynamic float16 int16x8; do
        [ -r "$tiny/vww_96_float.tflite" ] || break
        data=(); [ "$method" != int16x8 ] || data=(--data models/pictures)
        made+=("$build/vww_96_$method.tflite")
        "$build/qmodel" quantize "$tiny/vww_96_float.tflite" -o "$build/vww_96_$method.tflite" --method "$method" \
            "${data[@]}" >"$build/bench-quantize.log" 2>&1 || { cat "$build/bench-quantize.log"; return 1; }
    done
    against_litert "$tiny/ic_resnet8_float.tflite" "$tiny/vww_96_float.tflite" ../shared/models/cfu/neural_net_svhn_float.tflite \
        ../shared/models/mltk/rock_paper_scissors.float32.tflite ../shared/models/mnist/conv_fc_mnist.tflite \
        ../shared/models/tflite_support/mobilenet_v1_0.25_224_1_default_1.tflite "$tiny/ad_toycar_dynrange.tflite" \
        "$tiny/kws_dscnn_dynrange.tflite" ../shared/models/tflite_support/mobilenet_v2_035_96_embedder_dynrange.tflite \
        ../shared/models/misc/ds_cnn_s_int16x8.tflite "${made[@]}"
}

# What a run costs besides its products.
bench_overhead() {
    echo '```'
    "$build/tests/bench/overhead_bench"
    echo '```'
}

# One frame on two threads against one, small nets and other kinds of models too; then bands of rows with and without.
bench_threads() {
    local models=() model
    for model in ../shared/models/nxp/mobilenet_v1_1.0_224_quant.tflite ../shared/models/coral/mobilenet_v2_1.0_224_quant.tflite \
        ../shared/models/coral/tf2_mobilenet_v2_1.0_224_ptq.tflite models/efficientnet_lite0_int8.tflite \
        ../shared/models/mlperf_tiny/{ic_resnet8_int8,vww_96_int8,kws_dscnn_int8,ad01_int8}.tflite \
        ../shared/models/mlperf_tiny/{ic_resnet8_float,vww_96_float,kws_dscnn_dynrange}.tflite; do
        if [ -r "$model" ]; then models+=("$model"); else echo "left out, not there: $model"; fi
    done
    python3 tests/bench/pairs_bench.py threads "$build/qmodel" "$rounds" "${models[@]}"
}

bench_bands() {
    local models=() model
    for model in ../shared/models/nxp/mobilenet_v1_1.0_224_quant.tflite ../shared/models/coral/mobilenet_v2_1.0_224_quant.tflite \
        ../shared/models/coral/tf2_mobilenet_v2_1.0_224_ptq.tflite models/efficientnet_lite0_int8.tflite \
        ../shared/models/coral/mobilenet_edgetpu_0.75_224_ptq.tflite ../shared/models/mit/mcunet_vww.tflite \
        ../shared/models/mlperf_tiny/vww_96_int8.tflite ../shared/models/tflm/person_detect.tflite; do
        if [ -r "$model" ]; then models+=("$model"); else echo "left out, not there: $model"; fi
    done
    python3 tests/bench/pairs_bench.py bands "$build/qmodel" "$rounds" "${models[@]}"
}

# Each layer's kernels, with their share of this CPU's own peak of int8 dot products.
bench_kernels() {
    echo '```'
    "$build/tests/kernels/conv_test" --bench
    echo '```'
}

# Pre-processing by format; its share of an inference is against MobileNet V2, the budget's yardstick.
bench_imaging() {
    local v2=../shared/models/coral/tf2_mobilenet_v2_1.0_224_ptq.tflite convert infer
    echo '```'
    "$build/tests/bench/imaging_bench" | tee "$build/bench-imaging.log"
    echo '```'
    [ -r "$v2" ] || { echo "share of MobileNet V2 left out, not there: $v2"; return; }
    convert=$(sed -n 's/.*640x480 *YUYV.* \([0-9.]*\) us (min.*/\1/p' "$build/bench-imaging.log" | tail -n 1)
    infer=$("$build/qmodel" bench "$v2" --threads 1 --runs 50 --json | sed 's/.*"median_us":\([0-9.]*\).*/\1/')
    printf '\n640x480 YUYV to 224x224: %s µs, MobileNet V2 int8: %s µs on one thread; share %s %% (budget: 5 %%)\n' \
        "$convert" "$infer" "$(echo "$convert $infer" | awk '{printf "%.1f", 100 * $1 / $2}')"
}

# Publishing, and a result's way into another process, against a bare word and a bare futex.
bench_ring() {
    echo '```'
    "$build/tests/bench/ring_bench"
    echo '```'
}

# What counting latencies costs a frame, against MobileNet V2.
bench_stats() {
    local v2=../shared/models/coral/tf2_mobilenet_v2_1.0_224_ptq.tflite
    [ -r "$v2" ] || { echo "left out, not there: $v2"; return; }
    echo '```'
    "$build/tests/bench/stats_bench" "$v2"
    echo '```'
}

bench_service() {
    echo "| what | measured | against | budget |"
    echo "|---|---|---|---|"
    python3 tests/bench/service_bench.py "$build"
}

status=0
{
    machine
    for part in $wanted; do
        printf '\n## %s\n\n' "$part"
        "bench_$part" || { echo "FAILED: $part"; touch "$build/bench-failed"; }
    done
} | tee "$build/bench.md"
[ ! -e "$build/bench-failed" ] || { rm "$build/bench-failed"; status=1; }
echo "written to $build/bench.md"
exit $status
