#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# workers: threads, CPUs, nice, real-time priority, locked memory; and the modes.
. "$(dirname "$0")/daemon_lib.sh"

thread() { # NAME: the task folder of the first thread of that name
    local task
    for task in /proc/"$daemon"/task/*; do
        if [ "$(cat "$task/comm")" = "$1" ]; then echo "$task"; return; fi
    done
}
workers() { cat /proc/"$daemon"/task/*/comm | grep -c "^qedge-$1"; }
field() { awk -v n="$2" '{sub(/^.*\) /, ""); print $(n - 2)}' "$1/stat"; }

config one.yaml <<YAML
workers: {threads: 3, cpus: '0', nice: 5}
streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}, mode: throughput}]
YAML
start one.yaml
has() { [ "$(workers "$1")" = "$2" ]; } # a thread names itself when it first runs
within 5000 has work 3
[ "$(workers team)" = 0 ] || fail "a team without need"
[ "$(json status threads)" = 3 ] || fail "status says $(json status threads) threads"
task=$(thread qedge-work-2)
within 5000 eval '[ "$(awk "/^Cpus_allowed_list/ {print \$2}" "$task/status")" = 0 ]'
within 5000 eval '[ "$(field "$task" 19)" = 5 ]'
[ "$(awk '/^Cpus_allowed_list/ {print $2}' "/proc/$daemon/status")" != 0 ] || [ "$(nproc)" = 1 ] || fail "the loop is bound too"
delivers bars || fail "nothing comes"
stop

# auto: one for each CPU that may be used
config auto.yaml <<<"streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}]"
start auto.yaml taskset -c 0
[ "$(json status threads)" = 1 ] || fail "bound to one CPU, but $(json status threads) threads"
[ "$(of_stream bars mode)" = throughput ] || fail "one worker, but mode $(of_stream bars mode)"
stop

# auto measures both ways, then stays with one
config modes.yaml <<YAML
workers: {threads: 2}
streams:
  - {name: auto, source: &s {type: pattern, fps: 50}, model: {path: $tiny}}
  - {name: latency, source: *s, model: {path: $tiny}, mode: latency}
  - {name: throughput, source: *s, model: {path: $tiny}, mode: throughput}
YAML
start modes.yaml
within 5000 has team 1 # of two
within 20000 eval '[[ "$(of_stream auto mode)" =~ ^(latency|throughput)$ ]]'
echo "auto chose $(of_stream auto mode)"
[ "$(of_stream latency mode)" = latency ] && [ "$(of_stream throughput mode)" = throughput ] || fail "fixed modes are not kept"
for stream in auto latency throughput; do delivers $stream || fail "$stream"; done
stop

# what the system refuses is said, and the workers run without; what it grants is there
config urgent.yaml <<YAML
workers: {threads: 1, realtime: 3, lock_memory: true}
streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}]
YAML
start urgent.yaml
within 5000 has work 1
delivers bars || fail "nothing comes"
task=$(thread qedge-work-0)
if grep -q "workers.realtime: 3 refused" "$work/log"; then
    echo "no real-time priority here"
else
    [ "$(field "$task" 41)" = 1 ] && [ "$(field "$task" 40)" = 3 ] || fail "policy $(field "$task" 41), priority $(field "$task" 40)"
    [ "$(field "/proc/$daemon" 41)" = 0 ] || fail "the loop has real-time priority too"
fi
if ! grep -q "workers.lock_memory: refused" "$work/log"; then
    [ "$(awk '/^VmLck/ {print $2}' "/proc/$daemon/status")" -gt 100 ] || fail "no memory is locked"
fi
delivers bars || fail "nothing comes"
stop
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    start urgent.yaml setpriv --bounding-set=-sys_nice,-ipc_lock --inh-caps=-sys_nice,-ipc_lock
    grep -q "workers.realtime: 3 refused: Operation not permitted" "$work/log" || fail "refusal of real-time is not said"
    delivers bars || fail "refused, and nothing comes"
    stop
fi
