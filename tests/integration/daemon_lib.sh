# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the daemon's integration tests: a folder of its own, starting and stopping the real qedged, waiting with a limit.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
top=$PWD
BUILD=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/qedge-test.XXXXXX")
export QEDGE_SOCKET=$work/qedged.sock
# shellcheck disable=SC2034
tiny=$top/tests/golden/models/conv_same.tflite tiny2=$top/tests/golden/models/conv_one_channel.tflite
# shellcheck disable=SC2034
pictures=$top/models/pictures probe=$BUILD/tests/integration/daemon_probe hostile=$BUILD/tests/integration/hostile_probe
daemon=
others=()

finish() {
    local status=$?
    trap - EXIT
    for pid in "${others[@]}" $daemon; do kill -CONT "$pid" 2>/dev/null || true; kill -KILL "$pid" 2>/dev/null || true; done
    if grep -q "Sanitizer" "$work"/log* 2>/dev/null; then echo "FAIL: a sanitizer complained" >&2; status=1; fi
    if [ $status != 0 ] && [ $status != 77 ]; then
        echo "--- daemon's log:"; tail -n 25 "$work"/log* 2>/dev/null || true
    fi
    rm -rf "$work"
    exit $status
}
trap finish EXIT

fail() { echo "FAIL: $*" >&2; exit 1; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# within MS COMMAND...: until it succeeds; leaves the time it took in `took`. MS is how soon a machine with nothing else
# to do gets there; a slower one is told of and not failed: two minutes bound what never comes.
within() {
    local expected=$1 limit=120000 start
    shift
    start=$(now_ms)
    until "$@" >/dev/null 2>&1; do
        took=$(($(now_ms) - start))
        [ $took -lt $limit ] || fail "not within $limit ms: $*"
        sleep 0.02
    done
    took=$(($(now_ms) - start))
    [ $took -le "$expected" ] || echo "slow: $took ms, not $expected: $*"
}

# stays COMMAND...: waits until what it prints is the same twice, half a second apart
same_twice() {
    local first
    first=$("$@")
    sleep 0.5
    [ "$("$@")" = "$first" ]
}
stays() { within 2000 same_twice "$@"; }

# subscribed STREAM NUMBER: so many clients read it
subscribed() { [ "$(of_stream "$1" clients)" = "$2" ]; }
is_stopped() { [ "$(awk '{sub(/^.*\) /, ""); print $1}' "/proc/$1/stat")" = T ]; }
# halt PID: SIGSTOP, and it does stand still
halt() { kill -STOP "$1" && within 1000 is_stopped "$1"; }

# config NAME-OF-FILE: the rest of the file comes on stdin
config() {
    { echo "socket: $QEDGE_SOCKET"; cat; } >"$work/$1"
}

film() { # FRAMES: 16x16 grey pictures, each another one
    local i
    echo "YUV4MPEG2 W16 H16 F100:1 Cmono"
    for i in $(seq "$1"); do
        echo FRAME
        printf "%0256d" "$i"
    done
}

answers() { "$BUILD/qctl" status >/dev/null 2>&1; }

# start CONFIG [COMMAND BEFORE...]: qedged in the background, its pid in `daemon`, until it answers
start() {
    local file=$work/$1
    shift
    "$@" "$BUILD/qedged" --config "$file" 2>>"$work/log" &
    daemon=$!
    within 20000 answers_or_dead
    answers || fail "qedged did not start"
}
answers_or_dead() { answers || ! kill -0 "$daemon" 2>/dev/null; }

# stop: SIGTERM; it must end with 0, within a second where nothing else runs. What is judged are 80 looks of 50 ms and
# more each: on a machine that stands still or is shared the looks take longer, too.
stop() {
    local begin status=0 looks=0
    begin=$(now_ms)
    kill -TERM "$daemon"
    while kill -0 "$daemon" 2>/dev/null && [ $looks -lt 80 ]; do sleep 0.05; looks=$((looks + 1)); done
    [ $looks -lt 80 ] || fail "still running $(($(now_ms) - begin)) ms after SIGTERM"
    wait "$daemon" || status=$?
    daemon=
    stopped_ms=$(($(now_ms) - begin))
    [ $status = 0 ] || fail "qedged ended with status $status"
}

# json REQUEST KEY: the first value of KEY in an answer (numbers, words and quoted text)
json() {
    "$BUILD/qctl" "$1" --json | tr -d '\n' | grep -o "\"$2\": *\(\"[^\"]*\"\|[^,}]*\)" | head -1 | sed 's/^[^:]*: *//;s/"//g'
}
# of_stream NAME KEY: a value of one stream in the status
of_stream() {
    "$BUILD/qctl" status --json | tr -d '\n' | sed "s/.*\"name\": *\"$1\"//" | grep -o "\"$2\": *\(\"[^\"]*\"\|[^,}]*\)" | head -1 |
        sed 's/^[^:]*: *//;s/"//g'
}
stream_is() { [ "$(of_stream "$1" state)" = "$2" ]; }
# delivers STREAM: results come
delivers() { timeout 100 "$BUILD/qctl" watch "$1" -n 3 --json >/dev/null; }
