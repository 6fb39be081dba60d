#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILDDIR TARGET...   run each fuzz target for FUZZ_SECONDS (default 60), FUZZ_JOBS at a time (default 1).
#
# What is found new stays in BUILDDIR/corpus/TARGET for the next run; a finding is left as BUILDDIR/findings/TARGET-*.
# Keep it as tests/fuzz/corpus/TARGET/NAME once it is fixed: `make check` replays that folder.
set -eu
cd "$(dirname "$0")/../.."
build=$1; shift
seconds=${FUZZ_SECONDS:-60} jobs=${FUZZ_JOBS:-1}
seeds=$build/seeds findings=$build/findings
mkdir -p "$seeds" "$findings"

make_seeds() {
    "$build/tests/fuzz/make_seeds" "$seeds" models/efficientnet_lite0_int8.tflite models/pictures/{hotdog,chickadee,cat}.jpg
    mkdir -p "$seeds/model" "$seeds/config"
    cp tests/golden/models/*.tflite "$seeds/model/"
    find tests/golden/float -size -64k -name '*.tflite' -exec cp {} "$seeds/model/" \;
    mkdir -p "$seeds/onnx"
    cp tests/golden/onnx/*.onnx "$seeds/onnx/"
    cp etc/qedged.yaml "$seeds/config/"
    sed 's/^\( *\)#\([a-z_]*: \)/\1\2/' etc/qedged.yaml >"$seeds/config/everything.yaml"
    # shellcheck disable=SC2016
    for file in tests/integration/*.sh; do
        sed -n '/<<.*YAML/,/^ *YAML/p' "$file" | grep -v YAML >"$seeds/config/${file##*/}.yaml" || true
    done
}

# target NAME: its last lines go to the log; the exit status is libFuzzer's
target() {
    local name=$1 corpus=$build/corpus/$1 options=() status=0
    mkdir -p "$corpus"
    [ ! -e "tests/fuzz/$name.dict" ] || options+=(-dict="tests/fuzz/$name.dict")
    "$build/tests/fuzz/${name}_fuzz" "$corpus" "tests/fuzz/corpus/$name" "$seeds/$name" "${options[@]}" \
        -max_total_time="$seconds" -max_len=65536 -timeout=60 -rss_limit_mb=2048 -artifact_prefix="$findings/$name-" \
        -print_final_stats=1 >"$build/$name.log" 2>&1 || status=$?
    if [ $status = 0 ]; then
        echo "ok    fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log") inputs in $seconds s," \
             "$(grep -o 'cov: [0-9]*' "$build/$name.log" | tail -n 1), $(find "$corpus" -type f | wc -l) kept"
    else
        echo "FAIL  fuzz $name (status $status), the input is in $findings:"
        grep -v '^#' "$build/$name.log" | head -n 60
    fi
    return $status
}

make_seeds
passed=0 failed=0 running=0
finish_one() {
    if wait -n; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    running=$((running - 1))
}
for name in "$@"; do
    [ $running -lt "$jobs" ] || finish_one
    target "$name" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do finish_one; done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
