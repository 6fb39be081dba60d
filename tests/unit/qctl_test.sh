#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qctl against a stand-in daemon: exit statuses, what it prints, what it must never print. Needs BUILD.
set -u
folder=$(mktemp -d)
daemon_pid=
stop() { [ -z "$daemon_pid" ] || { kill "$@" "$daemon_pid"; wait "$daemon_pid"; } 2>/dev/null; daemon_pid=; }
trap 'stop -KILL; rm -rf "$folder"' EXIT
export QEDGE_SOCKET=$folder/sock
unset NO_COLOR
qctl=$BUILD/qctl
failures=0

fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
expect() { # STATUS COMMAND...: runs it with output to $folder/out and $folder/err
    local want=$1 got; shift
    "$@" >"$folder/out" 2>"$folder/err"; got=$?
    [ "$got" = "$want" ] || { fail "$* gave $got, not $want"; cat "$folder/out" "$folder/err"; }
}
printed() { grep -qF -- "$1" "$folder/out" || { fail "no \"$1\" in the output"; cat "$folder/out"; }; }
said() { grep -qF -- "$1" "$folder/err" || { fail "no \"$1\" on stderr"; cat "$folder/err"; }; }
lines() { local got; got=$(wc -l <"$folder/out"); [ "$got" = "$1" ] || fail "$got lines, not $1"; }
await() { # COMMAND...: until it succeeds, a minute at most
    for _ in $(seq 1200); do "$@" && return; sleep 0.05; done
    fail "never came: $*"
}
start() {
    "$BUILD/tests/unit/qctl_daemon" "$QEDGE_SOCKET" & daemon_pid=$!
    "$qctl" --wait 60 version >/dev/null
    "$qctl" --wait 60 status >/dev/null || fail "the stand-in does not start"
}

# Nobody there.
for command in status streams clients power reload top watch; do expect 3 "$qctl" $command; done
said "qedged is not running"
expect 0 "$qctl" version
printed "qedged: not running"
expect 3 "$qctl" status --format prometheus
printed "qedge_up 0"
expect 3 "$qctl" --socket "$folder/other" status
said "$folder/other"
said "start it, or name its socket"
expect 3 "$qctl" --socket "$folder" status
said "$folder: not a socket"

# Usage.
expect 2 "$qctl"
expect 2 "$qctl" nonsense
expect 2 "$qctl" status extra
expect 2 "$qctl" watch a b
expect 2 "$qctl" top extra
expect 2 "$qctl" top --interval 0
expect 2 "$qctl" top --interval 1s
expect 2 "$qctl" top --interval nan
expect 2 "$qctl" top --sort nonsense
expect 2 "$qctl" watch -n 0
expect 2 "$qctl" watch -n 12x
one_line() { [ "$(wc -l <"$folder/err")" = 1 ] || { fail "not one line on stderr"; cat "$folder/err"; }; }
expect 2 "$qctl" --no-such-option status
said "no such option: --no-such-option (qctl --help)"
one_line
expect 2 "$qctl" watch -n
said "no value after: -n"
one_line
expect 2 "$qctl" check
refuses() { # TEXT ARGUMENT...: with 2 and one line that names it
    local text=$1; shift
    expect 2 "$qctl" "$@"
    said "qctl: $text (qctl --help)"
    one_line
}
refuses "no such option: -x" -xn 5 watch
refuses "no such option: -x" --json -bx top
refuses "no value belongs to: --json=1" --json=1 status
refuses "no value belongs to: --alone=yes" bench --alone=yes
refuses "--alone does not belong to: status" status --alone
refuses "-o does not belong to: status" status -o status.json
refuses "--exec does not belong to: top" --exec true top
refuses "-n does not belong to: streams" streams --count 5
refuses "--seconds does not belong to: watch" watch --seconds 5
refuses "--json does not belong to: check" check --json a.yaml
refuses "--json does not go together with --format: text" status --json --format text
refuses "--json does not go together with --format: prometheus" status --format prometheus --json
refuses "prometheus is a format of status, not of: clients" clients --format prometheus
refuses "--socket takes a path, not nothing" --socket '' status
refuses "--on takes CLASS[,CLASS]..., not nothing" watch --on ,
refuses "--exec takes a command, not nothing" watch --exec ''
refuses "power takes seconds only with --baseline" power --seconds 3
refuses "--seconds takes a whole number from 1, not: 0" power --baseline --seconds 0
expect 2 "$qctl" power --baseline --seconds 601
said "power --baseline takes 1 to 600 seconds"
expect 0 "$qctl" --help
printed "qctl [--socket PATH]"

