#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: what may befall the installed service while a camera streams and clients read. Stream "cam" is the
# camera, "bars" a pattern that nobody touches: its reader is the witness. Times are printed, not judged.
#   VM_SCRIPTS='packages faults' tests/vm/run.sh amd64
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
STREAMS="cam bars" SOCKET=/run/qedge/qedged.sock

status() { qctl status --json | jq -er ".streams[] | select(.name == \"$1\") | .$2"; }
state_is() { [ "$(status cam state)" = "$1" ]; }
said() { journalctl -b --no-pager | grep -Eq "$1"; }
times_said() { journalctl -b --no-pager | grep -Ec "$1"; }
said_again() { [ "$(times_said "$1")" -gt "$2" ]; } # WORDS BEFORE

camera() { modprobe vivid n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0x0,0x3 multiplanar=1,1; udevadm settle; }
unplug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; }
replug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; }

settings() { # DEVICE OPTIONS
    cat >/etc/qedge/qedged.yaml <<YAML
workers: {threads: 1}
streams:
  - {name: cam, source: {type: v4l2, device: $1, $2}, model: {path: /opt/small.tflite}}
  - {name: bars, source: {type: pattern, size: 64x48, fps: 10}, model: {path: /opt/small.tflite}}
YAML
}
# The webcam by its name in /dev/v4l/by-id, which is made for what has a serial number of the USB: the rule stands for it.
BY_ID=/dev/v4l/by-id/usb-qedge_test_camera-video-index0
webcam() { settings $BY_ID "size: 320x180, fps: 10"; }

same_daemon() { [ "$(property MainPID) $(property NRestarts)" = "$pid $restarts" ]; }
begin() { pid=$(property MainPID) restarts=$(property NRestarts); readers_mark; }
witnesses() { # WORDS: nobody noticed
    local stream
    for stream in $STREAMS; do check "$*: reader of $stream has every result" -- unharmed "$stream"; done
    check "$*: the same daemon" -- same_daemon
}

# --- the camera is plugged in after the start, and the kernel learns only from the unit what a camera is
install -D -m 644 small.tflite /opt/small.tflite
install -d /run/udev/rules.d
echo "SUBSYSTEM==\"video4linux\", KERNEL==\"video0\", SYMLINK+=\"${BY_ID#/dev/}\"" >/run/udev/rules.d/70-test.rules
udevadm control --reload
webcam
systemctl stop qedged.socket qedged.service
modprobe -r videodev 2>/dev/null
check "no camera: the kernel does not even know the class" -- bash -c '! grep -q video4linux /proc/devices'
systemctl start qedged.service
check no camera: the stream waits -- eventually state_is waiting
camera
check plugged in after the start: runs -- eventually state_is running
source_is() { status cam source | grep -qF "$1 "; }
check "device by-id: that is what status says" -- source_is $BY_ID
readers_start
check clients read -- eventually test -s /tmp/cam -a -s /tmp/bars

# --- the daemon dies
main_pid_changed() { local new; new=$(property MainPID); [ "$new" != 0 ] && [ "$new" != "$pid" ]; }
died() { # WORDS: another daemon delivers to the same clients
    local stream
    check "$*: systemd started another" -- eventually main_pid_changed
    declare -A before
    for stream in $STREAMS; do before[$stream]=$(($(results "$stream") - marked[$stream])); done
    for stream in $STREAMS; do
        check "$*: the reader of $stream goes on" -- eventually more "$stream" $((before[$stream] + 3))
        echo "time: $*: $(gap "$stream") ms between two results of $stream"
    done
}
begin
kill -KILL "$pid"
died SIGKILL
begin
kill -SEGV "$pid"
died SEGV
check SEGV: systemd says why -- eventually said 'status=11/SEGV'
begin
# The old one is waited for, not a new one: with so little memory none lives long enough to be seen.
gone() { ! kill -0 "$pid"; }
systemctl set-property --runtime qedged.service MemoryMax=64K
check out of memory: the kernel ends it -- eventually gone
systemctl set-property --runtime qedged.service MemoryMax=infinity
died out of memory
check out of memory: systemd says why -- eventually said "qedged.*result 'oom-kill'"

