#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILDDIR TEST...   run each test program or script with a time limit and count.
#
# Exit status of a test: 0 passed, 77 skipped (its last line says why), anything else failed.
# Environment for scripts: BUILD (the build folder). TEST_TIMEOUT seconds (default 120) limits each;
# a script may raise its own with a line "# timeout: N".  TEST_WRAPPER prefixes C programs (qemu-user).
# The last line is the count; the exit status is 0 only when nothing failed and something passed.
set -u
BUILD=$1; shift
export BUILD
passed=0 failed=0 skipped=0 failures=
log=$(mktemp -d); trap 'rm -rf "$log"' EXIT
for test in "$@"; do
    limit=${TEST_TIMEOUT:-120}
    wrapper=${TEST_WRAPPER:-}
    case $test in
    *.sh) wrapper=bash
          own=$(sed -n 's/^# timeout: \([0-9]*\).*/\1/p' "$test" | head -1); limit=${own:-$limit} ;;
    esac
    start=$(date +%s%N)
    # shellcheck disable=SC2086
    timeout -k 5 "$limit" $wrapper "$test" >"$log/out" 2>&1 </dev/null
    status=$?
    ms=$(( ($(date +%s%N) - start) / 1000000 ))
    name=${test#"$BUILD"/}
    case $status in
    0)  passed=$((passed + 1)); echo "ok    $name (${ms} ms)" ;;
    77) skipped=$((skipped + 1)); echo "skip  $name: $(tail -n 1 "$log/out")" ;;
    124|137) failed=$((failed + 1)); failures="$failures $name"
        echo "FAIL  $name: no end after $limit s"; tail -n 60 "$log/out" ;;
    *)  failed=$((failed + 1)); failures="$failures $name"
        echo "FAIL  $name (status $status)"; tail -n 60 "$log/out" ;;
    esac
done
[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
