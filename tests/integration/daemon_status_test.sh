#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qctl status, power and the metrics against a real daemon on a machine made of files: watts, idle power, throttling,
# the screen in a real terminal of 80 columns. Needs BUILD; tmux and promtool (Debian prometheus) for their parts.
. "$(dirname "$0")/daemon_lib.sh"
export QEDGE_ROOT=$work/root STATE_DIRECTORY=$work/state
mkdir "$STATE_DIRECTORY"
put() { mkdir -p "$QEDGE_ROOT/$(dirname "$1")"; echo "$2" >"$QEDGE_ROOT/$1.new"; mv "$QEDGE_ROOT/$1.new" "$QEDGE_ROOT/$1"; }
ina=sys/class/hwmon/hwmon2
put $ina/name ina226
put $ina/in1_input 5000
put $ina/curr1_input 640
put $ina/shunt_resistor 10000
put sys/class/hwmon/hwmon1/name rpi_volt
put sys/class/hwmon/hwmon1/in0_lcrit_alarm 0
put sys/class/thermal/thermal_zone0/type cpu-thermal
put sys/class/thermal/thermal_zone0/temp 48312
put sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq 1500000
put sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq 2400000

config status.yaml <<YAML
power: {shunt_micro_ohm: 20000}
streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}]
YAML
start status.yaml
power() { "$BUILD/qctl" power --json | grep -o "\"$1\": *[^,}]*" | head -1 | sed 's/^[^:]*: *//;s/"//g'; }
is() { [ "$(power "$1")" = "$2" ] || { echo "$1: $(power "$1"), not $2" >&2; return 1; }; }
within 5000 is power_mw 1600.0 # half of 5 V x 640 mA: the shunt is twice what the driver believes
is source hwmon && is scope input && is estimated false && is temperature_c 48.3 && is clock_mhz 1500 || fail "power"
is baseline_mw null && is energy_per_inference_mj null || fail "an idle power out of nothing"
[ "$(json status healthy)" = true ] || fail "not healthy: $(json status reason)"

# the idle power: everything pauses, the mean is kept, everything goes on
put $ina/curr1_input 400
"$BUILD/qctl" power --baseline --seconds 300 >"$work/baseline" 2>&1 & asking=$!
others+=($asking)
within 2000 stream_is bars waiting
stays of_stream bars frames_published # no results while the idle power is measured
stream_is bars waiting || fail "it does not pause any more"
"$BUILD/qctl" power --baseline >"$work/second" 2>&1 && fail "two at once"
kill -KILL $asking
within 3000 grep -q 'idle power: who asked has gone' "$work/log"
within 3000 stream_is bars running
is baseline_mw null || fail "a baseline of a measurement that was given up"
"$BUILD/qctl" power --baseline --seconds 2 >"$work/baseline" || fail "baseline: $(cat "$work/baseline")"
grep -q 'idle: 1.000 W (hwmon: input)' "$work/baseline" || fail "baseline: $(cat "$work/baseline")"
within 3000 stream_is bars running
delivers bars || fail "no results after the idle power was measured"
is baseline_mw 1000.0 || fail "baseline"
put $ina/curr1_input 640
within 5000 eval '[ "$(power energy_per_inference_mj)" != null ]'

# low voltage: said, results are flagged, and it passes
put sys/class/hwmon/hwmon1/in0_lcrit_alarm 1
within 5000 eval '[ "$(json status healthy)" = false ]'
[ "$(json status state)" = degraded ] || fail "state $(json status state)"
[[ "$(json status reason)" == *"held back: low voltage"* ]] || fail "reason: $(json status reason)"
"$BUILD/qctl" watch bars -n 1 --json | grep -q '"throttled"' || fail "results are not flagged"
QEDGE_ROOT=$QEDGE_ROOT "$BUILD/qmodel" bench --runs 20 "$tiny" | grep -q "^THROTTLED: .*low voltage" || fail "qmodel bench is not flagged"
put sys/class/hwmon/hwmon1/in0_lcrit_alarm 0
within 5000 eval '[ "$(json status healthy)" = true ]'
"$BUILD/qctl" watch bars -n 1 --json | grep -q '"flags":\[\]' || fail "results are still flagged"
"$BUILD/qmodel" bench --runs 20 --json "$tiny" | grep -q '"throttled": *false' || fail "qmodel bench is still flagged"

