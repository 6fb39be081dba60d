#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILDDIR TEST...   run each test program or script with a time limit and count.
#
# TEST_JOBS at a time (default: as many as there are CPUs, at most 4); lines come as tests end. Stress tests and
# scripts with a line "# alone" come last and one at a time.
# Exit status of a test: 0 passed, 77 skipped (its last line says why), anything else failed.
# Environment for scripts: BUILD (the build folder). TEST_TIMEOUT seconds (default 600) limits each: it ends what hangs,
# and is far from what a slow machine needs.  TEST_WRAPPER prefixes C programs (qemu-user).
# The last line is the count; the exit status is 0 only when nothing failed and something passed.
set -u
BUILD=$1; shift
export BUILD
passed=0 failed=0 skipped=0 failures=
log=$(mktemp -d); trap 'rm -rf "$log"' EXIT
cpus=$(nproc 2>/dev/null || echo 1)
jobs=${TEST_JOBS:-$((cpus < 4 ? cpus : 4))}
declare -A running=() # pid -> number of the test

# run NUMBER TEST: its output and time go to files of that number
run() {
    local number=$1 test=$2 limit=${TEST_TIMEOUT:-600} wrapper=${TEST_WRAPPER:-} start status
    [[ $test != *.sh ]] || wrapper=bash
    start=$(date +%s%N)
    # what runs in the background ignores ^C, which tests send
    # shellcheck disable=SC2086
    env --default-signal=INT,QUIT timeout -k 5 "$limit" $wrapper "$test" >"$log/$number" 2>&1 </dev/null
    status=$?
    echo "$limit $(( ($(date +%s%N) - start) / 1000000 ))" >"$log/$number.time"
    exit $status
}

# report NUMBER TEST STATUS
report() {
    local name=${2#"$BUILD"/} limit='?' ms='?'
    read -r limit ms <"$log/$1.time"
    case $3 in
    0)  passed=$((passed + 1)); echo "ok    $name ($ms ms)" ;;
    77) skipped=$((skipped + 1)); echo "skip  $name: $(tail -n 1 "$log/$1")" ;;
    124|137) failed=$((failed + 1)); failures="$failures $name"
        echo "FAIL  $name: no end after $limit s"; tail -n 60 "$log/$1" ;;
    *)  failed=$((failed + 1)); failures="$failures $name"
        echo "FAIL  $name (status $3)"; tail -n 60 "$log/$1" ;;
    esac
    rm -f "$log/$1" "$log/$1.time"
}

finish_one() {
    local pid status=0
    wait -n -p pid "${!running[@]}" || status=$?
    report "${running[$pid]}" "${tests[${running[$pid]}]}" "$status"
    unset "running[$pid]"
}

run_all() { # JOBS NUMBER...
    local at_once=$1 number
    shift
    for number in "$@"; do
        [ ${#running[@]} -lt "$at_once" ] || finish_one
        run "$number" "${tests[$number]}" &
        running[$!]=$number
    done
    while [ ${#running[@]} -gt 0 ]; do finish_one; done
}

tests=("$@") together=() alone=()
for number in "${!tests[@]}"; do
    test=${tests[$number]}
    if [[ $test = *_stress_test ]] || { [[ $test = *.sh ]] && grep -q '^# alone' "$test"; }; then
        alone+=("$number")
    else
        together+=("$number")
    fi
done
run_all "$jobs" "${together[@]}"
run_all 1 "${alone[@]}"
[ -z "$failures" ] || echo "failed:$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
