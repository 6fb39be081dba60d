#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What systemd sees: READY, STATUS, RELOADING, STOPPING; the watchdog, fed by progress and starved by a stuck
# worker or capture thread; a socket handed over.
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
streams:
  - {name: bars, source: {type: pattern, fps: max}, mode: throughput, model: {path: $big}}
  - {name: other, source: {type: pattern, fps: 20}, mode: throughput, model: {path: $tiny}}
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

# stall THREAD: it stands still until the pid in `staller` is ended
stall() {
    local task tid status=0
    for task in /proc/"$daemon"/task/*; do
        [ "$(cat "$task/comm")" = "$1" ] && tid=${task##*/}
    done
    : >"$work/stall" # here: what the one before said would be read before a background job has emptied it
    "$probe" stall "$tid" 100000 >>"$work/stall" 2>&1 &
    staller=$!
    others+=($staller)
    within 3000 grep -q . "$work/stall"
    grep -q stalled "$work/stall" || { cat "$work/stall"; echo "no ptrace here"; wait $staller || status=$?; [ $status = 77 ] && exit 77; fail "ptrace"; }
}
let_go() { { kill -KILL $staller && wait $staller; } 2>/dev/null || true; }

# one worker stands still in the middle of a frame: no more food, although the other one and the loop go on
fed() { grep -c ' WATCHDOG=1' "$work/notes"; }
starved=no
for try in 1 2 3 4 5 6 7 8; do
    # stopped while it waits for work it is not stuck, and the other one does its share: tried again
    : >"$work/log"
    stall qedge-work-0
    for _ in $(seq 40); do grep -q "the watchdog is not fed any more" "$work/log" && break; sleep 0.1; done
    count=$(fed)
    sleep 1.2
    if [ "$(fed)" = "$count" ] && grep -q "the watchdog is not fed any more" "$work/log"; then starved=yes; fi
    # (stopped with a lock in its hand it stops the loop, too, and nobody is answered: tried again)
    for _ in $(seq 80); do stream_is bars failed && break; answers || break; sleep 0.1; done
    [ $starved = no ] || ! stream_is bars failed || break
    let_go
    starved=no
done
[ $starved = yes ] || fail "a worker was stuck, but the watchdog was fed, or nothing was said of it (8 tries)"
echo "starved at try $try"
delivers other || fail "a stuck worker holds up the other stream"
[ "$(of_stream bars reason)" = "a worker has been at one frame for more than 5 s" ] && [ -n "$(of_stream bars hint)" ] || fail "reason: $(of_stream bars reason)"
let_go
count=$(fed)
within 5000 eval '[ "$(fed)" -gt '"$count"' ]' # it goes on: fed again
within 5000 stream_is bars running
stop

# a capture thread stands still: the same
: >"$work/log"
start one.yaml env WATCHDOG_USEC=1600000
delivers bars || fail "no results"
stall qedge-capture
within 5000 grep -q "the watchdog is not fed any more" "$work/log"
count=$(fed)
sleep 1.2
[ "$(fed)" = "$count" ] || fail "fed although the capture thread is stuck"
within 10000 stream_is bars failed
[ "$(of_stream bars reason)" = "its capture thread has stood still for more than 5 s" ] && [ -n "$(of_stream bars hint)" ] || fail "reason: $(of_stream bars reason)"
let_go
within 5000 eval '[ "$(fed)" -gt '"$count"' ]'
delivers bars || fail "no results after the capture thread goes on"
within 5000 stream_is bars running
stop
unset NOTIFY_SOCKET

# a stream that waits for its camera is alive
config camera.yaml <<<"streams: [{name: cam, source: {type: v4l2, device: $work/none}, model: {path: $tiny}}]"
export NOTIFY_SOCKET=$work/notify
: >"$work/notes"
: >"$work/log"
start camera.yaml env WATCHDOG_USEC=800000
within 5000 eval '[ "$(fed)" -ge 6 ]'
within 5000 grep -q 'STATUS=0 of 1 streams running.*cam waiting.*No such file' "$work/notes"
sleep 2 # by now it tries once a second
! grep -q "the watchdog is not fed any more" "$work/log" || fail "waiting for a camera is taken for standing still"
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
