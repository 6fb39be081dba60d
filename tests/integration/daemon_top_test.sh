#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qctl top in a real terminal (tmux) against a real daemon: what the screen shows in several sizes and while they change,
# keys, colours, locales, a daemon that goes and comes, a client's lag and losses against the sequence numbers that it
# saw, Ctrl-Z and Ctrl-C, and the text of batch mode. Needs BUILD, tmux.
. "$(dirname "$0")/daemon_lib.sh"
if ! command -v tmux >/dev/null; then
    [ -z "${CI:-}" ] || fail "no tmux"
    echo "no tmux"
    exit 77
fi
export QEDGE_ROOT=$work/root STATE_DIRECTORY=$work/state LC_ALL=C.UTF-8
unset NO_COLOR
spark='[▁▂▃▄▅▆▇█]'
mkdir "$STATE_DIRECTORY"
put() { mkdir -p "$QEDGE_ROOT/$(dirname "$1")"; echo "$2" >"$QEDGE_ROOT/$1"; }
put sys/class/hwmon/hwmon2/name ina226
put sys/class/hwmon/hwmon2/in1_input 5000
put sys/class/hwmon/hwmon2/curr1_input 640
put sys/class/thermal/thermal_zone0/type cpu-thermal
put sys/class/thermal/thermal_zone0/temp 48312
put sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq 1500000
put sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq 2400000

