#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sources: folders, containers, rates, the end of a recording, files that vanish and come back.
. "$(dirname "$0")/daemon_lib.sh"

# a small recording: 20 grey frames of 32x32, each of another brightness
y4m() {
    printf 'YUV4MPEG2 W32 H32 F25:1 Ip A1:1 Cmono\n'
    for i in $(seq 20); do
        printf 'FRAME\n'
        head -c 1024 /dev/zero | tr '\0' "\\$(printf %o $((i * 10)))"
    done
}
y4m >"$work/r.y4m"
for i in 1 2 3; do cat "$pictures"/macaw.jpg "$pictures"/cat.jpg; done >"$work/r.mjpeg"

# to the end, as fast as possible, nothing dropped, then closed in order
config end.yaml <<YAML
streams:
  - name: y4m
    source: {type: replay, path: $work/r.y4m, fps: max, loop: false}
    model: {path: $tiny}
  - name: bars
    source: {type: pattern, fps: 50}
    model: {path: $tiny}
YAML
start end.yaml
within 10000 stream_is y4m finished
[ "$(of_stream y4m reason)" = "the recording has come to its end" ] && [ -n "$(of_stream y4m hint)" ] || fail "reason: $(of_stream y4m reason)"
[ "$(of_stream y4m frames_in)" = 20 ] || fail "frames in: $(of_stream y4m frames_in)"
[ "$(of_stream y4m frames_published)" = 20 ] || fail "published: $(of_stream y4m frames_published)"
[ "$(of_stream y4m frames_dropped)" = 0 ] || fail "dropped: $(of_stream y4m frames_dropped)"
[ "$(json status state)" = running ] || fail "a stream that has ended is no fault"
delivers bars || fail "the other stream ended too"
# under another name it is another stream, and that one gets the recording from its beginning
sed -i 's/name: y4m/name: again/' "$work/end.yaml"
"$BUILD/qctl" reload >/dev/null || fail "reload after the end"
within 10000 eval '[ "$(of_stream again frames_published)" = 20 ] && stream_is again finished'
stop

# as fast as possible, round and round: no frame is dropped and both workers are busy
config max.yaml <<YAML
workers: {threads: 2}
streams:
  - {name: loop, source: {type: replay, path: $work/r.mjpeg, fps: max}, model: {path: $tiny}}
  - {name: bars, source: {type: pattern, fps: max}, model: {path: $tiny2}}
YAML
start max.yaml
for stream in loop bars; do
    within 10000 eval '[ "$(of_stream '$stream' frames_published)" -gt 300 ]'
    [ "$(of_stream $stream frames_dropped)" = 0 ] || fail "$stream dropped frames"
    [ "$(of_stream $stream frames_bad)" = 0 ] || fail "$stream has bad frames"
done
stop

# a container says its rate; a broken frame in it is counted and not published
head -c 60000 "$pictures/macaw.jpg" >"$work/broken.mjpeg" # ends in the middle of a picture
cat "$pictures/cat.jpg" >>"$work/broken.mjpeg"
config rate.yaml <<YAML
streams:
  - {name: y4m, source: {type: replay, path: $work/r.y4m}, model: {path: $tiny}}
  - {name: broken, source: {type: replay, path: $work/broken.mjpeg, fps: 50}, model: {path: $tiny}}
YAML
start rate.yaml
[[ "$(of_stream y4m source)" == *" 25 fps" ]] || fail "rate of the file: $(of_stream y4m source)"
within 10000 eval '[ "$(of_stream broken frames_bad)" -gt 3 ]'
within 5000 eval '[ "$(of_stream broken frames_published)" -gt 3 ]'
within 10000 stream_is broken degraded
[[ "$(of_stream broken reason)" == *" of the last "*" frames were broken" ]] && [ -n "$(of_stream broken hint)" ] || fail "reason: $(of_stream broken reason)"
stream_is y4m running || fail "the other stream is $(of_stream y4m state)"
stop

# pictures that are none are said once, however often they are tried; and each of those among good ones
mkdir "$work/bad" "$work/mixed"
echo no picture | tee "$work/bad/a.jpg" "$work/bad/b.png" "$work/mixed/a.jpg" >"$work/mixed/c.png"
cp "$pictures/cat.jpg" "$work/mixed/b.jpg"
config bad.yaml <<YAML
streams:
  - {name: bad, source: {type: replay, path: $work/bad, fps: 100}, model: {path: $tiny}}
  - {name: mixed, source: {type: replay, path: $work/mixed, fps: 100}, model: {path: $tiny}}