# A daemon that runs.
start
expect 0 "$qctl" status
printed "v4l2 /dev/video0 640x480 YUYV 30 fps"
printed "12.346"
printed "tabby?[31m cat"
printed "0.20 class 7"
expect 0 "$qctl" status --json
printed '"memory_kb":12345'
lines 1
expect 0 "$qctl" streams
printed "lite0_int8"
lines 2
expect 0 "$qctl" clients
printed 'a"p\p?'
lines 3
expect 0 env LC_ALL=C.UTF-8 "$qctl" top -b -n 1
printed "61.5 C  held back: low voltage  3.21 W (hwmon)"
printed "budget half of the frames for 3 W"
printed "front         running   30.0  29.5      4      1"
printed 'a"p\p?                  1 front     behind        -      5     12     0.0      -'
printed '?[2J?漢漢?31m           2 front     stalled       -  1235k 98765k   86401      -'
expect 0 "$qctl" power
printed "3.21 W, mean 3.15 W over 10 s"
printed "hwmon: input; ina226 ?[2J"
printed "not known before"
printed "61.5 C  1500 of 2400 MHz  held back: low voltage"
expect 0 "$qctl" power --baseline --seconds 3
printed "idle: 2.700 W (hwmon: input)"
expect 2 "$qctl" status --format xml
expect 0 "$qctl" status --format prometheus
printed 'qedge_client_lag_results{client="a\"p\\p\n",pid="1"'
printed 'qedge_stage_latency_seconds{stream="front",stage="total",quantile="0.999"} 0.0088888'
printed 'qedge_stage_latency_seconds_sum{stream="front",stage="total"} 2.9625'
printed 'qedge_stage_latency_seconds_count{stream="front",stage="total"} 375'
printed 'quantile="0.5"} NaN'
printed 'qedge_throttled{cause="under_voltage"} 1'
# dashboards and alarms know them by these names
sed -n 's/^# TYPE //p' "$folder/out" >"$folder/names"
diff - "$folder/names" >"$folder/differ" <<LIST || fail "names of metrics: $(cat "$folder/differ")"
qedge_up gauge
qedge_healthy gauge
qedge_build_info gauge
qedge_uptime_seconds gauge
qedge_cpu_usage_ratio gauge
qedge_memory_bytes gauge
qedge_worker_threads gauge
qedge_clients gauge
qedge_stream_state gauge
qedge_budget_frames_ratio gauge
qedge_budget_threads gauge
qedge_budget_held gauge
qedge_frames_received_total counter
qedge_frames_dropped_total counter
qedge_frames_bad_total counter
qedge_frames_skipped_total counter
qedge_frames_gated_total counter
qedge_frames_missed_total counter
qedge_results_published_total counter
qedge_model_generation gauge
qedge_stream_clients gauge
qedge_stage_latency_seconds summary
qedge_client_lag_results gauge
qedge_client_lost_results_total counter
qedge_power_info gauge
qedge_power_watts gauge
qedge_power_mean_watts gauge
qedge_energy_joules_total counter
qedge_temperature_celsius gauge
qedge_clock_hertz gauge
qedge_throttled gauge
LIST
if command -v promtool >/dev/null; then
    promtool check metrics <"$folder/out" >"$folder/remarks" 2>&1 || fail "promtool: $(cat "$folder/remarks")"
fi
expect 0 "$qctl" reload
printed "changed: front"
expect 0 "$qctl" version
printed "qedged 9.8.7"
expect 0 "$qctl" version --json
printed '"qedged":{"version":"9.8.7"'
expect 0 "$qctl" watch -n 3
lines 3
printed "0.50 one"
expect 0 "$qctl" watch -n 4 --json front
lines 4
printed '"latency_us":{"capture":'
printed '"label":"one","score":0.500000'
printed '\u001b[2Jil ? label'

# What could not be written is told: a full disk must not leave half an answer and a status of 0.
for command in --help --version status "status --json" "status --format prometheus" streams clients power reload version \
    "watch -n 1" "top -b -n 1" "top --json -n 1"; do
    # shellcheck disable=SC2086
    "$qctl" $command >/dev/full 2>"$folder/err" && fail "\`qctl $command\` was written to a full device"
    said "qctl: standard output can not be written"
    one_line
