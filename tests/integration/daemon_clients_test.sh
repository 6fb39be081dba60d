#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clients that are hostile, deaf, stopped, killed, too many, or not allowed: nobody else notices.
. "$(dirname "$0")/daemon_lib.sh"

config one.yaml <<YAML
max_clients: 40
streams: [{name: bars, ring_slots: 16384, source: {type: pattern, size: 64x48, fps: 200}, model: {path: $tiny}}]
YAML
start one.yaml
"$BUILD/qctl" watch bars --json >"$work/witness" 2>&1 &
witness=$!
others+=($witness)
within 5000 test -s "$work/witness"

fds() { ls "/proc/$daemon/fd" | wc -l; }
fds_before=$(fds)
seed=${SEED:-$(($(date +%s) % 100000))}
"$hostile" garbage "$QEDGE_SOCKET" "$seed" 400 || fail "garbage, seed $seed"
answers || fail "garbage: no answer any more, seed $seed"
delivers bars || fail "garbage: no results any more, seed $seed"

"$hostile" rude "$QEDGE_SOCKET" || fail "a client that talks nonsense was not disconnected"
within 5000 eval '[ "$(fds)" = "$fds_before" ]' # nor is anything left of what they sent

"$hostile" deaf "$QEDGE_SOCKET" || fail "a client that never reads was not disconnected"
grep -q "does not read its socket" "$work/log" || fail "nothing said about it"
delivers bars || fail "deaf client"
begin=$(now_ms)
for i in $(seq 10); do "$hostile" hoard "$QEDGE_SOCKET" >"$work/hoarded"; done || fail "a client that lets descriptors lie was not disconnected"
[ "$(grep -o '^[0-9]*' "$work/hoarded")" -le 16 ] || fail "it got $(cat "$work/hoarded")"
# each under another name; deaf ones were a line already
[ "$(grep -c "does not read its socket" "$work/log")" -le $((2 + ($(now_ms) - begin) / 10000)) ] || fail "clients fill the log"

# a reader that is stopped, and one that is killed while it maps the ring
"$BUILD/qctl" watch bars --json >"$work/stopped" 2>&1 &
stopped=$!
"$hostile" hold "$QEDGE_SOCKET" 5 >"$work/held" 2>&1 &
held=$!
others+=($stopped $held)
within 5000 test -s "$work/stopped" -a -s "$work/held"
grep -q '^5 welcome' "$work/held" || fail "hold: $(cat "$work/held")"
kill -STOP $stopped $held
before=$(of_stream bars frames_published)
delivers bars || fail "stopped clients hold up the stream"
# there is no more room for wake-ups of the stopped ones after a few results, and that must not hold up the writer
within 20000 eval '[ "$(of_stream bars frames_published)" -gt $((before + 700)) ]'
kill -KILL $held $stopped
kill -CONT $held $stopped 2>/dev/null || true
within 5000 eval '[ "$(of_stream bars clients)" = 1 ]'

# nor may one that waits for room elsewhere while it reads its wake-ups
"$hostile" clutch "$QEDGE_SOCKET" >"$work/clutched" 2>&1 &
clutch=$!
others+=($clutch)
within 5000 test -s "$work/clutched"
sleep 0.2
before=$(of_stream bars frames_published)
within 5000 eval '[ "$(of_stream bars frames_published)" -gt $((before + 100)) ]'
kill -KILL $clutch
within 5000 eval '[ "$(of_stream bars clients)" = 1 ]'

# more than max_clients: refused with a word; served again when some have gone
"$hostile" hold "$QEDGE_SOCKET" 60 >"$work/crowd" 2>&1 &
crowd=$!
others+=($crowd)
within 20000 test -s "$work/crowd"
cat "$work/crowd"
grep -Eq '^3[89] welcome, 2[12] refused' "$work/crowd" || fail "crowd: $(cat "$work/crowd")"
[ "$(grep -c "more are refused" "$work/log")" = 1 ] || fail "not said once"
"$hostile" hold "$QEDGE_SOCKET" 2 >"$work/more" & # takes the last place, if there is one
more=$!
others+=($more)
within 20000 test -s "$work/more"
! "$BUILD/qctl" status >"$work/said" 2>&1 && grep -q "too many clients" "$work/said" || fail "the newcomer was told: $(cat "$work/said")"
kill -KILL $crowd $more
within 5000 answers
stop

# no descriptors: refused and said once, served again afterwards
config few.yaml <<<"streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}]"
start few.yaml bash -c 'ulimit -n 64; exec "$@"' -
"$hostile" hold "$QEDGE_SOCKET" 150 >"$work/crowd" 2>&1 &
crowd=$!
others+=($crowd)
within 20000 test -s "$work/crowd"
grep -q '[1-9][0-9]* welcome, [1-9][0-9]* refused' "$work/crowd" || fail "no descriptors: $(cat "$work/crowd")"
[ "$(grep -c "no client can be accepted: Too many open files" "$work/log")" = 1 ] || fail "said of the descriptors: $(grep -c "no client can" "$work/log") times"
cpu_before=$(awk '{print $14 + $15}' "/proc/$daemon/stat") begin=$(now_ms)
sleep 0.5
cpu_after=$(awk '{print $14 + $15}' "/proc/$daemon/stat") # of 10 ms
[ $(((cpu_after - cpu_before) * 20)) -lt $(($(now_ms) - begin)) ] || fail "the loop spins without descriptors"
kill -KILL $crowd
within 5000 answers
delivers bars || fail "after the crowd"
stop

# who may connect: root and the daemon's user; others only in the group
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && getent passwd nobody >/dev/null; then
    chmod 755 "$work"
    cp "$BUILD/qctl" "$BUILD"/libqclient.so.0* "$work/" # where nobody can read
    as() { setpriv --reuid nobody --regid nogroup "$@" env LD_LIBRARY_PATH="$work" "$work/qctl" status; }
    config group.yaml <<YAML
socket_group: daemon
streams: [{name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}]
YAML
    start group.yaml
    chmod 666 "$QEDGE_SOCKET" # so that the daemon's own check is what refuses
    status=0
    as --clear-groups >"$work/said" 2>&1 || status=$?
    [ $status != 0 ] || fail "nobody was let in"
    grep -qi "permission denied\|not allowed\|EACCES\|group" "$work/said" || fail "nobody was told: $(cat "$work/said")"
    grep -q "user 65534 refused: not in the group daemon" "$work/log" || fail "nothing in the log"
    as --groups daemon >"$work/said" 2>&1 || fail "a member of the group was refused: $(cat "$work/said")"
    [ "$(stat -c %G "$QEDGE_SOCKET")" = daemon ] || fail "the socket does not belong to the group"
    stop
else
    echo "not root: who may connect is not tested"
fi

# the witness saw every result of its daemon and nothing else
grep -o '"sequence": *[0-9]*' "$work/witness" | grep -o '[0-9]*$' >"$work/sequences"
awk 'NR > 1 && $1 <= before {exit 0} NR > 1 && $1 != before + 1 {exit 1} {before = $1}' "$work/sequences" || fail "the witness has a gap"
