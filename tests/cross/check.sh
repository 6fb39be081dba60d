#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh BUILDDIR SYSROOT TEST...   runs aarch64 test programs under qemu-user: on a CPU with dot products, the
# kernels and the golden vectors also on one without and on one with int8 matrix products. One count at the end.
# Left to the native run: what measures time (tests/integration), and what knows no architecture and takes
# minutes under emulation (tests/fuzz, tests/fault).
set -u
build=$1 sysroot=$2; shift 2
kernels=() tests=()
for test in "$@"; do
    case $test in
    */tests/kernels/*|*/tests/golden/*) kernels+=("$test"); tests+=("$test") ;;
    */tests/integration/*|*/tests/fuzz/*|*/tests/fault/*) ;;
    *) tests+=("$test") ;;
    esac
done
log=$(mktemp); trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

run_on() { # CPU TEST...
    local cpu=$1; shift
    echo "-- cpu $cpu"
    TEST_TIMEOUT=${TEST_TIMEOUT:-1200} TEST_WRAPPER="qemu-aarch64-static -L $sysroot -cpu $cpu" \
        tests/run.sh "$build" "$@" >"$log"
    sed '$d' "$log"
    read -r p f s < <(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    [ -n "$p" ] || { echo "no count from cpu $cpu"; p=0 f=1 s=0; }
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

run_on cortex-a76 "${tests[@]}"
run_on cortex-a72 "${kernels[@]}"
run_on max,pauth-impdef=on "${kernels[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