done

# A daemon that is there but stuck.
kill -STOP "$daemon_pid"
expect 0 "$qctl" version
printed "qedged: no answer: Connection timed out"
expect 4 "$qctl" status --format prometheus
printed "qedge_up 0"
kill -CONT "$daemon_pid"

# Nothing that others wrote reaches a terminal raw, and without a terminal there is no colour at all.
for command in status streams clients power reload "top -b -n 2 --interval 0.1" "watch -n 2" "status --json" "watch -n 1 --json"; do
    # shellcheck disable=SC2086
    "$qctl" $command >"$folder/out" 2>&1
    ! grep -q "$(printf '\033')" "$folder/out" || fail "an escape character in \`qctl $command\`"
done
for command in status streams clients power "top -b -n 1" "watch -n 2"; do
    # shellcheck disable=SC2086
    LC_ALL=C "$qctl" $command >"$folder/out"
    awk 'length($0) > 80 { exit 1 }' "$folder/out" || fail "\`qctl $command\` is wider than 80 columns"
    ! LC_ALL=C grep -q '[^ -~]' "$folder/out" || fail "\`qctl $command\` is not ASCII in the C locale"
done
if command -v script >/dev/null; then
    script -qec "$qctl status" /dev/null </dev/null >"$folder/out"
    grep -q "$(printf '\033\\[32m')running" "$folder/out" || fail "no colour on a terminal"
    # the screen is cleared once, when it begins, and never by a name
    TERM=xterm LC_ALL=C.UTF-8 script -qec "$qctl top -n 3 --interval 0.1" /dev/null </dev/null >"$folder/out"
    [ "$(grep -o "$(printf '\033\\[2J')" "$folder/out" | wc -l)" = 1 ] || fail "top: a name clears the screen"
    ! LC_ALL=C grep -q "$(printf '\302\233\|\342\200\256')" "$folder/out" || fail "top: a name turns the text"
    grep -q "$(printf '\033\\[32m')running" "$folder/out" || fail "top: no colour on a terminal"
    tail -c 24 "$folder/out" | grep -q "$(printf '\033\\[?25h\033\\[?1049l')" || fail "top: the terminal is not given back"
    NO_COLOR=1 script -qec "$qctl status" /dev/null </dev/null >"$folder/out"
    ! grep -q "$(printf '\033\\[')" "$folder/out" || fail "NO_COLOR is not respected"
fi

# Killed under a watcher, then back: the watcher says so and goes on.
"$qctl" watch --json >"$folder/watch" 2>"$folder/watch.err" & watcher=$!
await test -s "$folder/watch"
stop -KILL
rm -f "$QEDGE_SOCKET"
await grep -q "qedged went away" "$folder/watch.err"
start
await grep -q '"reconnected"' "$folder/watch"
kill -0 "$watcher" || fail "the watcher died with the daemon"
stop -TERM
wait "$watcher"
[ $? = 0 ] || fail "the watcher did not end well"
grep -q "the stream was closed" "$folder/watch.err" || fail "the watcher did not hear of the orderly end"
[ "$(grep -c '"reconnected"' "$folder/watch")" = 1 ] || fail "reconnected is not said exactly once"

# Stopped before the count was reached.
start
rm -f "$folder/watch" # of the watcher before
"$qctl" watch -n 100000 >"$folder/watch" 2>/dev/null & watcher=$!
await test -s "$folder/watch"
stop -TERM
wait "$watcher"
[ $? = 3 ] || fail "a watch that was cut short must end with 3"

# Stopped in order and started again: --wait bridges it, and its end is said.
start
rm -f "$folder/watch" # of the watcher before
"$qctl" --wait 12 watch --json >"$folder/watch" 2>"$folder/watch.err" & watcher=$!
await test -s "$folder/watch"
stop -TERM
await grep -q "waiting for it to come back" "$folder/watch.err"
start
await grep -q '"reconnected"' "$folder/watch"
stop -TERM
wait "$watcher"
[ $? = 0 ] || fail "the patient watcher did not end well"
grep -qx "qctl: the stream was closed" "$folder/watch.err" || fail "the patient watcher waits for ever"

# A reload that fails.
RELOAD_FAILS=1 start
expect 1 "$qctl" reload
printed "a.yaml:3:5: model.path: no such file"
printed "everything stays as it was"
stop -TERM

[ $failures = 0 ]
