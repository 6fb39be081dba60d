#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Start, the whole path to another process, stop in order; exit codes; two streams from one source.
. "$(dirname "$0")/daemon_lib.sh"

config one.yaml <<YAML
streams:
  - name: pictures
    source: &files {type: replay, path: $pictures, fps: 50}
    model: {path: $tiny}
    top_k: 3
  - name: other
    source: *files
    model: {path: $tiny2}
  - name: bars
    ring_slots: 16384
    source: {type: pattern, size: 320x240, fps: 100}
    model: {path: $tiny}
YAML
start one.yaml
for stream in pictures other bars; do delivers $stream || fail "$stream delivers nothing"; done

# one source feeds two streams: the same frames, each through its own model
[ "$(of_stream pictures source)" = "$(of_stream other source)" ] || fail "two sources were made of one"
grep -c qedge-capture /proc/"$daemon"/task/*/comm | grep -c ':1$' | grep -qx 2 || fail "not two capture threads for three streams"
"$BUILD/qctl" watch pictures -n 5 --json >"$work/five"
[ "$(grep -c '"sequence"' "$work/five")" = 5 ] || fail "not five results"
grep -q '"index"' "$work/five" || fail "no classes in the results"

# results are in order and without gaps, also in throughput mode with several frames under way
"$BUILD/qctl" watch bars -n 60 --json | grep -o '"sequence": *[0-9]*' | grep -o '[0-9]*$' >"$work/sequences"
awk 'NR > 1 && $1 != before + 1 {exit 1} {before = $1}' "$work/sequences" || fail "results out of order: $(tr '\n' ' ' <"$work/sequences")"

[ "$(json status state)" = running ] || fail "state is not running"
[ "$(json version ring)" ] || fail "no version"
"$BUILD/qctl" clients --json | grep -q '"clients"' || fail "no list of clients"

# SIGTERM: a reader is told that the stream was closed in order, and the socket is gone
"$BUILD/qctl" watch pictures >"$work/watched" 2>"$work/told" &
watcher=$!
others+=($watcher)
within 5000 test -s "$work/watched"
stop
echo "stopped in $stopped_ms ms"
status=0
wait $watcher || status=$?
grep -q "the stream was closed" "$work/told" || fail "the reader was told: $(cat "$work/told")"
[ ! -e "$QEDGE_SOCKET" ] || fail "the socket was left behind"
grep -q '^qedged: stopped$' "$work/log" || fail "no last word in the log"

# nothing running: exit status 3
status=0
"$BUILD/qctl" status >/dev/null 2>&1 || status=$?
[ $status = 3 ] || fail "qctl status without a daemon: $status"

# a stale socket is replaced, a living daemon is not
start one.yaml
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
[ -S "$QEDGE_SOCKET" ] || fail "SIGKILL leaves the socket: the test needs that"
start one.yaml
status=0
"$BUILD/qedged" --config "$work/one.yaml" 2>"$work/second" || status=$?
[ $status = 1 ] || fail "a second daemon on the same socket ended with $status"
grep -q "another qedged is running" "$work/second" || fail "second daemon said: $(cat "$work/second")"
answers || fail "the first daemon suffered from the second"
stop

# the command line
"$BUILD/qedged" --version | grep -q '^qedged [0-9]' || fail "--version"
"$BUILD/qedged" --help | grep -q -- --config || fail "--help"
status=0; "$BUILD/qedged" --nonsense 2>/dev/null || status=$?
[ $status = 64 ] || fail "wrong usage: $status"
config nofolder.yaml <<<"streams: [{source: {type: pattern}, model: {path: $tiny}}]"
sed -i "s,^socket:.*,socket: $work/no/such.sock," "$work/nofolder.yaml"
status=0; "$BUILD/qedged" --config "$work/nofolder.yaml" 2>"$work/said" || status=$?
[ $status = 1 ] && grep -q "the folder must exist" "$work/said" || fail "no folder: $status $(cat "$work/said")"

# what stands in the socket's place and is none is not removed
sed -i "s,^socket:.*,socket: $work/letter," "$work/nofolder.yaml"
echo "dear reader" >"$work/letter"
status=0; timeout 20 "$BUILD/qedged" --config "$work/nofolder.yaml" 2>"$work/said" || status=$?
[ $status = 1 ] && grep -q "$work/letter: exists and is no socket" "$work/said" || fail "no socket: $status $(cat "$work/said")"
[ "$(cat "$work/letter")" = "dear reader" ] || fail "somebody's file was removed"

# a folder that is not ours
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && getent passwd nobody >/dev/null; then
    chmod 755 "$work"
    cp "$BUILD/qedged" "$tiny" "$work/"
    config alien.yaml <<<"streams: [{source: {type: pattern}, model: {path: $work/${tiny##*/}}}]"
    status=0
    timeout 20 setpriv --reuid nobody --regid nogroup --clear-groups "$work/qedged" --config "$work/alien.yaml" 2>"$work/said" || status=$?
    [ $status = 1 ] && grep -q "$QEDGE_SOCKET: Permission denied" "$work/said" || fail "not ours: $status $(cat "$work/said")"
    [ ! -e "$QEDGE_SOCKET" ] || fail "not ours: a socket"
else
    echo "not root: a folder that is not ours is not tried"
fi