YAML
: >"$work/log"
start bad.yaml
within 5000 stream_is bad failed
within 5000 eval '[ "$(of_stream mixed frames_bad)" -gt 5 ]'
sleep 2.5 # it is tried every second
[ "$(grep -c "$work/bad" "$work/log")" = 1 ] || fail "not said once: $(grep "$work/bad" "$work/log")"
[ "$(grep -c "source replay: $work/mixed/[ac].*: not a JPEG.*; skipped" "$work/log")" = 2 ] || fail "not each: $(grep mixed "$work/log")"
stop

# the same picture gives the same classes whatever way it comes in
if [ -e models/efficientnet_lite0_int8.tflite ]; then
    mkdir "$work/one" && cp "$pictures/macaw.jpg" "$work/one/"
    cp "$pictures/palace.jpg" "$work/film.mjpeg"
    config class.yaml <<YAML
streams:
  - {name: folder, source: {type: replay, path: $work/one, fps: 20}, model: {path: models/efficientnet_lite0_int8.tflite}}
  - {name: file, source: {type: replay, path: $work/one/macaw.jpg, fps: 20}, model: {path: models/efficientnet_lite0_int8.tflite}, mode: latency}
  - {name: film, source: {type: replay, path: $work/film.mjpeg, fps: 20}, model: {path: models/efficientnet_lite0_int8.tflite}}
YAML
    start class.yaml
    "$BUILD/qctl" watch folder -n 1 --json | grep -o '"hits".*' >"$work/folder"
    "$BUILD/qctl" watch file -n 1 --json | grep -o '"hits".*' >"$work/file"
    grep -q macaw "$work/folder" || fail "no macaw: $(cat "$work/folder")"
    cmp "$work/folder" "$work/file" || fail "throughput and latency mode differ"
    # ... and those of qmodel, number for number: a picture, a frame of an .mjpeg
    classes() { grep -o '"index": *[0-9]*\|"score": *[0-9.e-]*' "$@" | awk -F: '{ printf "%s %.6f\n", $1, $2 }'; }
    classes "$work/folder" >"$work/have"
    "$BUILD/qmodel" run --json models/efficientnet_lite0_int8.tflite "$pictures/macaw.jpg" | classes >"$work/want"
    [ "$(wc -l <"$work/want")" = 10 ] || fail "qmodel: $(cat "$work/want")"
    cmp "$work/have" "$work/want" || fail "a picture: $(cat "$work/have"), qmodel: $(cat "$work/want")"
    "$BUILD/qctl" watch film -n 1 --json | grep -o '"hits".*' | classes >"$work/have"
    "$BUILD/qmodel" run --frame MJPG --json models/efficientnet_lite0_int8.tflite "$pictures/palace.jpg" | classes >"$work/want"
    cmp "$work/have" "$work/want" || fail "a frame: $(cat "$work/have"), qmodel: $(cat "$work/want")"
    # the folder goes away while it runs: pictures that are kept go on; a restart waits for it and resumes
    stop
    mv "$work/one" "$work/away"
    start class.yaml
    within 5000 stream_is folder waiting
    [[ "$(of_stream folder reason)" == *"No such file"* ]] || fail "reason: $(of_stream folder reason)"
    [[ "$(of_stream folder hint)" == *"looked for again every second" ]] || fail "hint: $(of_stream folder hint)"
    "$BUILD/qctl" watch folder >"$work/silent" 2>"$work/silence" & others+=($!)
    within 4000 grep -q '^qctl: no results yet: stream folder is waiting: .*No such file.*; .*every second$' "$work/silence"
    ! "$BUILD/qctl" status | sed -n '/^folder /,/^$/p' | grep -q 'latency' || fail "latencies of no frames"
    mv "$work/away" "$work/one"
    within 1500 stream_is folder running
    within 4000 test -s "$work/silent"
    echo "resumed $took ms after the files came back"
    delivers folder || fail "resumed but nothing comes"
    stop
fi
