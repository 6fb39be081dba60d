#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wrong settings and models: all errors at once with their place, exit status 78, nothing started.
. "$(dirname "$0")/daemon_lib.sh"

# refused FILE PATTERN...: qedged and qedged --check end with 78 and say each pattern
refused() {
    local file=$work/$1 status pattern
    shift
    for check in "" --check; do
        status=0
        # shellcheck disable=SC2086
        timeout 20 "$BUILD/qedged" --config "$file" $check 2>"$work/said" || status=$?
        [ $status = 78 ] || fail "$file $check: exit status $status: $(cat "$work/said")"
        for pattern in "$@"; do
            grep -q -- "$pattern" "$work/said" || fail "$file $check did not say '$pattern' but: $(cat "$work/said")"
        done
    done
    [ ! -e "$QEDGE_SOCKET" ] || fail "a socket was made"
}

cat >"$work/bad.yaml" <<YAML
socket: $QEDGE_SOCKET
max_clients: many
streams:
  - source: {type: pattern, size: 10x10}
    model: {}
    colour: red
YAML
refused bad.yaml "bad.yaml:2:14: max_clients: expected a whole number from 1 to 4096, not 'many'" \
    "bad.yaml:4:35: streams\[0\].source.size: expected" "bad.yaml:4:5: streams\[0\].model.path: must be given" \
    "bad.yaml:6:5: streams\[0\].colour: no such key"
refused missing.yaml "missing.yaml:1:1: can not be read: No such file"
refused "" "expected a YAML file of at most 1 MiB, not a folder"
head -c 2000000 /dev/zero >"$work/large.yaml"
refused large.yaml "expected a YAML file of at most 1 MiB, not a larger one"

model() { config "$1" <<<"streams: [{name: s, source: {type: pattern}, model: {path: $2}}]"; }
model nomodel.yaml "$work/none.tflite"
refused nomodel.yaml "stream s: $work/none.tflite: .*No such file"
head -c 300 "$tiny" >"$work/cut.tflite"
model cut.yaml "$work/cut.tflite"
refused cut.yaml "stream s: $work/cut.tflite: "
echo "no model at all" >"$work/text.tflite"
model text.yaml "$work/text.tflite"
refused text.yaml "stream s: $work/text.tflite: "
model folder.yaml "$work"
refused folder.yaml "stream s: $work: "
model two.yaml "$top/tests/golden/models/add_plain.tflite"
refused two.yaml "not a picture classifier"
config labels.yaml <<<"streams: [{name: s, source: {type: pattern}, model: {path: $tiny, labels: $work/none.txt}}]"
refused labels.yaml "stream s: $work/none.txt: No such file"
truncate -s 1G "$work/none.txt"
refused labels.yaml "stream s: $work/none.txt: larger than any label file"

# every bad stream is told, not only the first
config both.yaml <<YAML
streams:
  - {name: a, source: {type: pattern}, model: {path: $work/a.tflite}}
  - {name: b, source: {type: pattern}, model: {path: $work/b.tflite}}
YAML
refused both.yaml "stream a: $work/a.tflite" "stream b: $work/b.tflite"

model good.yaml "$tiny"
status=0
QEDGE_CPU=c,warp9 "$BUILD/qedged" --config "$work/good.yaml" --check 2>"$work/said" || status=$?
[ $status = 78 ] && grep -q "QEDGE_CPU: .*warp9" "$work/said" || fail "QEDGE_CPU: $status $(cat "$work/said")"
"$BUILD/qedged" --config "$work/good.yaml" --check 2>"$work/said" || fail "a good file was refused: $(cat "$work/said")"
"$BUILD/qctl" check "$work/good.yaml" || fail "qctl check refuses a good file"
status=0
"$BUILD/qctl" check "$work/bad.yaml" >/dev/null 2>&1 || status=$?
[ $status = 78 ] || fail "qctl check of a bad file: $status"

# another model's labels: taken, and said
seq 7 >"$work/seven.txt"
config labels.yaml <<<"streams: [{name: s, source: {type: pattern}, model: {path: $tiny, labels: $work/seven.txt}}]"
"$BUILD/qedged" --config "$work/labels.yaml" --check 2>"$work/said" || fail "labels: $(cat "$work/said")"
grep -q "warning: $work/seven.txt: 7 labels, but $tiny has [0-9]* classes" "$work/said" || fail "labels: $(cat "$work/said")"

# QEDGE_CPU=c is obeyed
export QEDGE_CPU=c
start good.yaml
[ "$(json status kernels)" = c ] || fail "kernels: $(json status kernels)"
stop
unset QEDGE_CPU

# a missing camera is no error: the daemon is up and says what it waits for
config camera.yaml <<YAML
streams:
  - {name: cam, source: {type: v4l2, device: $work/video9}, model: {path: $tiny}}
  - {name: bars, source: {type: pattern, fps: 50}, model: {path: $tiny}}
YAML
start camera.yaml
within 5000 stream_is cam waiting
[[ "$(of_stream cam reason)" == *"$work/video9: No such file"* ]] || fail "reason: $(of_stream cam reason)"
[ "$(json status state)" = degraded ] || fail "the whole is not called degraded"
delivers bars || fail "the other stream suffers"
[ "$(grep -c "video9" "$work/log")" = 1 ] || fail "said more than once: $(grep -c video9 "$work/log") times"
touch "$work/video9" # now it is there, but no camera
within 5000 eval '[[ "$(of_stream cam reason)" == *"not a video device"* ]]'
sed -i "s|device: [^}]*|device: $work|" "$work/camera.yaml" # nor is a folder, which dmesg knows nothing of
"$BUILD/qctl" reload >/dev/null
within 5000 stream_is cam failed
[[ "$(of_stream cam reason)" == *"$work: not a video device" ]] || fail "a folder: $(of_stream cam reason)"
stop
