#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh BUILDDIR SYSROOT TEST...   runs aarch64 test programs under qemu-user: all of them on a CPU with dot
# products, the kernel tests also on one without (and on one with int8 matrix products). One count at the end.
set -u
build=$1 sysroot=$2; shift 2
kernels=()
for test in "$@"; do [[ $test != */tests/kernels/* ]] || kernels+=("$test"); done
log=$(mktemp); trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

run_on() { # CPU TEST...
    local cpu=$1; shift
    echo "-- cpu $cpu"
    TEST_TIMEOUT=${TEST_TIMEOUT:-600} TEST_WRAPPER="qemu-aarch64-static -L $sysroot -cpu $cpu" \
        tests/run.sh "$build" "$@" >"$log"
    sed '$d' "$log"
    read -r p f s < <(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

run_on cortex-a76 "$@"
run_on cortex-a72 "${kernels[@]}"
run_on max,pauth-impdef=on "${kernels[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