for i in 1 2 3 4 5; do
    begin
    kill -KILL "$pid"
    eventually main_pid_changed
done
died six times in a row

# --- no descriptor is left
begin
check the unit allows many descriptors -- grep -Eq 'Max open files +8192 ' "/proc/$pid/limits"
descriptors() { find "/proc/$pid/fd" -type l | wc -l; } # some are open for a moment only: the least of five counts
prlimit --pid "$pid" --nofile=$(($(for _ in 1 2 3 4 5; do descriptors; done | sort -n | head -n 1) + 4)):8192
# The second of them gets the last descriptor, but too few: it is let go of, and comes again every half second.
./crowd $SOCKET bars 20 2 >/tmp/refused 2>&1 &
crowd=$!
check no descriptor left: the log says so -- eventually said "no client can be accepted: Too many open files"
witnesses no descriptor left
check no descriptor left: newcomers wait -- bash -c "kill -0 $crowd && ! grep 'all in' /tmp/refused"
said_once() { [ "$(times_said "no client can be accepted: Too many open files")" = 1 ]; }
check no descriptor left: said once -- said_once
{ kill $crowd; wait $crowd; } 2>/dev/null
prlimit --pid "$pid" --nofile=8192:8192
served() { timeout $PATIENCE ./crowd $SOCKET bars 1 1; }
check descriptors again: a newcomer is served -- eventually served
echo "time: descriptors again: a newcomer was served after $took ms"

# --- /run is full: not one inode, not one page more
begin
options=$(findmnt -n -o OPTIONS /run | grep -Eo '(size|nr_inodes)=[^,]*' | paste -sd,)
mount -o "remount,nr_inodes=$(($(stat -fc %c /run) - $(stat -fc %d /run))),size=$((($(stat -fc %b /run) - $(stat -fc %f /run)) * 4))k" /run
check "full /run: it is (as a rule $options)" -- bash -c '! echo x >/run/full'
witnesses full /run
check full /run: a newcomer is served -- served
begin
kill -KILL "$pid"
died killed while /run is full
mount -o "remount,$options" /run

# --- the time of day jumps, forwards and back
for jump in "+30 days" "-60 days" "+30 days"; do
    begin
    date -s "$jump" >/dev/null
    witnesses "clock $jump"
    age_sane() { local age; age=$(status cam last.age_us) && jq -ne "$age >= 0 and $age < 60000000"; }
    check "clock $jump: status knows the age of the last result" -- age_sane
done
systemctl daemon-reload # files of the future

# --- another program wants another format
begin
busy() {
    ! v4l2-ctl -d /dev/video0 -v width=640,height=480 >/tmp/busy 2>&1 || return
    cat /tmp/busy
    grep -qF "Device or resource busy" /tmp/busy
}
check "another format, asked for by another program: refused" -- busy
witnesses another format

# --- unplugged while it streams, while the service is stopped, and before it starts
begin
unplug
check unplugged: waits -- eventually state_is waiting
check unplugged: the other stream does not notice -- unharmed bars
replug
check plugged in again: the reader goes on -- eventually more cam
echo "time: unplugged and plugged in again: $(gap cam) ms between two results of cam"
check plugged in again: the same daemon -- same_daemon
systemctl stop qedged.service
unplug; replug; udevadm settle
readers_mark
systemctl start qedged.service
check unplugged and plugged in while stopped: runs -- eventually more cam
systemctl stop qedged.service
unplug
systemctl start qedged.service
check unplugged while stopped: waits -- eventually state_is waiting
readers_mark
replug
check plugged in again: runs -- eventually more cam

