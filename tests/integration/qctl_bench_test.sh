#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qctl bench against a real daemon on a machine made of files: figures that fit together, live streams that go on, one at
# a time, and nothing of it left when the client goes, the daemon stops or the stream is removed.
. "$(dirname "$0")/daemon_lib.sh"
export QEDGE_ROOT=$work/root
put() { mkdir -p "$QEDGE_ROOT/$(dirname "$1")"; echo "$2" >"$QEDGE_ROOT/$1.new"; mv "$QEDGE_ROOT/$1.new" "$QEDGE_ROOT/$1"; }
put sys/class/hwmon/hwmon2/name ina226
put sys/class/hwmon/hwmon2/in1_input 5000
put sys/class/hwmon/hwmon2/curr1_input 320
put sys/class/hwmon/hwmon1/name rpi_volt
put sys/class/hwmon/hwmon1/in0_lcrit_alarm 0
qctl=$BUILD/qctl
cp "$pictures/cat.jpg" "$work/film.mjpeg"
config bench.yaml <<YAML
power: {baseline_mw: 1000}
workers: {threads: 2}
streams:
  - {name: bars, ring_slots: 4096, source: {type: pattern, size: 320x240, fps: 20}, model: {path: $tiny}, mode: throughput}
  - {name: jpeg, source: {type: replay, path: $work/film.mjpeg, fps: 5}, model: {path: $tiny}}
  - {name: team, source: {type: pattern, size: 64x64, fps: 5}, model: {path: $tiny}, mode: latency}
  - {name: slow, source: {type: pattern, size: 64x64, fps: 0.01}, model: {path: $tiny}}
YAML
start bench.yaml
cd "$work"
value() { grep -o "\"$1\": *\(\"[^\"]*\"\|[^,}]*\)" answer | sed -n "${2:-1}p" | sed 's/^[^:]*: *//;s/"//g'; }
holds() { awk "BEGIN { exit !($1) }" || fail "not so: $1 in $(cat answer)"; }
published() { of_stream bars frames_published; }
benching() { # ARGUMENT...: one in the background, its pid in `asking`, until it is under way
    local before
    before=$(grep -c 'bench of stream .* for' log || true)
    "$qctl" bench "$@" >said 2>&1 & asking=$!
    others+=("$asking")
    within 5000 eval '[ "$(grep -c "bench of stream .* for" log)" -gt '"$before"' ]'
}

# beside the live streams: all numbers fit together, and the live frames are all there meanwhile
within 5000 delivers bars
before=$(published)
begin=$(now_ms)
"$qctl" bench bars --seconds 2 --json >answer || fail "bench"
[ "$(value stream) $(value alone) $(value threads) $(value mode)" = "bars false 2 throughput" ] || fail "$(cat answer)"
[ "$(value frame)" = 'YUYV 320x240' ] && [ "$(value model)" = "$tiny" ] || fail "$(cat answer)"
[ "$(value throttled)" = false ] && [ "$(value power_source)" = hwmon ] || fail "$(cat answer)"
frames=$(value frames)
holds "$frames > 30 && $(value seconds) >= 1.5"
holds "($(value fps) * $(value seconds) / $frames - 1) ^ 2 < 0.001 ^ 2"
for stage in 1 2 3; do
    holds "$(value count $stage) == $frames && $(value p50_us $stage) > 0 && $(value p50_us $stage) <= $(value p90_us $stage)"
    holds "$(value p90_us $stage) <= $(value p99_us $stage) && $(value p99_us $stage) <= $(value max_us $stage)"
done
# two workers are busy with frames all the time, but no longer than the time there is
holds "$(value sum_us 3) <= 2.1e6 * $(value seconds) && $(value sum_us 1) + $(value sum_us 2) <= 1.001 * $(value sum_us 3)"
# 1.6 W, of which 1 W is idle
holds "$(value mean_mw) == 1600 && $(value baseline_mw) == 1000"
holds "($(value energy_per_inference_mj) * ($(value fps) + $(value live_fps)) - 600) ^ 2 < 3600"
holds "($(published) - $before) > 0.2 * 20 * ($(now_ms) - $begin) / 1000" # no test measures times: a fifth will do
holds "$(value live_fps) > 2"

# the first stream, in words; frames as the stream's are: a JPEG; a team where the stream has one; before the first frame
put sys/class/hwmon/hwmon1/in0_lcrit_alarm 1
"$qctl" bench -n 1 >said || fail "words"
grep -q '^bars  [0-9]* synthetic frames in ' said && grep -q 'held back meanwhile: low voltage' said &&
    grep -q 'mJ an inference above idle$' said || fail "said $(cat said)"
put sys/class/hwmon/hwmon1/in0_lcrit_alarm 0
"$qctl" bench jpeg -n 1 --json >answer || fail "jpeg"
[[ "$(value frame)" =~ ^JPEG\ [1-9][0-9]*x[1-9] ]] && [ "$(value frames)" -gt 2 ] || fail "$(cat answer)"
"$qctl" bench team -n 1 --json >answer || fail "team"
[ "$(value mode)" = latency ] && [ "$(value frames)" -gt 2 ] || fail "$(cat answer)"
delivers team || fail "the team's own stream stands"

# one at a time, also with the other measurement; while it runs live results come, in order and none lost
benching slow --seconds 60
"$qctl" bench bars >second 2>&1 && fail "two at once"
grep -q 'a bench is under way' second || fail "second: $(cat second)"
"$qctl" power --baseline >second 2>&1 && fail "idle power during a bench"
grep -q 'a bench is under way' second || fail "baseline: $(cat second)"
timeout 100 "$qctl" watch bars -n 40 --json >results || fail "no live results"
! grep -q '"lost":[1-9]' results || fail "lost"
# its client is killed: it ends at once
kill -KILL "$asking"
within 1000 grep -q 'bench of stream slow: who asked has gone' log
"$qctl" bench bars -n 1 --json >answer || fail "after one that was given up"

# alone: the streams pause, say why, and go on; also when the client is killed
benching bars --alone --seconds 60
within 2000 stream_is bars waiting
of_stream bars reason | grep -q 'bench --alone' || fail "reason: $(of_stream bars reason)"
stays published # no results while the streams pause
stream_is bars waiting || fail "they do not pause any more"
kill -KILL "$asking"
within 1000 grep -q 'bench of stream bars: who asked has gone' log
within 3000 delivers bars
within 3000 stream_is bars running
"$qctl" bench bars -n 1 --alone --json >answer || fail "alone"
[ "$(value alone)" = true ] && [ "$(value live_fps)" = 0.00 ] && [ "$(value frames)" -gt 30 ] || fail "$(cat answer)"

# the stream's removal leaves the model to the bench
benching slow --seconds 2 --json
sed -i '/name: slow/d' bench.yaml
"$qctl" reload >/dev/null
wait "$asking" || fail "a bench of a removed stream: $(cat said)"
grep -q '"stream":"slow".*"frames":[1-9]' said || fail "removed: $(cat said)"

refused() { # STATUS TEXT ARGUMENT...
    local status=0 want=$1 text=$2
    shift 2
    "$qctl" bench "$@" >said 2>&1 || status=$?
    [ $status = "$want" ] && grep -qF -- "$text" said || fail "bench $*: status $status, $(cat said)"
}
refused 1 'no such stream' nowhere
refused 2 '1 to 60 seconds' -n 61
refused 2 'only one STREAM' a b

# SIGTERM in the middle
benching bars --alone --seconds 60
stop
wait "$asking" && fail "an answer from a daemon that has stopped"
refused 3 'not running' bars
