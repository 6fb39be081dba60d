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

# How the node says its colours are meant, in the words of qmodel run --frame.
colour() {
    local format
    format=$(v4l2-ctl -d $CAPTURE --get-fmt-video)
    grep -Eq 'Encoding.*709' <<<"$format" && printf ':bt709'
    case $1 in
    GREY) grep -q 'Quantization *: Limited' <<<"$format" && printf ':limited' ;;
    *) grep -Eq 'Quantization.*Full' <<<"$format" && printf ':full' ;;
    esac
}
# Scores in thousandths: the steps of this network's output are 263 of them.
values() { jq -c "[.$1[] | [.index, (.score * 1000 | round)]]"; }
expected() { # SIZE FORMAT
    qmodel run --json --top-k 16 --frame "$2:$1$(colour "$2")" $model "$1.$2" | values top
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

# --- which node: the first that really captures, or by a lasting name
size=${SIZES%% *}
start auto "$size" YUYV
first_node() { qctl status --json | jq -er '.streams[0].source' | grep -F /dev/video0; }
check device auto: the first that captures -- eventually first_node
stop
# --- a size that the camera does not have: the next that covers it
start /dev/video0 630x350 YUYV
source_is() { qctl status --json | jq -er '.streams[0].source' | tee /tmp/source | grep -qF "$1"; }
check a size that it has not: the next larger one -- eventually source_is 640x360
cat /tmp/source
stop
camera_unload

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
