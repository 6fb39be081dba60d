#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# qctl watch --on … --exec …: what is an event, what the command is told, and that no label and no command can do harm.
# The stand-in daemon's class "one" is there for 200 ms (flickering in the second half) and away for 300 ms, over and over.
set -eu
folder=$(mktemp -d)
BUILD=$(cd "$BUILD" && pwd)
daemon_pid=
trap '[ -z "$daemon_pid" ] || kill -KILL "$daemon_pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
export QEDGE_SOCKET=$folder/sock
cd "$folder"
fail() { echo "FAIL: $*"; cat "$folder/out" "$folder/err" 2>/dev/null || true; exit 1; }
watch() { timeout -k 1 200 "$BUILD/qctl" watch "$@" >out 2>err; }
await() { for _ in $(seq 1200); do "$@" && return; sleep 0.05; done; fail "never came: $*"; } # COMMAND...
refused() { # TEXT ARGUMENT...
    local text=$1 status=0; shift
    watch "$@" || status=$?
    case $status in 1 | 2) ;; *) fail "watch $* gave $status" ;; esac
    grep -qF -- "$text" err || fail "no \"$text\" from watch $*"
}
EVENTS=1 "$BUILD/tests/unit/qctl_daemon" "$QEDGE_SOCKET" & daemon_pid=$!
"$BUILD/qctl" --wait 60 status >/dev/null

# Only results that match are shown and counted: by text in any case, by number, by a text with a comma in it.
for class in ONE 1 ' one , tench, Tinca tinca'; do
    [ "${class# }" = "$class" ] || class=one
    watch --json --on "$class" --min-score 0.6 -n 30
    [ "$(grep -c '"hits":\[{"index":1,"label":"one","score":0.9' out)" = 30 ] || fail "--on $class"
done
watch --json --on 'tench, TINCA tinca' --min-score 0.6 -n 10
[ "$(grep -c '"hits":\[{"index":2,' out)" = 10 ] || fail "a label with a comma"
watch --json --on 1,0 --min-score 0.3 -n 10 # class 0 has 0.3 in every result
seqs=$(grep -o '"sequence":[0-9]*' out | cut -d: -f2)
[ $(($(tail -n 1 <<<"$seqs") - $(head -n 1 <<<"$seqs"))) = 9 ] || fail "class 0 is in every result"
watch --min-score 0.8 -n 10
[ "$(grep -c 'one' out)" = 10 ] || fail "--min-score alone is about the best hit"
refused "no such class" --on seagull
refused "--on tinca: this model has no such class; there is 'tench, Tinca tinca'" --on tinca
refused "--on 3: this model has no such class" --on one,3
refused "--min-score takes 0 to 1" --min-score 1.5
refused "--min-score takes 0 to 1" --min-score nan
refused "--away takes seconds" --away -1 --exec true --on one

# An event is a class that was away: 500 ms apart here, however it flickers, and the whole label is there as data only.
watch --on one --min-score 0.6 --away 0.15 -n 3 --exec 'cat >>json; echo "$QEDGE_STREAM|$QEDGE_LABEL|$QEDGE_INDEX|$QEDGE_SCORE|$QEDGE_SEQUENCE|$QEDGE_FRAME|$QEDGE_TIME" >>told'
[ "$(wc -l <out)" = 3 ] && [ "$(wc -l <told)" = 3 ] && [ "$(wc -l <json)" = 3 ] || fail "three events, told $(cat told)"
[ "$(grep -c 'ended with 0' err)" = 3 ] || fail "how the commands ended"
grep -qE '^front\|one\|1\|0\.9000[0-9]*\|[0-9]+\|0\|20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z$' told || fail "told $(cat told)"
[ "$(grep -o '"sequence":[0-9]*' json | cut -d: -f2)" = "$(cut -d'|' -f5 told)" ] || fail "another object than the event's"
mapfile -t at < <(cut -d'|' -f5 told)
[ $((at[1] - at[0])) -ge 60 ] && [ $((at[2] - at[1])) -ge 60 ] || fail "a flicker is an event: ${at[*]}"
# … and without a time to be away every return is one
rm told
watch --on one --min-score 0.6 --away 0 -n 6 --exec 'echo "$QEDGE_SEQUENCE" >>told'
[ "$(wc -l <out)" = 6 ] || fail "flicker"
[ $(($(sed -n '$p' told) - $(sed -n 1p told))) -lt 150 ] || fail "six returns take a second: $(cat told)"

# It stays: again every so often, or never.
rm told
watch --on 0 --every 0.2 -n 4 --json --exec 'echo "$QEDGE_LABEL" >>told; echo command'
grep -qFx 'ev?[2Jil ? $(touch pwned)`touch pwned`"; touch pwned; '\' told || fail "label: $(cat told)"
[ ! -e pwned ] || fail "a label became code"
[ "$(wc -l <out)" = 4 ] && ! grep -q command out && [ "$(grep -c '^command' err)" = 4 ] || fail "JSON only on stdout"
"$BUILD/qctl" watch --on 0 --exec 'echo again >>told' >out 2>err & watcher=$!
await grep -q again told
sleep 1
kill -TERM $watcher; wait $watcher || true
[ "$(grep -c again told)" = 1 ] || fail "it stayed and was no news"
rm told
watch --away 0.15 -n 4 --exec 'echo "$QEDGE_INDEX" >>told' # no --on: whatever is best and was not
[ "$(sort -u told | tr '\n' ' ')" = '1 2 ' ] || fail "the best class: $(cat told)"

# How they end is said; one that hangs, reads nothing or never was holds nobody up.
watch --on one --away 0.15 -n 1 --exec 'exit 7' && grep -q 'the command ended with 7 after' err || fail "exit 7"
watch --on one --away 0.15 -n 1 --exec 'kill -9 $$' && grep -q 'was ended by signal 9' err || fail "signal 9"
watch --on one --away 0.15 -n 1 --exec '-no-such-command' && grep -q 'the command ended with 127' err || fail "127"
"$BUILD/qctl" watch --on 0 --every 0.1 --exec 'echo run >>ran; until [ -e go ]; do sleep 0.05; done' >out 2>err & watcher=$!
seen() { [ "$(wc -l <out)" -ge "$1" ]; }
await seen 8 # a slow command does not stop the watching
[ "$(wc -l <ran)" = 1 ] || fail "more than one at a time: $(wc -l <ran)"
touch go
await grep -Eq 'ended with 0 after [0-9.]+ s; ([7-9]|[1-9][0-9]+) events left out meanwhile' err
grep -q 'still runs .*left out' err || fail "left out"
kill -TERM $watcher; wait $watcher || true
watch --on 0 --every 0.1 -n 5 --exec 'echo $$ >hangs; exec sleep 1000' || true
grep -q 'still runs (process [0-9]*): left alone' err || fail "nothing said of it"
kill "$(cat hangs)" || fail "no command"
[ "$(wc -l <out)" = 5 ] || fail "a command that hangs stops the watching"
# no child is left unreaped while results come
"$BUILD/qctl" watch --on 0 --every 0.1 --exec true >out 2>err & watcher=$!
ended() { [ "$(grep -c 'ended with 0' err)" -ge "$1" ]; }
await ended 3
[ "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v of=$watcher '$3 == "Z" && $4 == of' | wc -l)" -le 1 ] || fail "zombies"
kill -TERM "$daemon_pid"; wait "$daemon_pid" || true; daemon_pid=
wait $watcher || fail "the watcher did not end with the daemon"
