#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What happens to others when something goes wrong, as docs/RELIABILITY.md promises: a crowd, a daemon that is stopped
# and continued, no memory, a full /run, sources that are all replaced. Times are printed, not judged.
# alone: it looks at how fast things happen
. "$(dirname "$0")/daemon_lib.sh"
crowd=$BUILD/tests/fault/crowd

bars() { # FPS
    config bars.yaml <<<"streams: [{name: bars, ring_slots: 16384, source: {type: pattern, size: 64x48, fps: $1}, model: {path: $tiny}}]"
}
uss() { awk '/^Private_/ {sum += $2} END {print sum}' "/proc/$daemon/smaps_rollup"; }
sequences() { grep -o '"sequence": *[0-9]*' "$1" | grep -o '[0-9]*$'; }
no_gap() { # FILE: sequences ascend by one
    sequences "$1" | awk 'NR > 1 && $1 != before + 1 {exit 1} {before = $1} END {exit NR < 10}'
}

# 200 clients, each reads everything; a witness notices nothing
bars 20
start bars.yaml
"$BUILD/qctl" watch bars --json >"$work/witness" 2>&1 &
witness=$!
others+=($witness)
within 5000 test -s "$work/witness"
fds_before=$(ls "/proc/$daemon/fd" | wc -l)
"$crowd" "$QEDGE_SOCKET" bars 200 40 >"$work/crowd" 2>&1 || fail "200 clients: $(cat "$work/crowd")"
tail -n 1 "$work/crowd"
within 5000 eval '[ "$(ls "/proc/$daemon/fd" | wc -l)" = "$fds_before" ]'

# half of 200 are killed in the middle: the rest go on, nothing of the dead is left
"$crowd" "$QEDGE_SOCKET" bars 100 1000000 >"$work/doomed" 2>&1 &
doomed=$!
others+=($doomed)
within 20000 grep -q "all in" "$work/doomed"
"$crowd" "$QEDGE_SOCKET" bars 100 40 >"$work/crowd" 2>&1 &
rest=$!
others+=($rest)
within 20000 grep -q "all in" "$work/crowd"
{ kill -KILL $doomed && wait $doomed; } 2>/dev/null || true
within 5000 eval '[ "$(of_stream bars clients)" -le 101 ]'
echo "100 of 200 clients killed: let go of within $took ms"
wait $rest || fail "the others suffer: $(cat "$work/crowd")"
within 5000 eval '[ "$(ls "/proc/$daemon/fd" | wc -l)" = "$fds_before" ]'

# the daemon is stopped for a second: clients wait, nobody is told anything, no record is lost
newest() { sequences "$work/witness" | tail -n 1; }
halt "$daemon"
stays newest
sleep 1
last=$(sequences "$work/witness" | tail -n 1)
kill -CONT "$daemon"
within 5000 eval '[ "$(sequences "$work/witness" | tail -n 1)" -gt "$last" ]'
echo "SIGSTOP for 1 s: results again $took ms after SIGCONT"
! grep -q "went away\|closed\|reconnected" "$work/witness" || fail "SIGSTOP: the client was told something"
no_gap "$work/witness" || fail "SIGSTOP: a gap"

# no memory for anything new: what runs goes on, and newcomers are served again afterwards. What surely needs some is a
# reload (a thread's stack) and a picture (its memfd is mapped): refused with a word. A newcomer may still fit into
# memory that was let go of: served, or told.
refused() { # COMMAND...: of qctl, that is; with a line
    local status=0
    "$BUILD/qctl" "$@" >"$work/answer" 2>&1 || status=$?
    [ $status != 0 ] || fail "no memory, but this is done: $*"
    grep -qE "^qctl: .*(Cannot allocate memory|Resource temporarily unavailable|no memory)" "$work/answer" || fail "no memory: $*: $(cat "$work/answer")"
    echo "no memory: $*: $(cat "$work/answer")"
}
if command -v prlimit >/dev/null && ! grep -q asan "$BUILD/qedged"; then
    prlimit --pid "$daemon" --data=1:unlimited --as=1:unlimited
    last=$(newest)
    refused reload
    grep -q "reload: no thread" "$work/log" || fail "no memory: the refused reload is not in the log"
    refused snapshot bars -o "$work/picture.png"
    "$crowd" "$QEDGE_SOCKET" bars 50 5 >"$work/crowd" 2>&1 || true
    tail -n 1 "$work/crowd"
    within 5000 eval '[ "$(newest)" -gt "$last" ]' # and results go on meanwhile
    kill -0 "$daemon" || fail "no memory: the daemon died"
    prlimit --pid "$daemon" --data=unlimited:unlimited --as=unlimited:unlimited
    within 5000 delivers bars
    "$BUILD/qctl" reload >/dev/null && "$BUILD/qctl" snapshot bars -o "$work/picture.png" >/dev/null || fail "no memory: still refused afterwards"
    echo "no memory: served again within $took ms"
    no_gap "$work/witness" || fail "no memory: the witness has a gap"
