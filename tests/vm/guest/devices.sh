#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: two cameras behind nodes that capture nothing, and every fault that vivid can inject into them (but for
# that of media requests, which qedged makes none of). While one camera is injured the reader of the other is the
# witness. The daemon is started by hand.  VM_SCRIPTS='packages devices' tests/vm/run.sh amd64
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
export QEDGE_SOCKET=/tmp/q.sock
STREAMS="s0 s1" model=/host/small.tflite
nodes=(/dev/video3 /dev/video4) # before them: an output, metadata in, metadata out

status() { qctl status --json | jq -er ".streams[${2:-0}].$1"; }
state_is() { [ "$(status state "$2")" = "$1" ]; }
source_is() { [ "$(status source "$1")" = "v4l2 ${nodes[$1]} 640x360 YUYV 10 fps" ]; }
above() { [ "$(status "$1" "$2")" -gt "$3" ]; } # KEY STREAM COUNT
control() { v4l2-ctl -d "${nodes[$1]}" -c "$2"; }
stream() { # NUMBER DEVICE
    echo "  - {name: s$1, source: {type: v4l2, device: $2, size: 640x360, fps: 10, format: YUYV}, model: {path: $model}, top_k: 16}"
}
stop() { kill -TERM $pid; wait $pid; }
not() { ! "$@"; }
lines() { wc -l </tmp/log; }
said_after() { tail -n +$(($1 + 1)) /tmp/log | grep -F "$2"; } # LINES WORDS

# --- two cameras, two pictures
# At V4L2's level 1 the kernel says which buffers it refuses.
modprobe vivid n_devs=3 node_types=0x60100,0x1,0x1 num_inputs=1,1,1 input_types=0x0,0x0,0x0 multiplanar=1,1,2
udevadm settle
echo 1 >/sys/module/videobuf2_common/parameters/debug
only_others() { # before the cameras there are nodes, and none captures
    local node
    for node in /dev/video0 /dev/video1 /dev/video2; do
        ! v4l2-ctl -d $node --get-fmt-video | grep -q Width || return
    done
}
check the first three nodes capture nothing -- only_others
declare -A expected
for i in 0 1; do
    control $i "osd_text_mode=2,test_pattern=$((6 + i))" # white, red
    v4l2-ctl -d "${nodes[i]}" -v width=640,height=360,pixelformat=YUYV --stream-mmap --stream-count=1 --stream-to=/tmp/seen >/dev/null 2>&1
    expected[$i]=$(qmodel run --json --top-k 16 --frame "YUYV:640x360$(colour "${nodes[i]}" YUYV)" $model /tmp/seen | values top)
done
differ() { [ "${expected[0]}" != "${expected[1]}" ] && [ "$(jq length <<<"${expected[0]}")" = 16 ]; }
check the two pictures give different tensors -- differ
own_picture() { # NUMBER FROM: each result from that line on is of this camera's picture
    results_since "$2" "/tmp/s$1" | values hits | sort -u >/tmp/pictures
    [ "$(cat /tmp/pictures)" = "${expected[$1]}" ] || { echo "not ${expected[$1]}:"; cat /tmp/pictures; return 1; }
}

{ printf 'socket: %s\nworkers: {threads: 1}\nstreams:\n' $QEDGE_SOCKET; stream 0 auto; stream 1 ${nodes[1]}; } >/tmp/q.yaml
: >/tmp/log
qedged --config /tmp/q.yaml 2>>/tmp/log &
pid=$!
check "device auto: the first node that captures" -- eventually source_is 0
check the other camera: by its node -- eventually source_is 1
rate() { v4l2-ctl -d ${nodes[0]} --get-parm | grep -F "Frames per second: 10.000 "; } # it can not ask a multi-planar node
check "V4L2, too, says 10 frames a second" -- rate
readers_start
for i in 0 1; do check "s$i is read" -- eventually has_results s$i 2; done