# A terminal whose shell is bash; what is typed into it, what it shows. One server a terminal: one whose last session ends
# is about to exit and would not take another.
terminals=0
terminal() { tmux -S "$work/tmux$terminals" -u -f /dev/null "$@"; }
open_terminal() { # COLUMNS ROWS
    terminals=$((terminals + 1))
    terminal new-session -d -x "$1" -y "$2" "PS1='ready> ' bash --norc --noprofile -i"
    others+=("$(terminal display-message -p '#{pid}')")
    shows '^ready> *$'
}
close_terminal() { terminal kill-server; }
type_keys() { terminal send-keys "$@"; }
resize() { terminal resize-window -x "$1" -y "$2"; }
capture() { terminal capture-pane -p >"$work/screen"; }
shown() { capture; grep -Eq -- "$1" "$work/screen"; }
shows() { # REGEX: it comes, at the latest after two minutes
    local end=$(($(now_ms) + 120000))
    until shown "$1"; do
        [ "$(now_ms)" -lt $end ] || { cat "$work/screen"; fail "the screen does not show: $1"; }
        sleep 0.05
    done
}
# A terminal may be looked at in the middle of a picture: what has to be gone goes at the latest with the next one.
shown_not() { ! shown "$1"; }
shows_not() { within 2000 shown_not "$1"; }
line_shown() { capture && [ "$(sed -n "$1p" "$work/screen")" = "$2" ]; }
line_is() { within 2000 line_shown "$@"; } # NUMBER TEXT
keys_line="q quit  h help  p pause  sort: config"
top_keys() { type_keys "$1"; shift; [ $# = 0 ] || shows "$@"; }
rows_shown() { # PATTERN: names of the streams from the top
    capture
    [[ "$(grep -E '^(bars|fast|nocam) ' "$work/screen" | cut -d' ' -f1 | tr '\n' ' ')" =~ ^($1)\ $ ]]
}
rows_are() { within 2000 rows_shown "$1"; }

config three.yaml <<YAML
workers: {threads: 1}
streams:
  - {name: bars, ring_slots: 64, source: {type: pattern, fps: 50}, gate: {threshold: 0.1}, model: {path: $tiny}}
  - {name: fast, source: {type: pattern, size: 640x480, fps: 1000}, model: {path: models/efficientnet_lite0_int8.tflite}}
  - {name: nocam, source: {type: v4l2, device: $work/video7}, model: {path: $tiny}}
YAML
start three.yaml
"$BUILD/qctl" watch bars --json >"$work/reader" & others+=($!)
reader=$!

# 80 x 24
open_terminal 80 24
type_keys "'$BUILD/qctl' top --interval 0.2" Enter
shows "^bars +running +[1-9][0-9]*\.[0-9] +[0-9]+\.[0-9] +[0-9]+ +0 +[0-9]+ +[0-9.]+ [░▒▓█▚]{8,} +$spark{5,}\$"
shows '^fast +running '
shows '^nocam +waiting +0\.0 +0\.0 +0 +0 +- +-$'
shows "^qctl watch +$reader bars +reading +[0-9]+\.[0-9] +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+$"
shows '^qedged [0-9.]+  degraded  up [0-9]+ s  cpu [0-9]+ %  [0-9.]+ MiB .* [0-9:]{8}$'
shows '^48\.3 C  3\.20 W \(hwmon\)  1500 of 2400 MHz$'
shows '^reason stream nocam is waiting: '
shows '^STREAM +STATE +IN/s OUT/s +DROPS ERRORS +LAG P99 ms STAGES +LATENCY$'
shows '^CLIENT +PID STREAM +STATE +READ/s +LAG +LOST QUIET s P99 ms$'
line_is 24 "$keys_line"
terminal capture-pane -e -p >"$work/codes"
grep -q "$(printf '\033\\[32m')running" "$work/codes" || fail "no colour on a terminal"

# keys
rows_are "bars fast nocam" # as configured
top_keys d 'sort: drops$'
rows_are "fast bars nocam"
top_keys r 'sort: drops, reversed$'
rows_are "(bars nocam|nocam bars) fast"
top_keys r 'sort: drops$'
top_keys n 'sort: name$'
top_keys r 'sort: name, reversed$'
rows_are "nocam fast bars"
top_keys r 'sort: name$'
top_keys Right 'sort: in$'
rows_are "fast bars nocam"
top_keys Left 'sort: name$'
top_keys Left 'sort: config$'
top_keys Left 'sort: p99$'
rows_are "(fast bars|bars fast) nocam"
top_keys c 'sort: config$'
top_keys h '^qctl top: keys and columns$'
shows '░ capture  ▒ wait  ▓ preprocess  █ infer  ▚ publish'
top_keys x '^STREAM '
top_keys p 'PAUSED$'
paused() { # for longer than the clock in the corner stands still
    capture
    cp "$work/screen" "$work/paused"
    sleep 1.5
    capture
    cmp "$work/screen" "$work/paused"
}
within 3000 paused
top_keys p ' [0-9:]{8}$'

# sizes: what matters least goes first, nothing wraps, nothing is left behind
resize 60 15
shows '^STREAM +STATE +IN/s OUT/s +DROPS P99 ms LATENCY$'
shows '^CLIENT +PID STREAM +STATE +LAG +LOST$'
line_is 15 "$keys_line"
resize 120 40
shows '^STREAM +STATE +IN/s OUT/s +DROPS +GATED ERRORS +LAG P50 ms P99 ms STAGES +LATENCY$'
shows '^bars +running +[0-9.]+ +[0-9.]+ +[0-9]+ +[0-9]+ +0 '
shows '^nocam +waiting +0\.0 +0\.0 +0 +- +0 '
line_is 40 "$keys_line"
resize 30 9
shows '^STREAM +STATE +OUT/s$'
shows '^2 of 4 rows hidden'
top_keys Down '^nocam '
top_keys Up '^bars '
resize 10 3
shows '^qedged'
for size in 79 23 200 12 81 40 9 100; do # under way, faster than pictures come
    resize $size $((size / 3))
    sleep 0.03
done
resize 80 24
whole() { # each line once, the first and the last in their places
    capture
    sed -n 1p "$work/screen" | grep -q '^qedged ' && sed -n 24p "$work/screen" | grep -q '^q quit' &&
        grep -Eq '^CLIENT .* P99 ms$' "$work/screen" &&
        [ "$(grep -c '^STREAM \|^CLIENT \|^bars \|^q quit\|^qedged ' "$work/screen")" = 5 ]
}
within 5000 whole
sleep 0.5
within 5000 whole # no pieces of old pictures

# a daemon that is killed, that does not answer, and that is back: said, and what was known is kept
resize 200 24 # with a long memory
shows "^bars +running .*$spark{20}\$"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
shows '^qedged is gone  since [0-9:]{8}'
shows '; asking again$'
shows_not '^bars'
shows '^q quit'
sleep 1 # five looks
rm -f "$QEDGE_SOCKET"
sleep 2 # many looks, also where they take long
start three.yaml
shows "^bars +running .* [░▒▓█▚]{8,} .*$spark {3,}$spark+\$" # with a gap between what was before and after
resize 80 24
kill -STOP "$daemon"
shows '^qedged does not answer  since [0-9:]{8}'
top_keys n 'sort: name$'
kill -CONT "$daemon"
shows '^bars +running '

# the terminal is given back: Ctrl-Z and fg
type_keys C-z
shows '^\[1\]\+ +Stopped'
shows '^ready> *$'
type_keys fg Enter
shows '^bars +running '
top_keys q '^ready> *$'

# ... and at the end, by q, signals and a crash. What stty says is asked by a shell that does not touch the modes itself.
cat >"$work/modes.sh" <<SH
trap : INT
stty -g >'$work/before'
sh -c 'echo \$\$ >"$work/pid"; exec "$BUILD/qctl" top --interval 0.2'
stty -g >'$work/after'
SH
for way in q C-c TERM HUP SEGV; do
    rm -f "$work/after"
    type_keys "clear; sh '$work/modes.sh'" Enter
    shows '^bars +running '
    stty -F "$(terminal display-message -p '#{pane_tty}')" -a | grep -q -- '-icanon' || fail "keys need Enter"
    if [ $way = q ] || [ $way = C-c ]; then type_keys $way; else kill -$way "$(cat "$work/pid")"; fi
    within 5000 test -s "$work/after"
    shows '^ready> *$'
    shows_not '^STREAM'
    cmp "$work/before" "$work/after" || fail "$way: the terminal's modes are not as before"
    [ "$(terminal display-message -p '#{cursor_flag}#{wrap_flag}#{alternate_on}')" = 110 ] || fail "$way: cursor, wrapping or page"
done

# as many looks as asked for, and no other
type_keys "clear; '$BUILD/qctl' top -n 2 --interval 0.1; echo status \$?" Enter
shows '^status 0$'

# without colour, without UTF-8, on a terminal that is none
type_keys "clear; NO_COLOR=1 '$BUILD/qctl' top --interval 0.2" Enter
shows "^bars +running .*$spark{3}\$"
terminal capture-pane -e -p >"$work/codes"
! grep -q "$(printf '\033\\[')" "$work/codes" || fail "NO_COLOR is not respected"
top_keys q '^ready> *$'
type_keys "clear; LC_ALL=C '$BUILD/qctl' top --interval 0.2" Enter
shows '^bars +running .* [0-9.]+ [cwpio]{8}[cwpio]* +[_.:=+*#-]{3,}$'
! LC_ALL=C grep -q '[^ -~]' "$work/screen" || fail "the screen is not ASCII in the C locale"
top_keys h 'c capture  w wait  p preprocess  i infer  o publish'
top_keys q '^ready> *$'
resize 80 60
type_keys "clear; TERM=dumb '$BUILD/qctl' top -n 2 --interval 0.2; echo status \$?" Enter
shows '^status 0$'
terminal capture-pane -e -p >"$work/codes"
! grep -q "$(printf '\033\\[')" "$work/codes" || fail "TERM=dumb is not respected"
[ "$(grep -c '^STREAM' "$work/screen")" = 2 ] || fail "TERM=dumb: not two blocks"
close_terminal

# batch mode: blocks of plain text, 80 columns, or objects
LC_ALL=C "$BUILD/qctl" top -b -n 2 --interval 0.2 --sort drops >"$work/batch" || fail "batch"
! grep -q "$(printf '\033')" "$work/batch" || fail "escape sequences in batch mode"
[ "$(grep -c '^qedged ' "$work/batch")" = 2 ] && [ "$(grep -c '^STREAM ' "$work/batch")" = 2 ] || fail "not two blocks: $(cat "$work/batch")"
[ "$(grep -E '^(bars|fast|nocam)' "$work/batch" | head -1 | cut -d' ' -f1)" = fast ] || fail "--sort"
grep -Eq "^qctl watch +$reader bars +reading +[0-9.]+ " "$work/batch" || fail "no reader: $(cat "$work/batch")"
! grep -q "q quit" "$work/batch" || fail "keys in batch mode"
awk 'length($0) > 80 { exit 1 }' "$work/batch" || fail "batch mode is wider than 80 columns"
"$BUILD/qctl" top --json -n 2 --interval 0.2 >"$work/batch" || fail "top --json"
[ "$(grep -c '^{"status":{"version":.*,"clients":\[{.*}$' "$work/batch")" = 2 ] || fail "top --json: $(cat "$work/batch")"
kill -KILL "$reader"
stop

# a client that is stopped: lag and losses on the screen are what it then finds, to the last result
film 1000 >"$work/later.y4m"
config film.yaml <<YAML
streams:
  - {name: film, ring_slots: 64, source: {type: replay, path: $work/film.y4m, loop: false, fps: 100}, model: {path: $tiny}}
YAML
start film.yaml
within 5000 stream_is film waiting
"$BUILD/qctl" watch film --json >"$work/stopped" 2>/dev/null & stopped=$!
others+=($stopped)
within 5000 subscribed film 1
mv "$work/later.y4m" "$work/film.y4m"
within 5000 test -s "$work/stopped"
halt $stopped
open_terminal 80 24
type_keys "'$BUILD/qctl' top --interval 0.2" Enter
shows '^film +finished '
shows "^qctl watch +$stopped film +stalled +0\.0 "
cat "$work/screen"
read -r lag lost < <(awk -v pid="$stopped" '$3 == pid { print $7, $8 }' "$work/screen")
[ "$(awk '$1 == "film" { print $7 }' "$work/screen")" = "$lag" ] || fail "the stream's lag is not its slowest client's"
published=$(of_stream film frames_published)
kill -CONT $stopped
wait $stopped || fail "the stopped client did not end well"
awk -v lag="$lag" -v lost="$lost" -v published="$published" '
    { match($0, /"sequence": *[0-9]+/); sequence = substr($0, RSTART, RLENGTH); sub(/.*: */, "", sequence); sequence += 0 }
    NR > 1 && sequence > last + 1 { gaps += sequence - last - 1; edge = last }
    { last = sequence }
    END {
        print "it saw: lost", gaps + 0, "after", edge + 0, "of", last
        # one result may have been read and not yet printed when it was stopped
        exit !(last == published && gaps == lost && lost > 0 && last - edge >= lag && last - edge <= lag + 1)
    }' "$work/stopped" || fail "the screen said lag $lag, lost $lost"
top_keys q '^ready> *$'
close_terminal
stop
status=0
"$BUILD/qctl" top -b -n 1 >"$work/batch" 2>&1 || status=$?
[ $status = 3 ] && grep -q "not running" "$work/batch" || fail "no daemon: status $status, $(cat "$work/batch")"
