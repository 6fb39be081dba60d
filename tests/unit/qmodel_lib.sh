# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts that look at qmodel from the outside: a folder of their own, running it, and what it printed. Needs BUILD.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset QEDGE_CPU QEDGE_ROOT
qmodel=${QMODEL:-$BUILD/qmodel}
failures=0

fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
expect() { # STATUS COMMAND...: runs it with output to $folder/out and $folder/err
    local want=$1 got; shift
    # shellcheck disable=SC2086
    ${TEST_WRAPPER:-} "$@" >"$folder/out" 2>"$folder/err"; got=$?
    [ "$got" = "$want" ] || { fail "$* gave $got, not $want"; cat "$folder/out" "$folder/err"; }
}
printed() { grep -qE -- "$1" "$folder/out" || { fail "no \"$1\" in the output"; head -40 "$folder/out"; }; }
one_line() { # WORD: stderr is one line that has it
    [ "$(wc -l <"$folder/err")" = 1 ] || { fail "not one line on stderr"; cat "$folder/err"; }
    grep -qF -- "$1" "$folder/err" || { fail "no \"$1\" on stderr"; cat "$folder/err"; }
}
nothing_left() { # nothing but $folder/out, err and what was there: no output, no temporary
    local left; left=$(find "$folder" -name 'new*'); [ -z "$left" ] || { fail "left behind: $left"; rm -f "$folder"/new*; }
}