# the metrics
"$BUILD/qctl" status --format prometheus >"$work/metrics" || fail "metrics"
for line in 'qedge_up 1' 'qedge_healthy 1' 'qedge_stream_state{stream="bars",state="running"} 1' 'qedge_power_watts 1.6' \
    'qedge_power_info{source="hwmon",scope="input",estimated="false"} 1' 'qedge_clock_hertz 1500000000' \
    'qedge_throttled{cause="under_voltage"} 0'; do
    grep -qxF "$line" "$work/metrics" || { cat "$work/metrics"; fail "no line $line"; }
done
grep -Eq '^qedge_stage_latency_seconds\{stream="bars",stage="total",quantile="0.999"\} 0\.[0-9]+$' "$work/metrics" || fail "no p99.9"
if command -v promtool >/dev/null; then
    promtool check metrics <"$work/metrics" >"$work/promtool" 2>&1 || { cat "$work/promtool"; fail "promtool"; }
    [ ! -s "$work/promtool" ] || { cat "$work/promtool"; fail "promtool has remarks"; }
elif [ -n "${CI:-}" ]; then
    fail "no promtool"
else
    echo "no promtool (Debian prometheus): the metrics were not checked with it"
fi

# the screen
# A server each: one whose last session ends is about to exit and would not take another.
screen() { # NAME COLUMNS COMMAND: what a terminal of that width shows of it
    local name=$1 columns=$2
    shift 2
    terminal() { tmux -S "$work/tmux-$name" -f /dev/null "$@"; }
    terminal new-session -d -x "$columns" -y 40 "$* ; echo END; sleep 600"
    within 10000 eval 'terminal capture-pane -p | grep -q ^END'
    terminal capture-pane -p | sed '/^END/,$d' >"$work/$name.text"
    terminal capture-pane -e -p >"$work/$name.codes"
    terminal capture-pane -J -p | sed '/^END/,$d' >"$work/$name.joined"
    terminal kill-server
}
if command -v tmux >/dev/null; then
    # tmux's server takes over what this shell has set
    screen wide 80 "'$BUILD/qctl' status"
    cat "$work/wide.text"
    for text in "healthy" "48.3 C  1500 of 2400 MHz  was held back: low voltage" "1.60 W, mean " "hwmon: input; ina226 at hwmon2, shunt 20000 uOhm" \
        "mJ an inference above 1.00 W idle" "bars  running" "p99.9      max |      p99      max" "| since the start"; do
        grep -qF "$text" "$work/wide.text" || fail "the screen lacks '$text'"
    done
    for stage in capture wait preprocess infer publish total; do
        grep -Eq "^    $stage( +[0-9]+\.[0-9]{3}){5} \|( +[0-9]+\.[0-9]{3}){2}$" "$work/wide.text" || fail "no line for $stage"
    done
    [ "$(grep -vc "^  hint\|^            [a-z]" "$work/wide.text")" -le 24 ] || fail "more than one screen"
    # a line that is longer than the terminal would show itself as two that belong together
    [ "$(wc -l <"$work/wide.text")" = "$(wc -l <"$work/wide.joined")" ] || fail "lines are wrapped by the terminal"
    grep -q "$(printf '\033\\[32m')healthy" "$work/wide.codes" || fail "no colour on a terminal"
    screen plain 80 "NO_COLOR=1 '$BUILD/qctl' status"
    ! grep -q "$(printf '\033\\[3')" "$work/plain.codes" || fail "NO_COLOR is not respected"
    screen narrow 60 "'$BUILD/qctl' status"
    grep -q "^bars  running" "$work/narrow.text" || fail "narrow"
    [ "$(wc -l <"$work/narrow.text")" = "$(wc -l <"$work/narrow.joined")" ] || fail "lines are wrapped at 60 columns"
    "$BUILD/qctl" status | awk 'length($0) > 80 { exit 1 }' || fail "wider than 80 columns without a terminal"
elif [ -n "${CI:-}" ]; then
    fail "no tmux"
