# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts that run in the guest: checks that count, waiting with a limit, the virtual camera.
passed=0 failed=0 took=0

# check WORDS... -- COMMAND...: one test; what it printed is shown when it failed
check() {
    local name=()
    while [ "$1" != -- ]; do name+=("$1"); shift; done
    shift
    if "$@" >/tmp/check.out 2>&1; then passed=$((passed + 1)); echo "ok    ${name[*]}"
    else failed=$((failed + 1)); echo "FAIL  ${name[*]}: $*"; tail -n 15 /tmp/check.out; fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ $failed = 0 ] && [ $passed -gt 0 ]
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# within MS COMMAND...: until COMMAND succeeds; leaves the time it took in `took`
within() {
    local limit=$1 start
    shift
    start=$(now_ms)
    until "$@" >/dev/null 2>&1; do
        took=$(($(now_ms) - start))
        [ $took -lt "$limit" ] || { echo "not within $limit ms: $*"; return 1; }
        sleep 0.05
    done
    took=$(($(now_ms) - start))
}

# Node numbers: video1 captures what is written to video2 (two ends of one HDMI cable); video0 is a webcam.
# qedged knows the camera by a name of its own, as people should use one of /dev/v4l/by-id: the name is made when
# the signal is there, because timings can not be set while somebody streams.
CAPTURE=/dev/video1 OUTPUT=/dev/video2 CAMERA=/dev/video-camera
camera_plug() {
    modprobe vivid n_devs=2 node_types=0x1,0x101 num_inputs=1,1 input_types=0x0,0x3 num_outputs=0,1 output_types=0,1 \
        multiplanar=1,1
    udevadm settle
    camera_wire
    ln -s $CAPTURE $CAMERA
}

# Both ends at 640x480, 59.94 frames a second, connected.
camera_wire() {
    v4l2-ctl -d $OUTPUT --set-dv-bt-timings index=0 -x width=640,height=480,pixelformat=YUYV,field=none
    v4l2-ctl -d $CAPTURE --set-dv-bt-timings index=0 -v width=640,height=480,pixelformat=YUYV,field=none \
        -c loop_video=1,osd_text_mode=2
}

# camera_show FRAME: this picture is in front of the camera from now on
camera_show() {
    camera_dark
    cat "$1" "$1" "$1" "$1" >/tmp/shown
    v4l2-ctl -d $OUTPUT --stream-out-mmap --stream-from=/tmp/shown --stream-loop >/dev/null 2>&1 &
    shower=$!
}
camera_dark() {
    [ -z "${shower:-}" ] || { kill "$shower"; wait "$shower"; } 2>/dev/null
    shower=
}
