#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: a photograph goes into the virtual camera in every format and at three sizes, and comes back through
# V4L2 into qedged; the sixteen values of the network's output are those of `qmodel run` on the same pixels.
# The share holds frames WIDTHxHEIGHT.FORMAT and the network small.tflite.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
export QEDGE_SOCKET=/tmp/q.sock
model=/host/small.tflite

start() { # DEVICE SIZE FORMAT
    cat >/tmp/q.yaml <<YAML
socket: $QEDGE_SOCKET
workers: {threads: 1}
streams:
  - {name: s, source: {type: v4l2, device: $1, size: $2, format: $3}, model: {path: $model}, top_k: 16}
YAML
    qedged --config /tmp/q.yaml 2>>/tmp/log &
    pid=$!
}
stop() { kill -TERM $pid; wait $pid; }

expected() { # SIZE FORMAT
    qmodel run --json --top-k 16 --frame "$2:$1$(colour $CAPTURE "$2")" $model "$1.$2" | values top
}
same() { # SIZE FORMAT: within some frames, as the picture may come a moment after the daemon
    local want got i
    for i in {1..20}; do
        got=$(timeout $PATIENCE qctl --wait $PATIENCE watch -n 1 --json | values hits)
        want=${want:-$(expected "$1" "$2")}
        [ "$(jq length <<<"$want")" = 16 ] || { echo "qmodel run gave $want"; return 1; }
        [ "$got" != "$want" ] || return 0
    done
    echo "want $want"
    echo "got  $got"
    return 1
}

camera_load
for size in $SIZES; do
    check "the camera delivers $size" -- camera_wire "$size"
    for format in $FORMATS; do
        camera_show "$size.$format" "$size" "$format"
        start $CAPTURE "$size" "$format"
        check "$size $format: the network's output, byte for byte" -- same "$size" "$format"
        stop
        camera_dark
    done
done

# --- a size that the camera does not have: the next that covers it, which the log says once however often it is opened
start /dev/video0 630x350 YUYV
source_is() { qctl status --json | jq -er '.streams[0].source' | tee /tmp/source | grep -qF "$1"; }
check a size that it has not: the next larger one -- eventually source_is 640x360
cat /tmp/source
nearest_once() { [ "$(grep -c "nearest to what was asked: /dev/video0 640x360 YUYV" /tmp/log)" = 1 ]; }
check a size that it has not: the log says so -- eventually nearest_once
v4l2-ctl -d /dev/video0 -c inject_fatal_streaming_error=1
opened_anew() { grep -q "running again: /dev/video0 640x360" /tmp/log; }
check a size that it has not: opened anew -- eventually opened_anew
check a size that it has not: said once -- nearest_once
stop
camera_unload

# --- which node: by a lasting name (by-id: faults.sh, the first that captures: devices.sh)
size=${SIZES%% *}
camera_load_alone
camera_wire "$size"
camera_show "$size.YUYV" "$size" YUYV
lasting=$(find /dev/v4l/by-path -lname "*/${CAPTURE#/dev/}")
check "udev names the camera by its path ($lasting)" -- test "$(readlink -f "$lasting")" = $CAPTURE
start "$lasting" "$size" YUYV
check device by path -- same "$size" YUYV
check device by path: that is what status says -- source_is "$lasting"
stop
camera_unload
finish
