#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reload: a new model between two frames, a bad one changes nothing, streams that did not change have no gap.
. "$(dirname "$0")/daemon_lib.sh"

# hang: stalls the capture thread that was made last; `stall` is who does it
hang() {
    local tid
    tid=$(grep -l '^qedge-capture$' "/proc/$daemon/task"/*/comm | grep -o '[0-9]*/comm$' | sort -n | tail -1)
    : >"$work/stall" # here: what the one before said would be read before a background job has emptied it
    "$probe" stall "${tid%/comm}" 100000 >>"$work/stall" 2>&1 &
    stall=$!
    others+=($stall)
    within 5000 eval 'test -s "$work/stall" || ! kill -0 $stall'
}

write_config() { # MODEL-OF-SECOND EXTRA-LINE
    config one.yaml <<YAML
${2:-}
streams:
  - name: steady
    ring_slots: 16384
    source: {type: pattern, size: 320x240, fps: 100}
    model: {path: $tiny}
  - name: changing
    source: {type: pattern, size: 320x240, fps: 50}
    model: {path: $1}
YAML
}
cp "$tiny2" "$work/second.tflite"
write_config "$work/second.tflite"
start one.yaml
"$BUILD/qctl" watch steady --json >"$work/steady" 2>&1 &
others+=($!)
"$BUILD/qctl" watch changing --json >"$work/changing" 2>&1 &
others+=($!)
within 5000 test -s "$work/steady" -a -s "$work/changing"

# nothing changed
"$BUILD/qctl" reload >"$work/answer"
[ "$(cat "$work/answer")" = "reloaded; no stream has changed" ] || fail "reload without a change: $(cat "$work/answer")"

# what only a restart changes is said, each time until then
for extra in 'power: {baseline_mw: 1}' 'workers: {threads: 1}' 'socket_group: nogroup'; do
    write_config "$work/second.tflite" "$extra"
    for _ in 1 2; do
        "$BUILD/qctl" reload | grep -qx "socket, socket_group, workers and power take effect with the next restart" || fail "not told: $extra"
    done
done

# another model: same ring, same clients, next generation
write_config "$tiny"
"$BUILD/qctl" reload --json >"$work/answer"
grep -q '"reloaded": *true' "$work/answer" || fail "reload: $(cat "$work/answer")"
grep -q '"changed": *\[ *"changing" *\]' "$work/answer" || fail "changed: $(cat "$work/answer")"
[ "$(of_stream changing generation)" = 2 ] || fail "generation $(of_stream changing generation)"
within 5000 grep -q '"generation": *2' "$work/changing"
grep '"generation": *2' "$work/changing" | head -1 | grep -q model_changed || fail "the client was not told of the new model"
[ "$(of_stream steady generation)" = 1 ] || fail "the other stream has another generation"

# bad model, bad settings: the old ones run on
bad() { # WHAT PATTERN
    local status=0
    : >"$work/log"
    "$BUILD/qctl" reload --json >"$work/answer" 2>&1 || status=$?
    [ $status != 0 ] || fail "$1: qctl reload did not fail"
    grep -q '"reloaded": *false' "$work/answer" || fail "$1: $(cat "$work/answer")"
    grep -q "$2" "$work/answer" || fail "$1: not said: $(cat "$work/answer")"
    grep "error: reload: " "$work/log" | grep -q "$2" || fail "$1: not in the log: $(cat "$work/log")"
    grep -q "error: reload: nothing was changed" "$work/log" || fail "$1: no 'nothing was changed' in the log: $(cat "$work/log")"
    [ "$(of_stream changing generation)" = 2 ] || fail "$1: generation changed"
    delivers changing || fail "$1: changing stopped"
    delivers steady || fail "$1: steady stopped"
}
head -c 300 "$tiny2" >"$work/second.tflite"
write_config "$work/second.tflite"
bad "bad model" "second.tflite"
write_config "$work/none.tflite"
bad "no model" "none.tflite"
# all or nothing: what is good beside what is bad is not taken either
write_config "$work/none.tflite" "max_clients: 1"
echo "  - {name: good, source: {type: pattern}, model: {path: $tiny}}" >>"$work/one.yaml"
bad "good and bad" "none.tflite"
! "$BUILD/qctl" streams --json | grep -q '"good"' || fail "good and bad: a stream was added"
write_config "$tiny" "max_clients: none"
bad "bad settings" "one.yaml:2:14: max_clients"
echo "{" >"$work/one.yaml"
bad "no YAML" "not YAML"
rm "$work/one.yaml"
bad "no file" "No such file"

# SIGHUP does the same, and says so in the log
write_config "$tiny2"
kill -HUP "$daemon"
within 5000 eval '[ "$(of_stream changing generation)" = 3 ]'

# the model's file was replaced under its name
cp "$tiny" "$work/second.tflite"
write_config "$work/second.tflite"
"$BUILD/qctl" reload >/dev/null
[ "$(of_stream changing generation)" = 4 ] || fail "not 4 but $(of_stream changing generation)"
"$BUILD/qctl" reload | grep -q "no stream has changed" || fail "reload without a change, again"
cp "$tiny2" "$work/new" && mv "$work/new" "$work/second.tflite"
"$BUILD/qctl" reload >/dev/null
[ "$(of_stream changing generation)" = 5 ] || fail "a replaced file was not noticed"

# streams come and go; the source of one changes
config one.yaml <<YAML
streams:
  - name: steady
    ring_slots: 16384
    source: {type: pattern, size: 320x240, fps: 100}
    model: {path: $tiny}
  - name: fresh
    source: {type: replay, path: $pictures, fps: 50}
    model: {path: $tiny2}
YAML
"$BUILD/qctl" reload >/dev/null || fail "reload with other streams"
delivers fresh || fail "a new stream delivers nothing"
[ "$("$BUILD/qctl" streams --json | grep -o '"name"' | wc -l)" = 2 ] || fail "a removed stream is still there"
sed -i 's/fps: 50/fps: 25/' "$work/one.yaml"
"$BUILD/qctl" reload >/dev/null || fail "reload with another source"
within 5000 delivers fresh

# reload again and again, while clients watch
for i in 1 2 3 4 5 6; do
    model=$([ $((i % 2)) = 0 ] && echo "$tiny" || echo "$tiny2")
    sed -i "/name: fresh/,\$s,model: .*,model: {path: $model}," "$work/one.yaml"
    "$BUILD/qctl" reload >/dev/null || fail "reload $i"
done
delivers fresh || fail "after many reloads"

# a capture thread that hangs when its stream goes holds up the next reload, but not the loop
hang
if grep -q stalled "$work/stall"; then
    sed -i 's/fps: 25/fps: 20/' "$work/one.yaml"
    "$BUILD/qctl" reload >/dev/null || fail "reload while a camera hangs"
    "$BUILD/qctl" reload >"$work/second" 2>&1 &
    second=$!
    others+=($second)
    sleep 0.2
    answers || fail "the loop waits for a camera that hangs"
    kill -0 $stall || fail "the stall ended too early to tell"
    kill -KILL $stall
    wait $second || fail "the second reload: $(cat "$work/second")"
    delivers fresh || fail "after a camera that hung"
else
    echo "no ptrace: a camera that hangs is not tested"
fi

# no memory for a bigger model: refused, the old one runs on; served when there is memory again
if command -v prlimit >/dev/null && [ -e models/efficientnet_lite0_int8.tflite ] && ! grep -q asan "$BUILD/qedged"; then
    cp "$work/one.yaml" "$work/good.yaml"
    sed -i "/name: fresh/,\$s,model: .*,model: {path: models/efficientnet_lite0_int8.tflite}," "$work/one.yaml"
    # (the loader's stack is there from the reload before)
    prlimit --pid "$daemon" --data=$(($(awk '/^VmData/ {print $2}' "/proc/$daemon/status") * 1024 + 1000000)):unlimited
    status=0
    "$BUILD/qctl" reload --json >"$work/answer" 2>&1 || status=$?
    [ $status != 0 ] || fail "no memory, but reloaded: $(cat "$work/answer")"
    grep -qi "memory" "$work/answer" || fail "no memory: $(cat "$work/answer")"
    delivers fresh || fail "no memory: fresh stopped"
    delivers steady || fail "no memory: steady stopped"
    prlimit --pid "$daemon" --data=unlimited:unlimited
    "$BUILD/qctl" reload >/dev/null || fail "with memory again, still refused"
    delivers fresh || fail "with memory again"
fi

# steady never had a gap in its sequence, and its client was never told anything
grep -o '"sequence": *[0-9]*' "$work/steady" | grep -o '[0-9]*$' >"$work/sequences"
[ "$(wc -l <"$work/sequences")" -gt 50 ] || fail "steady gave too few results to tell"
awk 'NR > 1 && $1 != before + 1 {exit 1} {before = $1}' "$work/sequences" || fail "steady has a gap"
! grep -q "went away\|closed\|reconnected" "$work/steady" || fail "steady's client was disturbed"

# nor does what is left of a reload keep the daemon from stopping in order
hang
sed -i 's/fps: 2[05]/fps: 10/' "$work/one.yaml"
"$BUILD/qctl" reload >/dev/null || fail "reload before the end"
kill -TERM "$daemon"
ended() { ! kill -0 "$daemon" 2>/dev/null || grep -q '^State:.Z' "/proc/$daemon/status"; } # who stalls it may keep its zombie
within 1000 ended
kill -KILL $stall 2>/dev/null || true
status=0
wait "$daemon" || status=$?
daemon=
[ $status = 0 ] || fail "stopped with $status: what is left of a reload held it up"