fi
kill $witness
stop

# /run is full: one line, exit status 1; the old socket of a dead daemon is replaced all the same
mkdir "$work/run"
if mount -t tmpfs -o size=4k,nr_inodes=2 none "$work/run" 2>/dev/null; then
    touch "$work/run/full"
    printf 'socket: %s\nstreams: [{name: bars, source: {type: pattern}, model: {path: %s}}]\n' "$work/run/socket" "$tiny" >"$work/full.yaml"
    status=0
    timeout 20 "$BUILD/qedged" --config "$work/full.yaml" 2>"$work/said" || status=$?
    umount "$work/run"
    [ $status = 1 ] || fail "full /run: exit status $status"
    grep -q "run/socket: No space left on device" "$work/said" || fail "full /run: $(cat "$work/said")"
    echo "full /run: refused with '$(grep 'No space' "$work/said")'"
else
    echo "no tmpfs may be mounted here: a full /run is not tried"
fi

# the clock: nothing that the daemon or the library do depends on the time of day
! grep -rnE 'CLOCK_(REALTIME|TAI)|gettimeofday|timespec_get|[^_a-z]time\((NULL|&|0)|(sem|mutex)_timed(wait|lock)|timerfd_create\(CLOCK_REALTIME' \
    common daemon libclient --include=*.[ch] || fail "a clock that may jump is used"
# whoever waits on a condition with a limit: where it is made, in whichever file, it gets the clock that does not jump
for condition in $(grep -rhoE 'pthread_cond_timedwait\(&[^,]*' common daemon libclient engine --include=*.c | sed 's/.*[&>.]//' | sort -u); do
    made=$(grep -rlE "pthread_cond_init\(&[^,]*\b$condition, &" common daemon libclient engine --include=*.c) ||
        fail "$condition: a condition on the time of day"
    grep -q 'pthread_condattr_setclock(&.*, CLOCK_MONOTONIC)' $made || fail "$made: a condition on the time of day"
done

# sixteen streams, sixteen sources, all replaced by one reload
many() { # WIDTH
    { echo "streams:"
      for i in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16; do
          echo "  - {name: s$i, source: {type: pattern, size: ${1}x$((16 + 2 * 10#$i)), fps: 5}, model: {path: $tiny}}"
      done; } | config bars.yaml
}
many 32
start bars.yaml
fds_before=$(ls "/proc/$daemon/fd" | wc -l)
"$BUILD/qctl" --wait 20 watch s07 --json >"$work/moved" 2>&1 &
moved=$!
"$hostile" hold "$QEDGE_SOCKET" 3 >"$work/held" & # never look at their socket again
held=$!
others+=($moved $held)
within 5000 test -s "$work/moved" -a -s "$work/held"
again() { [ "$(grep -c '"reconnected"' "$work/moved")" = "$1" ]; }
for width in 48 32; do
    many $width
    "$BUILD/qctl" reload >/dev/null || fail "16 sources at once: refused"
    delivers s01
    delivers s16
    answers || fail "16 sources at once: no status any more"
    # who read one of them was told, and reads the new one
    within 10000 again $((width == 48 ? 1 : 2))
    [ "$(of_stream s07 clients)" = 1 ] || fail "16 sources at once: s07 has $(of_stream s07 clients) clients"
    ! "$BUILD/qctl" clients --json | grep -q '"hold"' || fail "16 sources at once: clients of streams that went are kept"
done
[ "$(grep -c "the stream was closed" "$work/moved")" = 2 ] || fail "16 sources at once: $(grep qctl: "$work/moved")"
kill $moved $held
within 5000 eval '[ "$(ls "/proc/$daemon/fd" | wc -l)" = "$fds_before" ]'
stop
