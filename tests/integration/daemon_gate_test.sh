#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The motion gate and max_fps in a real daemon: a noisy scene in which nothing moves is not inferred, the very frame in
# which a box has moved is; results keep coming, marked; a reload switches both on and off.
. "$(dirname "$0")/daemon_lib.sh"
model=$top/models/efficientnet_lite0_int8.tflite
scene=$BUILD/tests/integration/make_scene
"$scene" "$work/later.y4m" 90 60 4
"$scene" "$work/still.y4m" 12 99 4

# one stream with and one without the gate; the recording ends, and fps: max loses no frame, so every frame has its place
config gate.yaml <<YAML
workers: {threads: 2}
streams:
  - &gated
    name: gated
    source: &moved {type: replay, path: $work/moved.y4m, fps: max, loop: false}
    model: {path: $model}
    mode: throughput
    max_fps: 20
    gate: {threshold: 0.5, heartbeat: 3600}
  - {name: all, source: *moved, model: {path: $tiny}, mode: throughput}
YAML
start gate.yaml
within 5000 stream_is gated waiting
"$BUILD/qctl" watch gated --json >"$work/results" 2>"$work/watch" &
others+=($!)
within 5000 subscribed gated 1
mv "$work/later.y4m" "$work/moved.y4m" # who watches sees all of it
within 30000 stream_is gated finished
within 5000 grep -q "closed" "$work/watch"
[ "$(of_stream gated frames_published)" = 90 ] && [ "$(of_stream gated frames_dropped)" = 0 ] || fail "published $(of_stream gated frames_published), dropped $(of_stream gated frames_dropped)"
[ "$(of_stream gated frames_gated)" = 88 ] || fail "$(of_stream gated frames_gated) of 90 frames gated, not 88"
[ "$(of_stream all frames_gated)" = 0 ] && [ "$(of_stream all gate)" = null ] || fail "the other stream is gated"
[ "$(wc -l <"$work/results")" = 90 ] || fail "the client saw $(wc -l <"$work/results") of 90 results"
key() { grep -o "\"$1\": *[^,}]*" | sed 's/.*: *//'; }
# the frame in which the box stands elsewhere, and it alone
[ "$(grep '"gated": *false' "$work/results" | grep -v '"frame": *0,' | key frame)" = 60 ] || fail "not gated: $(grep '"gated": *false' "$work/results")"
grep '"frame": *61,' "$work/results" | grep '"gated": *true' | grep -q '"flags": *\[ *"gated" *\]' || fail "not marked: $(grep '"frame": *61,' "$work/results")"
# a gated result repeats the inferred one, with the frame's own number and times
hits() { grep "\"frame\": *$1," "$work/results" | grep -o '"hits".*'; }
[ -n "$(hits 60)" ] && [ "$(hits 61)" = "$(hits 60)" ] && [ "$(hits 89)" = "$(hits 60)" ] || fail "another result is repeated"
[ "$(hits 59)" != "$(hits 60)" ] || fail "the box has moved and the scores are the same"
key sequence <"$work/results" | awk 'NR > 1 && $1 != last + 1 { exit 1 } { last = $1 }' || fail "sequence"
key frame <"$work/results" | awk 'NR > 1 && $1 != last + 1 { exit 1 } { last = $1 }' || fail "frame numbers"
key published_ns <"$work/results" | awk '$1 <= last { exit 1 } { last = $1 }' || fail "times"
"$BUILD/qctl" status --format prometheus | grep -qx 'qedge_frames_gated_total{stream="gated"} 88' || fail "metrics"
"$BUILD/qctl" status | grep -q "saved *88 results gated (threshold 0.5 %, heartbeat 3600 s)" || fail "the screen"
stop

# the heartbeat; max_fps; a reload for each
write() { # KEYS...
    config thrift.yaml <<YAML
streams:
  - name: still
    source: {type: replay, path: $work/still.y4m, fps: 40}
    model: {path: $tiny}
    mode: throughput
    $1
YAML
}
write "gate: {threshold: 1, heartbeat: 0.5}"
begin=$(now_ms)
start thrift.yaml
within 5000 eval '[ "$(of_stream still frames_gated)" -gt 100 ]'
"$BUILD/qctl" status --json >"$work/answer" # one moment's counters
counted() { grep -o "\"$1\": *[0-9]*" "$work/answer" | grep -o '[0-9]*$'; }
inferred=$(($(counted frames_published) - $(counted frames_gated))) ms=$(($(now_ms) - begin))
# the first one, and two a second (mode auto measures first, whatever the gate says)
[ $inferred -ge 4 ] && [ $inferred -le $((3 + ms / 500)) ] || fail "$inferred frames inferred in $ms ms"
write "gate: {threshold: off}"
"$BUILD/qctl" reload >/dev/null || fail "reload"
results() { # NUMBER: so many more of them
    local from
    from=$(of_stream still frames_published)
    within 5000 eval '[ "$(of_stream still frames_published)" -ge '$((from + $1))' ]'
}
results 5 # what was under way
before=$(of_stream still frames_gated)
results 20
[ "$(of_stream still frames_gated)" = "$before" ] && [ "$(of_stream still gate)" = null ] || fail "still gated"
[ "$(of_stream still max_fps)" = null ] && [ "$(of_stream still frames_skipped)" = 0 ] || fail "skipped before it was asked for"
write "max_fps: 10"
dropped=$(of_stream still frames_dropped)
"$BUILD/qctl" reload >/dev/null || fail "reload"
within 15000 eval 'f=$(of_stream still fps_out) && [ "${f%.*}" -ge 7 ] && [ "${f%.*}" -le 10 ]'
within 5000 eval '[ "$(of_stream still frames_skipped)" -gt 30 ]'
skipped=$(of_stream still frames_skipped) dropped=$(($(of_stream still frames_dropped) - dropped))
[ "$skipped" -gt "$dropped" ] || fail "$skipped skipped, $dropped dropped"
within 5000 eval 'stream_is still running && [ -z "$(of_stream still hint)" ]' # skipping by choice is no fault
"$BUILD/qctl" status | grep -q "frames skipped (max_fps 10)" || fail "the screen"
"$BUILD/qctl" status --format prometheus | grep -q '^qedge_frames_skipped_total{stream="still"} [1-9]' || fail "metrics"
write "max_fps: off"
"$BUILD/qctl" reload >/dev/null || fail "reload"
within 15000 eval 'f=$(of_stream still fps_out) && [ "${f%.*}" -ge 20 ]'
stop

# a source as fast as the workers: it waits, no frame is left out
config paced.yaml <<YAML
streams: [{name: paced, source: {type: replay, path: $work/still.y4m, fps: max}, model: {path: $tiny}, max_fps: 20}]
YAML
start paced.yaml
within 15000 eval '[ "$(of_stream paced frames_published)" -gt 60 ]'
within 5000 eval 'f=$(of_stream paced fps_out) && [ "${f%.*}" -ge 12 ]'
[ "${f%.*}" -le 21 ] || fail "$f frames/s"
[ "$(of_stream paced frames_skipped)" = 0 ] && [ "$(of_stream paced frames_dropped)" = 0 ] || fail "frames were left out"
stop
