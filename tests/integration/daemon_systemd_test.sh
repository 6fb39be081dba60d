#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What systemd sees: READY, STATUS, RELOADING, STOPPING; the watchdog, fed by progress and starved by a stuck
# worker; a socket handed over.
# alone: it looks at how fast things happen
. "$(dirname "$0")/daemon_lib.sh"

config one.yaml <<YAML
workers: {threads: 2}
streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}]
YAML
# workers that are at a frame nearly all the time
big=models/efficientnet_lite0_int8.tflite
[ -e $big ] || big=$tiny
config busy.yaml <<YAML
workers: {threads: 2}
streams: [{name: bars, source: {type: pattern, fps: max}, model: {path: $big}}]
YAML
export NOTIFY_SOCKET=$work/notify
"$probe" notify "$NOTIFY_SOCKET" >"$work/notes" &
others+=($!)
within 5000 test -S "$NOTIFY_SOCKET"

start one.yaml env WATCHDOG_USEC=1600000
within 5000 grep -q ' READY=1' "$work/notes"
within 5000 grep -q ' STATUS=1 of 1 streams running, [1-9]' "$work/notes"
within 5000 grep -q ' WATCHDOG=1' "$work/notes"
kill -HUP "$daemon"
within 5000 grep -q ' RELOADING=1 MONOTONIC_USEC=[0-9]' "$work/notes"
within 5000 eval '[ "$(grep -c " READY=1" "$work/notes")" = 2 ]'

stop
grep -q ' STOPPING=1' "$work/notes" || fail "no STOPPING"
start busy.yaml env WATCHDOG_USEC=1600000

# one worker stands still in the middle of a frame: no more food, although the other one and the loop go on
fed() { grep -c ' WATCHDOG=1' "$work/notes"; }
stalled=no
for try in 1 2 3 4 5 6 7 8; do
    for task in /proc/"$daemon"/task/*; do
        [ "$(cat "$task/comm")" = qedge-work-0 ] && tid=${task##*/}
    done
    # stopped while it waits for work it is not stuck, and the other one does its share: tried again
    status=0
    "$probe" stall "$tid" 100000 >"$work/stall" 2>&1 &
    staller=$!
    others+=($staller)
    within 3000 grep -q . "$work/stall"
    grep -q stalled "$work/stall" || { cat "$work/stall"; echo "no ptrace here"; wait $staller || status=$?; [ $status = 77 ] && exit 77; fail "ptrace"; }
    for _ in $(seq 40); do grep -q "the watchdog is not fed any more" "$work/log" && break; sleep 0.1; done
    count=$(fed)
    sleep 1.2
    if [ "$(fed)" = "$count" ] && grep -q "the watchdog is not fed any more" "$work/log"; then stalled=yes; fi
    kill -KILL $staller # which lets the worker go
    wait $staller 2>/dev/null || true
    [ $stalled = no ] || break
done
[ $stalled = yes ] || fail "the watchdog was fed although a worker was stuck, or nothing was said of it (8 tries)"
echo "starved at try $try"
count=$(fed)
within 5000 eval '[ "$(fed)" -gt '"$count"' ]' # it goes on: fed again
stop
unset NOTIFY_SOCKET

# a stream that waits for its camera is alive
config camera.yaml <<<"streams: [{name: cam, source: {type: v4l2, device: $work/none}, model: {path: $tiny}}]"
export NOTIFY_SOCKET=$work/notify
: >"$work/notes"
start camera.yaml env WATCHDOG_USEC=800000
within 5000 eval '[ "$(fed)" -ge 6 ]'
within 5000 grep -q 'STATUS=0 of 1 streams running.*cam waiting.*No such file' "$work/notes"
stop
unset NOTIFY_SOCKET

# socket activation: the socket is there before the daemon and stays after it
if command -v systemd-socket-activate >/dev/null; then
    systemd-socket-activate --seqpacket -l "$QEDGE_SOCKET" "$BUILD/qedged" --config "$work/one.yaml" 2>>"$work/log" &
    daemon=$!
    within 5000 test -S "$QEDGE_SOCKET"
    within 20000 answers # the first client starts it
    delivers bars || fail "activated, but no results"
    stop
    [ -S "$QEDGE_SOCKET" ] || fail "a socket that is not ours was removed"
else
    echo "no systemd-socket-activate: not tested"
fi
