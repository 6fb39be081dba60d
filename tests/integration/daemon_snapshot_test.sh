#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pictures on request: the very pixels, for several at once, only where it is allowed, and nobody waits for ever.
. "$(dirname "$0")/daemon_lib.sh"

# 5 x 3 pixels whose bytes are 1..45
{ printf 'P6\n5 3\n255\n'; for i in $(seq 45); do printf %b "\\x$(printf %x "$i")"; done; } >"$work/small.ppm"
config all.yaml <<YAML
streams:
  - {name: small, source: {type: replay, path: $work/small.ppm, fps: 100}, model: {path: $tiny}}
  - {name: jpeg, source: {type: replay, path: $work/film.mjpeg, fps: 100}, model: {path: $tiny}}
  - {name: bars, source: {type: pattern, fps: 100}, model: {path: $tiny}}
  - {name: private, source: {type: pattern, fps: 50}, model: {path: $tiny}, snapshots: false}
  - {name: slow, source: {type: pattern, size: 64x64, fps: 0.01}, model: {path: $tiny}}
  - {name: over, source: {type: replay, path: $work/small.ppm, loop: false}, model: {path: $tiny}}
YAML
cp "$pictures/cat.jpg" "$work/film.mjpeg"
start all.yaml

"$probe" snapshot small 3 60000 "$work/pixels" | tee "$work/said"
grep -q '^small format 2 5x3 45 bytes, result [0-9]* of frame [0-9]*: [1-5] hits' "$work/said" || fail "small"
tail -c 45 "$work/small.ppm" | cmp - "$work/pixels" || fail "other pixels than the source's"
"$probe" snapshot jpeg 2 60000 "$work/pixels" | tee "$work/said"
grep -q '^jpeg format 12 ' "$work/said" || fail "jpeg"
cmp "$work/film.mjpeg" "$work/pixels" || fail "another JPEG than the source's"

# several at once, and the stream does not notice: nothing is lost, and no picture comes twice
for i in 1 2 3; do "$probe" snapshot bars 10 60000 "$work/bars$i" >"$work/said$i" & others+=($!); asking[i]=$!; done
"$BUILD/qctl" watch bars -n 60 --json >"$work/results"
for i in 1 2 3; do wait "${asking[i]}" || fail "asker $i: $(cat "$work/said$i")"; done
for i in 1 2 3; do
    [ "$(grep -o 'result [0-9]*' "$work/said$i" | sort -u | wc -l)" = 10 ] || fail "asker $i got one picture twice"
done
[ "$(stat -c %s "$work/bars1")" = $((640 * 480 * 2)) ] || fail "size: $(cat "$work/said1")"

# however many ask, a stream copies 20 pictures a second at most
begin=$(now_ms)
"$probe" snapshot bars 11 60000 "$work/bars1" >/dev/null
[ $(($(now_ms) - begin)) -ge 490 ] || fail "more than 20 pictures a second"

# the same pictures as a model's data: on both sides of a comparison, and from JPEGs
net=$top/tests/golden/float/net.tflite
"$BUILD/qmodel" compare --layers 0 "$net" "$net" --data ring:bars:5 >"$work/said" || fail "qmodel and a live stream"
grep -q '^5 samples of ring:bars:5' "$work/said" && grep -q 'outputs equal' "$work/said" || fail "qmodel: $(cat "$work/said")"
"$BUILD/qmodel" quantize "$net" -o "$work/live.tflite" --method int8 --data ring:jpeg:3 >"$work/said" || fail "quantize"
grep -q '^calibrated with 3 samples' "$work/said" || fail "quantize: $(cat "$work/said")"
[ -z "$(ls /tmp/qmodel-frames.* "${TMPDIR:-/tmp}"/qmodel-frames.* 2>/dev/null)" ] || fail "pictures left behind"
"$BUILD/qmodel" compare --layers 0 "$net" "$net" --data ring:private:2 2>"$work/said" && fail "private pictures"
grep -q 'shares no pictures' "$work/said" || fail "private: $(cat "$work/said")"

refused() { # refused ERRNO STREAM MS
    "$probe" snapshot "$2" 1 "$3" "$work/none" >"$work/said" && fail "$2: expected $1"
    [ "$(cat "$work/said")" = "$1" ] || fail "$2: $(cat "$work/said"), not $1"
}
refused EACCES private 60000
refused ENODEV nowhere 60000
refused ETIMEDOUT slow 100
within 5000 eval '[ "$(of_stream over state)" = finished ]'
refused EPIPE over 60000
"$hostile" greedy "$QEDGE_SOCKET" slow >"$work/said" & others+=($!)
within 5000 grep -q 'refused: one snapshot at a time' "$work/said" || fail "two at once"
kill %% 2>/dev/null || true
delivers bars || fail "the stream stands"

# the stream goes while somebody waits for its picture
"$probe" snapshot slow 1 90000 "$work/none" >"$work/said" &
waiting=$!
others+=($waiting)
within 5000 eval '[ "$("$BUILD/qctl" clients --json | grep -c daemon_probe)" -ge 1 ]'
sleep 1 # it has said hello, and asks next
sed -i '/name: slow/d' "$work/all.yaml"
"$BUILD/qctl" reload >/dev/null
wait $waiting && fail "a picture of a stream that is gone"
grep -q 'ECONNRESET' "$work/said" || fail "told $(cat "$work/said")"
delivers bars || fail "after the reload"
"$probe" snapshot bars 1 60000 "$work/bars1" || fail "after the reload"
stop
