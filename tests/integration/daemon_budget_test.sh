#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A budget in a real daemon on a machine made of files: the processor gets hot and frames are left out, said in words;
# it cools down and they come back. A budget that can not be held, or not be measured, is no secret.
. "$(dirname "$0")/daemon_lib.sh"
export QEDGE_ROOT=$work/root
put() { mkdir -p "$QEDGE_ROOT/$(dirname "$1")"; echo "$2" >"$QEDGE_ROOT/$1.new"; mv "$QEDGE_ROOT/$1.new" "$QEDGE_ROOT/$1"; }
heat() { put sys/class/thermal/thermal_zone0/temp "$1"; }
ina=sys/class/hwmon/hwmon2
put $ina/name ina226
put $ina/in1_input 5000
put $ina/curr1_input 640
put sys/class/thermal/thermal_zone0/type cpu-thermal
heat 50000
file=budget.yaml
write() { # TOP KEYS
    config $file <<YAML
$1
workers: {threads: 2}
streams: [{name: bars, source: {type: pattern, size: 64x48, fps: 50}, model: {path: $tiny}}]
YAML
}
governor() { "$BUILD/qctl" status --json | tr -d '\n' | sed 's/.*"governor"://' | grep -o "\"$1\": *\(\"[^\"]*\"\|[^,}]*\)" | head -1 | sed 's/^[^:]*: *//;s/"//g'; }
fps_is() { # OPERATOR NUMBER
    local fps
    fps=$(of_stream bars fps_out)
    test "${fps%.*}" "$1" "$2"
}

# Idling takes more than this budget: at the lowest rate, and said; a reload lets go. Beside the rest, as it takes its time.
beyond() {
    trap 'kill -KILL $daemon 2>/dev/null || true' EXIT
    export QEDGE_SOCKET=$work/beyond.sock
    file=beyond.yaml
    write "budget: {watts: 1}"
    start $file
    echo "$daemon" >"$work/beyond.pid"
    within 60000 eval '[ "$(governor state)" = exceeded ]'
    [[ "$(json status reason)" == "at the lowest, and still above budget.watts (3.2 of 1 W)"*"and 1 of 2 workers" ]] || fail "reason: $(json status reason)"
    [ "$(json status state)" = degraded ] && [ "$(json status healthy)" = false ] || fail "state $(json status state)"
    delivers bars || fail "no results at the lowest rate"
    write ""
    "$BUILD/qctl" reload >/dev/null || fail "reload"
    within 30000 eval '[ "$(json status governor)" = null ]'
    [ "$(json status healthy)" = true ] || fail "not healthy without a budget"
    # the meter is still there but gives no numbers any more: that is no budget that is held
    write "budget: {watts: 5}"
    "$BUILD/qctl" reload >/dev/null || fail "reload"
    within 5000 eval '[ "$(governor state)" = free ]'
    put $ina/in1_input nonsense
    within 20000 eval '[ "$(governor state)" = blind ]'
    stop
}

(beyond) & beyond=$!
others+=($beyond)
within 20000 test -s "$work/beyond.pid"
others+=("$(cat "$work/beyond.pid")") # which has no trap when its shell is killed

write "budget: {celsius: 60}"
start $file
[ "$(governor state)" = free ] && [ "$(of_stream bars fps_limit)" = null ] || fail "held at once: $(governor reason)"
within 15000 fps_is -ge 45
sleep 7 # the rate without a budget is known
heat 61500
within 20000 eval '[ "$(governor state)" = holding ]'
heat 59000 # within the band: it stays like that
[[ "$(governor reason)" =~ ^"held back by budget.celsius ("(61.5|59.0)" of 60 C): 80 % of the frames"$ ]] || fail "reason: $(governor reason)"
[ "$(governor limit)" = celsius ] && [ -n "$(governor hint)" ] || fail "limit $(governor limit), hint $(governor hint)"
within 10000 fps_is -le 42
stream_is bars running || fail "a budget that is held is no fault: $(of_stream bars state)"
within 5000 eval '[[ "$(of_stream bars hint)" == "held at "[1-4]*" frames/s by budget.celsius" ]]' # unless it drops frames as well
[ "$(json status healthy)" = true ] || fail "not healthy: $(json status reason)"
within 5000 eval '[ "$(of_stream bars frames_skipped)" -gt 5 ]'
within 5000 eval '"$BUILD/qctl" status | grep -q "budget *celsius 60 C (now 59.0)  holding"'
"$BUILD/qctl" status --format prometheus | grep -qx 'qedge_budget_frames_ratio 0.8' || fail "metrics"
sleep 2
[ "$(governor frames_percent)" = 80.0 ] || fail "it swings: $(governor frames_percent) %"
heat 40000
within 90000 eval '[ "$(governor state)" = free ]'
within 10000 fps_is -ge 45
[ "$(of_stream bars fps_limit)" = null ] && [ -z "$(governor reason)" ] || fail "still held: $(governor reason)"
grep -q "held back by budget.celsius" "$work/log" && grep -q "nothing is held back any more" "$work/log" || fail "not in the log"

stop
wait $beyond || fail "the budget that is exceeded"

# nothing measures it
write "{power: {source: none}, budget: {watts: 5}}" && sed -i 's/^{\(power.*}\), \(budget.*\)}$/\1\n\2/' "$work/$file"
start $file
[ "$(governor state)" = blind ] || fail "state $(governor state)"
[ "$(json status reason)" = "budget.watts can not be held: no meter for this budget" ] || fail "reason: $(json status reason)"
grep -q "no meter for this budget; qctl power" "$work/log" || fail "not in the log"
fps_is -ge 0 && stream_is bars running || fail "the stream does not run"
stop

# refused
write "budget: {watts: -1, joules: 3}"
"$BUILD/qedged" --check --config "$work/$file" 2>"$work/errors" && fail "accepted"
grep -q "budget.watts: expected off or a number from 0.01 to 10000" "$work/errors" && grep -q "joules: no such key" "$work/errors" || fail "$(cat "$work/errors")"
