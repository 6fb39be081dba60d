#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Percentiles against the records' own stamps; what `qctl clients` says of a stopped and a slow client against the
# sequence numbers that they saw. Needs BUILD.
# alone: it looks at how fast things happen
. "$(dirname "$0")/daemon_lib.sh"

# a film of 2000 frames, as fast as it goes, and a ring that keeps them all
film 2000 >"$work/film.y4m"
config film.yaml <<YAML
streams:
  - {name: film, ring_slots: 4096, source: {type: replay, path: $work/film.y4m, loop: false, fps: max}, model: {path: $tiny}}
YAML
start film.yaml
"$probe" percentiles "$QEDGE_SOCKET" >"$work/percentiles" || { cat "$work/percentiles"; fail "percentiles"; }
tail -n 1 "$work/percentiles"
# the JSON says the same
p99=$(grep -m1 '^total p99 ' "$work/percentiles" | cut -d' ' -f3)
json_p99=$("$BUILD/qctl" status --json | grep -o '"total":{[^}]*}' | head -1 | grep -o '"p99_us": *[0-9.]*' | grep -o '[0-9.]*$')
awk -v a="$p99" -v b="$json_p99" 'BEGIN { d = a / 1000 - b; exit !(d < 0.06 && d > -0.06) }' || fail "status says p99 $json_p99 us, the page $p99 ns"
stop

# who reads how far: 100 results a second, a ring of 256
config clients.yaml <<YAML
streams: [{name: bars, ring_slots: 256, source: {type: pattern, size: 64x48, fps: 100}, model: {path: $tiny}}]
YAML
start clients.yaml
of_client() { # PID KEY
    "$BUILD/qctl" clients --json | tr '{' '\n' | grep -A1 "\"pid\": *$1," | tr -d '\n' | grep -o "\"$2\": *[0-9.]*" | head -1 | grep -o '[0-9.]*$'
}
seen() { grep -o '"sequence": *[0-9]*' "$1" | tail -1 | grep -o '[0-9]*$'; }
gaps() { grep -o '"sequence": *[0-9]*' "$1" | grep -o '[0-9]*$' | awk 'NR > 1 { sum += $1 - before - 1 } { before = $1 } END { print sum + 0 }'; }
"$BUILD/qctl" watch bars --json >"$work/witness" 2>&1 & witness=$!
others+=($witness)
"$BUILD/qctl" watch bars --json >"$work/stopped" 2>&1 & stopped=$!
others+=($stopped)
within 5000 test -s "$work/stopped" -a -s "$work/witness"
within 5000 eval '[ "$(of_client $stopped read_sequence)" -gt 20 ]'

halt $stopped
last=$(of_client $stopped read_sequence)
# it may have been stopped between reading and printing
printed=$(seen "$work/stopped")
[ $((last - printed)) -ge 0 ] && [ $((last - printed)) -le 1 ] || fail "read_sequence $last, it printed $printed"
already=$(gaps "$work/stopped") # on a machine that stood still
within 20000 eval '[ "$(of_stream bars sequence)" -gt $((last + 350)) ]'
before=$(of_stream bars sequence)
lag=$(of_client $stopped lag) lost=$(of_client $stopped lost)
after=$(of_stream bars sequence)
[ "$(of_client $stopped read_sequence)" = "$last" ] || fail "a stopped client reads"
[ "$lag" -ge $((before - last)) ] && [ "$lag" -le $((after - last)) ] || fail "lag $lag, between $((before - last)) and $((after - last)) expected"
# of 256 slots one is being written, and an overtaken reader leaves an eighth more alone
reach=$((223 - already))
[ "$lost" -ge $((before - last - reach)) ] && [ "$lost" -le $((after - last - reach)) ] || fail "lost $lost, $((before - last - reach)) to $((after - last - reach)) expected"
# nothing is lost to the witness but what it saw missing itself, and that is nothing unless the machine stands still
within 5000 eval '[ "$(of_client $witness lost)" = "$(gaps "$work/witness")" ]'
[ "$(gaps "$work/witness")" = 0 ] || echo "slow: the witness lost $(gaps "$work/witness") of $after"
"$BUILD/qctl" clients >"$work/table"
grep "qctl" "$work/table" | grep -q " $stopped " || fail "the stopped client is not in the table: $(cat "$work/table")"
# once it goes on: exactly the gaps in what it saw
kill -CONT $stopped
within 5000 eval '[ "$(of_client $stopped lag)" -lt 50 ]'
lost_after=$(of_client $stopped lost)
[ "$lost_after" -ge "$lost" ] || fail "lost went back from $lost to $lost_after"
within 5000 eval '[ "$(of_client $stopped lost)" = "$(gaps "$work/stopped")" ]'

# a client that takes 40 ms for each result falls behind and loses: as many as are missing in what it saw
"$probe" slow "$QEDGE_SOCKET" 40 200 >"$work/slow" & slow=$!
others+=($slow)
within 30000 grep -q done "$work/slow"
"$BUILD/qctl" clients --json | tr '{' '\n' | grep -A1 "\"pid\": *$slow," | tr -d '\n' >"$work/answer"
number() { grep -o "\"$1\": *[0-9]*" "$work/answer" | head -1 | grep -o '[0-9]*$'; }
[ "$(number read_sequence)" = "$(seen "$work/slow")" ] || fail "slow client: $(cat "$work/answer"), it saw $(seen "$work/slow")"
waiting=$(($(number lag) < 256 ? 0 : $(number lag) - 223))
[ "$(gaps "$work/slow")" -gt 0 ] || fail "the slow client lost nothing"
[ $(($(number lost) - waiting)) = "$(gaps "$work/slow")" ] || fail "slow client: $(cat "$work/answer"), gaps $(gaps "$work/slow")"
[ "$(number count)" = 200 ] || fail "slow client: $(cat "$work/answer")"

# what is no progress memfd is refused, nonsense in one harms nobody
"$hostile" progress "$QEDGE_SOCKET" >"$work/nonsense" & nonsense=$!
others+=($nonsense)
within 10000 eval '[ "$(wc -l <"$work/nonsense")" = 4 ]'
[ "$(tr '\n' ' ' <"$work/nonsense")" = "0 refused 1 refused 2 taken 3 taken " ] || fail "nonsense: $(cat "$work/nonsense")"
"$BUILD/qctl" clients >"$work/table" || fail "clients with nonsense"
[ "$(grep -c '^nonsense' "$work/table")" = 2 ] || fail "nonsense is not listed: $(cat "$work/table")"
kill -KILL $nonsense
delivers bars || fail "no results any more"
stop
