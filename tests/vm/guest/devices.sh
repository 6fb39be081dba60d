#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: every pixel format on the single- and the multi-planar API, and every fault that vivid can inject,
# with two cameras and the daemon started by hand.  VM_SCRIPTS='packages devices' tests/vm/run.sh amd64
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
export QEDGE_SOCKET=/tmp/q.sock
model=/host/small.tflite

status() { qctl status --json | jq -er ".streams[${2:-0}].$1"; }
state_is() { [ "$(status state "${2:-0}")" = "$1" ]; }
at_least() { [ "$(status "$1" "$2")" -ge "$3" ]; } # KEY STREAM COUNT
start() { # the streams come on stdin
    { printf 'socket: /tmp/q.sock\nworkers: {threads: 1}\nstreams:\n'; cat; } >/tmp/q.yaml
    qedged --config /tmp/q.yaml 2>>/tmp/log &
    pid=$!
    eventually qctl status
}
stop() { kill -TERM $pid; wait $pid; }
stream() { echo "  - {name: s$1, source: {type: v4l2, device: $2, size: 640x360, fps: 25, format: ${3:-auto}}, model: {path: $model}}"; }
recoveries() { grep -c "running again" /tmp/log; }
recovered() { [ "$(recoveries)" -gt "$before" ]; }

modprobe vivid n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0x0,0x0 multiplanar=1,2
udevadm settle

whole() { at_least frames_published 0 3 && [ "$(status frames_bad)" = 0 ]; }
for format in auto YUYV UYVY NV12 NV21 YU12 YV12 422P GREY RGB3 BGR3 XR24; do
    for video in 0 1; do
        start <<<"$(stream 0 /dev/video$video $format)"
        check "format $format on video$video" -- eventually whole
        status source
        stop
    done
done

start <<<"$(stream 0 auto; stream 1 /dev/video1)"
for i in 0 1; do
    control() { v4l2-ctl -d /dev/video$i -c "$1"; }
    check "video$i: running" -- eventually state_is running $i
    control inject_v4l2_buf_flag_error=1
    check "video$i: error flag is counted" -- eventually at_least frames_bad $i 1
    control percentage_of_dropped_buffers=50
    check "video$i: dropped buffers are counted" -- eventually at_least frames_missed $i 3
    control percentage_of_dropped_buffers=0
    before=$(recoveries)
    control inject_fatal_streaming_error=1
    check "video$i: fatal error" -- eventually recovered
    echo "running again after $took ms"
    before=$(recoveries)
    control inject_vidioc_streamon_error=1,inject_fatal_streaming_error=1
    check "video$i: can not be started at first" -- eventually recovered
    for _ in 1 2 3 4 5 6; do control inject_vidioc_qbuf_error=1; sleep 0.2; done # more often than there are buffers
    frames=$(status frames_in $i)
    check "video$i: refused buffers" -- eventually at_least frames_in $i $((frames + 5))
    before=$(recoveries)
    control disconnect=1
    check "video$i: disconnect" -- eventually recovered
    echo "running again after $took ms"
done

echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
check unplugged: both wait -- eventually eval 'state_is waiting 0 && state_is waiting 1'
status reason 0
status reason 1
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
check plugged in again: both run -- eventually eval 'state_is running 0 && state_is running 1'

{ printf 'socket: /tmp/q2.sock\nstreams:\n'; stream 0 /dev/video1; } >/tmp/q2.yaml
qedged --config /tmp/q2.yaml 2>/dev/null &
second=$!
busy() { QEDGE_SOCKET=/tmp/q2.sock qctl status --json | grep -q "/dev/video1: in use by qedged"; }
check a camera in use: who holds it is named -- eventually busy
kill -TERM $second
check stops while it waits -- wait $second
check stops in order -- stop
finish