else
    echo "no tmux: the screen was not looked at"
fi
stop
status=0
"$BUILD/qctl" status --format prometheus >"$work/metrics" 2>/dev/null || status=$?
[ $status = 3 ] && grep -qx 'qedge_up 0' "$work/metrics" || fail "metrics of no daemon: $status, $(cat "$work/metrics")"

# the idle power survived; a meter that vanishes is given up for what else there is
start status.yaml
is baseline_mw 1000.0 || fail "the idle power was forgotten"

# the disk is full when it is measured again, no page for the new file or no inode: told to who asked and to the log, the
# old file stays whole and alone, results go on without a gap
full=0
put $ina/curr1_input 200
"$BUILD/qctl" watch bars --json >"$work/witness" 2>&1 & witness=$!
others+=($witness)
for room in size=4k nr_inodes=2; do
    within 5000 delivers bars
    kept=$(cat "$STATE_DIRECTORY/power_baseline")
    mount -t tmpfs -o $room none "$STATE_DIRECTORY" 2>/dev/null || { echo "no tmpfs may be mounted here: a full disk is not tried"; break; }
    echo "$kept" >"$STATE_DIRECTORY/power_baseline"
    "$BUILD/qctl" power --baseline --seconds 2 >"$work/baseline" 2>&1 || true
    left="$(ls -A "$STATE_DIRECTORY") $(cat "$STATE_DIRECTORY/power_baseline")" || true
    umount "$STATE_DIRECTORY"
    grep -q 'idle: 0.500 W (hwmon: input)' "$work/baseline" || fail "full disk: $(cat "$work/baseline")"
    grep -qx 'until qedged ends: it could not be kept: No space left on device' "$work/baseline" || fail "full disk: $(cat "$work/baseline")"
    [ "$(grep -c "idle power: holds until .*state/power_baseline: No space left on device" "$work/log")" = $((++full)) ] || fail "full disk: not in the log"
    [ "$left" = "power_baseline $kept" ] || fail "full disk: $left, not $kept"
    is baseline_mw 500.0 || fail "full disk: the new idle power does not hold"
done
within 5000 delivers bars
kill $witness
grep -o '"sequence": *[0-9]*' "$work/witness" | grep -o '[0-9]*$' | awk 'NR > 1 && $1 != before + 1 {exit 1} {before = $1} END {exit NR < 10}' ||
    fail "full disk: the witness has a gap"
stop
start status.yaml
is baseline_mw 1000.0 || fail "full disk: the idle power that was kept is lost"
rm -r "${QEDGE_ROOT:?}/$ina"
within 10000 is source estimate
is estimated true || fail "an estimate that does not say so"
grep -q "power: hwmon .* gives no numbers any more" "$work/log" || fail "nothing said of it"
"$BUILD/qctl" status | grep -q "(estimated)" || fail "the screen does not say that it is an estimate"
stop

# broken frames and frames that come too fast: said in words, with what to do
for i in 1 2 3; do cat models/pictures/macaw.jpg; head -c 2000 models/pictures/tripod.jpg; done >"$work/broken.mjpeg"
config health.yaml <<YAML
power: {source: none}
workers: {threads: 1}
streams:
  - {name: broken, source: {type: replay, path: $work/broken.mjpeg, fps: 20}, model: {path: $tiny}}
  - {name: fast, source: {type: pattern, size: 640x480, fps: 1000}, model: {path: models/efficientnet_lite0_int8.tflite}}
YAML
start health.yaml
within 15000 stream_is broken degraded
[[ "$(of_stream broken reason)" == *"frames were broken"* ]] || fail "reason: $(of_stream broken reason)"
[[ "$(of_stream broken hint)" == *cable* ]] || fail "hint: $(of_stream broken hint)"
stream_is fast running || fail "dropped frames are no fault: $(of_stream fast state)"
within 15000 eval '[[ "$(of_stream fast hint)" == *"are dropped, the newest is taken"* ]]'
[ "$(json status state)" = degraded ] && [ "$(json status healthy)" = false ] || fail "the whole"
is source null && "$BUILD/qctl" status | grep -q "not known: switched off" || fail "power.source: none"
stop