# --- bad clients
begin
check garbage -- timeout $PATIENCE ./hostile_probe garbage $SOCKET 4711 100
check a client that never reads its socket is disconnected -- timeout $PATIENCE ./hostile_probe deaf $SOCKET
./daemon_probe slow $SOCKET 1000 1000 >/tmp/slow 2>&1 &
slow=$!
reads() { status cam clients; status bars clients; }
slow_reads() { grep -q sequence /tmp/slow || [ "$(reads | jq -s add)" -gt 2 ]; }
check a slow client reads -- eventually slow_reads
kill -STOP $slow
witnesses bad clients
{ kill -KILL $slow; wait $slow; } 2>/dev/null
begin
./crowd $SOCKET bars 100 1000000 >/tmp/doomed 2>&1 &
doomed=$!
check 100 clients map the ring and read -- eventually grep -q "all in" /tmp/doomed
{ kill -KILL $doomed; wait $doomed; } 2>/dev/null
few() { [ "$(status bars clients)" -le 2 ]; }
check 100 clients killed: let go of -- eventually few
echo "time: 100 clients killed: let go of within $took ms"
witnesses 100 clients killed
begin
check 200 clients: each reads every result -- timeout $PATIENCE ./crowd $SOCKET bars 200 20
witnesses 200 clients

# --- a bad reload
begin
cp /etc/qedge/qedged.yaml /tmp/good.yaml
echo 'streams: [{name: cam, source: {type: v4l2, device: 7}, model: {path: /nowhere}}]' >/etc/qedge/qedged.yaml
bad_reload() {
    local error='reload: stream cam: /nowhere: No such file or directory' end='reload: nothing was changed' errors ends
    errors=$(times_said "$error") ends=$(times_said "$end")
    ! systemctl reload qedged.service || return
    eventually said_again "$error" "$errors" && eventually said_again "$end" "$ends"
}
check bad reload: fails, and the log says why -- bad_reload
witnesses bad reload
cp /tmp/good.yaml /etc/qedge/qedged.yaml
check and a good one does not -- systemctl reload qedged.service

# --- the picture at the other end of an HDMI cable changes its size under way
hdmi_timings() { v4l2-ctl -d /dev/video1 --list-dv-timings | grep -c Index; }
systemctl stop qedged.service
settings /dev/video1 "size: 640x480"
v4l2-ctl -d /dev/video1 --set-dv-bt-timings index=0
systemctl start qedged.service
check HDMI: runs -- eventually state_is running
begin
v4l2-ctl -d /dev/video1 -c dv_timings=3 -c dv_timings_signal_mode=4
check another picture size: the log says so -- eventually said "changed its size"
check another picture size: the reader goes on -- eventually more cam 10
echo "time: another picture size: $(gap cam) ms between two results of cam; now $(status cam source)"
check another picture size: the other stream does not notice -- unharmed bars
reason_is() { state_is waiting && [ "$(status cam reason)" = "/dev/video1: $1" ]; }
mode=0
for reason in "no signal at input HDMI 0" "unstable signal at input HDMI 0" "signal at input HDMI 0 is out of range"; do
    mode=$((mode + 1)) # vivid's: no signal, no lock, out of range
    begin
    v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=$mode
    check "HDMI: waits and says $reason" -- eventually reason_is "$reason"
    check "$reason: the other stream does not notice" -- unharmed bars
    v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=0
    check "$reason, and a signal again: the reader goes on" -- goes_on cam
done
check the same daemon -- same_daemon

# --- metrics for the node exporter, from a service that may do little
install -d /var/lib/prometheus/node-exporter
check metrics are written -- systemctl start qedge-metrics.service
check metrics say that it is up -- grep -qx 'qedge_up 1' /var/lib/prometheus/node-exporter/qedge.prom
rm -r /var/lib/prometheus

kill "${readers[@]}"
systemctl stop qedged.service
webcam

# --- another program has the camera
v4l2-ctl -d /dev/video0 --stream-mmap >/tmp/holder 2>&1 &
holder=$!
eventually test -s /tmp/holder # it marks each frame
systemctl start qedged.service
names_holder() { status cam reason | grep -F "$BY_ID: in use by v4l2-ctl (process $holder)"; }
check in use by another program: status names it -- eventually names_holder
{ kill $holder; wait $holder; } 2>/dev/null
check free again: runs -- eventually state_is running
systemctl stop qedged.service
check no unit failed -- eventually all_well
rmmod vivid
rm /run/udev/rules.d/70-test.rules
udevadm control --reload
cp qedged.yaml /etc/qedge/qedged.yaml
finish