# --- one is injured
injure() { # NUMBER CONTROLS REASON
    local logged mark
    logged=$(lines) mark=$(results "s$1")
    control "$1" "$2"
    check "${nodes[$1]}, $2: runs again" -- eventually said_after "$logged" "source v4l2: running again: ${nodes[$1]} "
    check "$2: the log says why" -- said_after "$logged" "source v4l2: ${nodes[$1]}: $3"
    check "$2: its reader goes on" -- goes_on "s$1"
    echo "time: $2: $(results_since "$mark" "/tmp/s$1" | longest_gap) ms between two results"
}
refusals() { dmesg | grep -c "buffer preparation failed"; }
refused() { [ "$(refusals)" -gt "$1" ]; }
refuse_six() { # NUMBER: more than there are buffers
    local before
    for _ in 1 2 3 4 5 6; do
        before=$(refusals)
        control "$1" inject_vidioc_qbuf_error=1
        eventually refused "$before" || return
    done
}
for i in 0 1; do
    other=$((1 - i))
    readers_mark
    begun=$(lines) bad=$(status frames_bad $i) bad_elsewhere=$(status frames_bad $other)
    control $i inject_v4l2_buf_flag_error=1
    check "${nodes[i]}, a buffer with the error flag: counted as bad" -- eventually above frames_bad $i "$bad"
    missed=$(status frames_missed $i)
    control $i percentage_of_dropped_buffers=50
    check dropped buffers: counted as missed -- eventually above frames_missed $i $((missed + 2))
    control $i percentage_of_dropped_buffers=0
    check buffers refused while it streams: by the kernel -- refuse_six $i
    frames=$(status frames_in $i)
    check refused buffers: frames go on -- eventually above frames_in $i $((frames + 5))
    check refused buffers: it need not be opened anew -- test "$(lines)" = "$begun"
    injure $i inject_fatal_streaming_error=1 "the driver reports a fatal error"
    injure $i disconnect=1 "unplugged"
    # these strike when it is opened anew
    injure $i inject_vidioc_reqbufs_error=1,inject_fatal_streaming_error=1 "gives no buffers: Invalid argument"
    injure $i inject_vidioc_qbuf_error=1,inject_fatal_streaming_error=1 "can not queue buffer 0: Invalid argument"
    injure $i inject_vidioc_streamon_error=1,inject_fatal_streaming_error=1 "can not start streaming: Invalid argument"
    check "after all that ${nodes[i]} gives its own picture, and always did" -- own_picture $i "${marked[s$i]}"
    check "all the while the reader of ${nodes[other]} had every result" -- unharmed s$other
    check "all the while ${nodes[other]} gave its own picture" -- own_picture $other "${marked[s$other]}"
    check "the log does not name ${nodes[other]}" -- not said_after "$begun" "${nodes[other]}"
    check "${nodes[other]} had no bad frame" -- test "$(status frames_bad $other)" = "$bad_elsewhere"
done

echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
reason_is() { state_is waiting "$1" && [ "$(status reason "$1")" = "$2" ]; }
check unplugged: waits for any -- eventually reason_is 0 "no camera found"
check unplugged: waits for that one -- eventually reason_is 1 "${nodes[1]}: No such file or directory"
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
check plugged in again: both run -- eventually eval 'state_is running 0 && state_is running 1'
for i in 0 1; do
    check "plugged in again: the reader of s$i goes on" -- goes_on s$i
    check "plugged in again: s$i has its camera" -- source_is $i
done
check "plugged in again: at its rate" -- rate

readers_mark
{ printf 'socket: /tmp/q2.sock\nstreams:\n'; stream 0 "${nodes[1]}"; } >/tmp/q2.yaml
qedged --config /tmp/q2.yaml 2>/dev/null &
second=$!
busy() { QEDGE_SOCKET=/tmp/q2.sock qctl status --json | grep -q "${nodes[1]}: in use by qedged"; }
check a camera in use: who holds it is named -- eventually busy
check a camera in use: its reader does not notice -- unharmed s1
kill -TERM $second
check stops while it waits -- wait $second
kill "${readers[@]}"
check stops in order -- stop
rmmod vivid
finish
