#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: qedged.service with a virtual camera, from "no camera yet" to unplugged, killed and stopped.
# The share holds pictures NAME.yuyv and their classes NAME.class.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh

status() { qctl status --json | jq -er ".streams[0].$1"; }
state_is() { [ "$(status state)" = "$1" ]; }
property() { systemctl show -P "$1" qedged.service; }
main_pid_changed() { local pid; pid=$(property MainPID); [ "$pid" != 0 ] && [ "$pid" != "$1" ]; }
frames_grow() { local before; before=$(status frames_in) && sleep 0.1 && [ "$(status frames_in)" -gt "$before" ]; }

# last_said REALTIME|MONOTONIC TEXT: when the daemon last logged that, in milliseconds of that clock (asking it takes an
# emulated CPU too long to measure by).
last_said() {
    journalctl -b -u qedged.service --no-pager -o json | jq -r "select(.MESSAGE | contains(\"$2\")) | .__$1_TIMESTAMP" |
        tail -n 1 | sed 's/...$//'
}

# What another process reads from shared memory within a few seconds: the class of the newest result.
class_seen() { timeout 40 qctl watch --json | jq -r --unbuffered '.hits[0].label' | grep -m1 -xF "$(cat "$1.class")"; }

comes_back() { # OLD-PID: systemd started another daemon, and it delivers
    within 30000 main_pid_changed "$1" && within 15000 frames_grow && echo "$took ms to frames"
}

# --- no camera yet
check service starts without a camera -- systemctl start qedged.service
check type is notify, so READY came -- test "$(property Type) $(property ActiveState)" = "notify active"
check status line reaches systemd -- test -n "$(property StatusText)"
check stream waits -- within 6000 state_is waiting
check the reason is said -- status reason
check not started as root -- test "$(stat -c %U "/proc/$(property MainPID)")" != root

# --- a camera is plugged in, pictures in front of it
check camera plugged in -- camera_plug
camera_show macaw.yuyv
check stream runs by itself -- within 15000 state_is running
check macaw is seen by another process -- class_seen macaw
camera_show hotdog.yuyv
check hotdog is seen by another process -- class_seen hotdog
qctl status

# --- upgraded while another process reads
longest_gap() { jq -s '[.[].published_ns] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | max / 1000000 | floor' "$1"; }
lines_grow() { [ "$(wc -l </tmp/reader)" -gt "$lines" ]; }
qctl --wait 60 watch --json >/tmp/reader 2>/dev/null &
reader=$!
check a reader before the upgrade -- within 15000 test -s /tmp/reader
pid=$(property MainPID)
check upgraded -- package_install debs/next/*.deb
check upgraded: another daemon delivers -- comes_back "$pid"
lines=$(wc -l </tmp/reader)
check upgraded: the same reader goes on -- within 15000 lines_grow
kill $reader
echo "the reader's longest time without a result: $(longest_gap /tmp/reader) ms"
check upgraded: the edited configuration survived -- cmp /etc/qedge/qedged.yaml qedged.yaml

# --- unplugged and plugged in again
# All of vivid's nodes belong to one platform device: they vanish, open or not, and come back.
unplug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; }
replug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; }
# When udev was done with the node, in milliseconds: from then on the daemon may open it.
usable_since() { stat -c %.3Z $CAPTURE | tr -d .; }
node_there() { test -c $CAPTURE; }
pid=$(property MainPID)
camera_dark
unplug
check unplugged: stream waits -- within 6000 state_is waiting
check unplugged: same daemon, still up -- test "$(property MainPID) $(property ActiveState)" = "$pid active"
replug
check plugged in again: the node is back -- within 3000 node_there
check plugged in again: stream runs by itself -- within 15000 state_is running
resumed=$(($(last_said REALTIME "running again") - $(usable_since)))
check "plugged in again: resumed within 1 s ($resumed ms)" -- test $resumed -gt -1000 -a $resumed -lt 1000
check frames flow again -- within 5000 frames_grow
systemctl stop qedged.service && camera_wire 640x480 && systemctl start qedged.service
camera_show macaw.yuyv
check after that: macaw is seen -- class_seen macaw

# --- killed, stuck, stopped
pid=$(property MainPID)
kill -KILL "$pid"
check killed: started again and delivers -- comes_back "$pid"
check killed: macaw is seen again -- class_seen macaw
check watchdog is armed -- test "$(property WatchdogUSec)" = 12s
pid=$(property MainPID)
kill -STOP "$pid"
check stuck: the watchdog started another -- comes_back "$pid"
check stuck: systemd says why -- bash -c 'journalctl -b -u qedged.service --no-pager | grep -qi watchdog'
systemctl stop qedged.service
# systemd forgets a stopped unit's result; its journal line comes only after an orderly end.
took=$(($(last_said MONOTONIC "Deactivated successfully") - $(last_said MONOTONIC "SIGTERM: stopping")))
check "stops in order within 1 s ($took ms)" -- test $took -ge 0 -a $took -lt 1000
check nothing is left behind -- test ! -e /run/qedge/qedged.sock
check no unit failed -- test "$(systemctl is-system-running)" = running
camera_dark
systemctl stop qedged.service # nothing streams from the camera when it goes
rm $CAMERA
camera_unload
finish
