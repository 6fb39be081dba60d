#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: what may befall the installed service while a camera streams and clients read. Stream "cam" is the
# camera, "bars" a pattern that nobody touches: its reader is the witness. Times are printed, not judged.
#   VM_SCRIPTS='packages faults' tests/vm/run.sh amd64
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
STREAMS="cam bars" SOCKET=/run/qedge/qedged.sock

property() { systemctl show -P "$1" qedged.service; }
status() { qctl status --json | jq -er ".streams[] | select(.name == \"$1\") | .$2"; }
state_is() { [ "$(status cam state)" = "$1" ]; }
said() { journalctl -b --no-pager | grep -Eq "$1"; }

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
webcam() { settings /dev/video0 "size: 320x180, fps: 10"; }

# --- two clients read all the time, across every fault
declare -A lines
readers=()
readers_start() {
    local stream
    for stream in $STREAMS; do
        qctl --wait 600 watch "$stream" --json >"/tmp/$stream" 2>"/tmp/$stream.said" &
        readers+=($!)
    done
}
count() { wc -l <"/tmp/$1"; }
mark() {
    local stream
    for stream in $STREAMS; do lines[$stream]=$(count "$stream"); done
}
more() { [ "$(count "$1")" -ge $((lines[$1] + ${2:-3})) ]; }
goes_on() { mark; eventually more "$1"; }
since() { results_since "${lines[$1]}" "/tmp/$1"; } # STREAM: from the last result before the mark on
gap() { since "$1" | longest_gap; }
# Every result since the mark, one after the other, and every time in it one that can be.
unharmed() { # STREAM
    eventually more "$1" 4 || return
    since "$1" | jq -es 'def sane: . >= 0 and . < 60000000;
        length > 2 and ([.[].sequence] | . == [range(.[0]; .[0] + length)]) and all(.[].lost; . == 0) and
        all(.[]; (.total_us | sane) and (.read_us | sane) and all(.latency_us[]; sane))' ||
        { since "$1" | tail -n 3; cat "/tmp/$1.said"; return 1; }
}
same_daemon() { [ "$(property MainPID) $(property NRestarts)" = "$pid $restarts" ]; }
begin() { pid=$(property MainPID) restarts=$(property NRestarts); mark; }
witnesses() { # WORDS: nobody noticed
    local stream
    for stream in $STREAMS; do check "$*: reader of $stream has every result" -- unharmed "$stream"; done
    check "$*: the same daemon" -- same_daemon
}

# --- the camera is plugged in after the start, and the kernel learns only from the unit what a camera is
install -D -m 644 small.tflite /opt/small.tflite
webcam
systemctl stop qedged.socket qedged.service
modprobe -r videodev 2>/dev/null
check "no camera: the kernel does not even know the class" -- bash -c '! grep -q video4linux /proc/devices'
systemctl start qedged.service
check no camera: the stream waits -- eventually state_is waiting
camera
check plugged in after the start: runs -- eventually state_is running
check "as packaged: exposure is 2.0 or less" -- systemd-analyze security --no-pager --threshold=20 qedged.service
systemd-analyze security --no-pager qedged.service | tail -n 1
readers_start
check clients read -- eventually test -s /tmp/cam -a -s /tmp/bars

# --- the daemon dies
main_pid_changed() { local new; new=$(property MainPID); [ "$new" != 0 ] && [ "$new" != "$pid" ]; }
died() { # WORDS: another daemon delivers to the same clients
    local stream
    check "$*: systemd started another" -- eventually main_pid_changed
    declare -A before
    for stream in $STREAMS; do before[$stream]=$(($(count "$stream") - lines[$stream])); done
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
prlimit --pid "$pid" --nofile=$(($(find "/proc/$pid/fd" -type l | wc -l) + 4)):8192
check no descriptor left: newcomers are refused -- bash -c "! timeout 10 ./crowd $SOCKET bars 20 2"
witnesses no descriptor left
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
check "another format, asked for by another program: refused" -- bash -c '! v4l2-ctl -d /dev/video0 -v width=640,height=480'
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
mark
systemctl start qedged.service
check unplugged and plugged in while stopped: runs -- eventually more cam
systemctl stop qedged.service
unplug
systemctl start qedged.service
check unplugged while stopped: waits -- eventually state_is waiting
mark
replug
check plugged in again: runs -- eventually more cam

# --- bad clients
begin
check garbage -- timeout $PATIENCE ./daemon_probe garbage $SOCKET 4711 100
check a client that never reads its socket is disconnected -- timeout $PATIENCE ./daemon_probe deaf $SOCKET
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
check bad reload: fails -- bash -c '! systemctl reload qedged.service'
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
begin
v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=1
check no signal: waits -- eventually state_is waiting
status cam reason
check no signal: the other stream does not notice -- unharmed bars
v4l2-ctl -d /dev/video1 -c dv_timings_signal_mode=0
check a signal again: the reader goes on -- eventually more cam
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
names_holder() { qctl status | grep -F "in use by v4l2-ctl (process $holder)"; }
check in use by another program: status names it -- eventually names_holder
{ kill $holder; wait $holder; } 2>/dev/null
check free again: runs -- eventually state_is running
systemctl stop qedged.service
check no unit failed -- eventually all_well
rmmod vivid
cp qedged.yaml /etc/qedge/qedged.yaml
finish
