#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: qedged.service with a virtual camera, from "no camera yet" to unplugged, killed and stopped.
# The share holds pictures NAME.yuyv and their classes NAME.class.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh

status() { qctl status --json | jq -er ".streams[0].$1"; }
state_is() { [ "$(status state)" = "$1" ]; }
main_pid_changed() { local pid; pid=$(property MainPID); [ "$pid" != 0 ] && [ "$pid" != "$1" ]; }
frames_grow() { local before; before=$(status frames_in) && sleep 0.1 && [ "$(status frames_in)" -gt "$before" ]; }

# last_said REALTIME|MONOTONIC TEXT: when the daemon last logged that, in milliseconds of that clock (asking it takes an
# emulated CPU too long to measure by).
last_said() {
    journalctl -b -u qedged.service --no-pager -o json | jq -r "select(.MESSAGE | contains(\"$2\")) | .__$1_TIMESTAMP" |
        tail -n 1 | sed 's/...$//'
}

# What another process reads from shared memory sooner or later: the class of the newest result.
class_seen() {
    grep -m1 -xF "$(cat "$1.class")" < <(timeout "$PATIENCE" qctl watch --json | jq -r --unbuffered '.hits[0].label')
}

comes_back() { # OLD-PID: systemd started another daemon, and it delivers
    eventually main_pid_changed "$1" && eventually frames_grow && echo "$took ms to frames"
}

# --- no camera yet
# Up to the upgrade amd64 has the socket unit on, the others do without.
socket=inactive
if [ "$(uname -m)" = x86_64 ]; then
    systemctl start qedged.socket
    socket=active
fi
check service starts without a camera -- systemctl start qedged.service
check type is notify, so READY came -- test "$(property Type) $(property ActiveState)" = "notify active"
check status line reaches systemd -- test -n "$(property StatusText)"
check stream waits -- eventually state_is waiting
reason_said() { status reason | grep -F "$CAMERA: No such file or directory"; }
check the reason is said -- reason_said
own_account() { local pid; pid=$(property MainPID); [ "$pid" != 0 ] && [ "$(stat -c '%U %G' "/proc/$pid")" = "qedge qedge" ]; }
check runs as the user qedge -- own_account

# --- a camera is plugged in, pictures in front of it
check camera plugged in -- camera_plug
camera_show macaw.yuyv
check stream runs by itself -- eventually state_is running
check macaw is seen by another process -- class_seen macaw
camera_show hotdog.yuyv
check hotdog is seen by another process -- class_seen hotdog
qctl status

# --- upgraded while another process reads (it reads on until the last stop)
lines_grow() { [ "$(wc -l </tmp/reader)" -gt $((lines + 1)) ]; } # the last line may be half of a result
reader_goes_on() { # WORDS: the reader gets more results; how long it had none since the mark
    lines=$(wc -l </tmp/reader)
    check "$*: the same reader goes on" -- eventually lines_grow
    echo "time: $*: $(results_since "$mark" /tmp/reader | longest_gap) ms between two results"
}
mark() { mark=$(wc -l </tmp/reader); }
qctl --wait 600 watch --json >/tmp/reader 2>>/tmp/told &
reader=$!
check a reader before the upgrade -- eventually test -s /tmp/reader
pid=$(property MainPID)
mark
check upgraded -- package_install debs/next/*.deb
check upgraded: another daemon delivers -- comes_back "$pid"
check "upgraded: the socket unit is as it was ($socket)" -- eventually units_are $socket active
reader_goes_on upgraded
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
check unplugged: stream waits -- eventually state_is waiting
check unplugged: same daemon, still up -- test "$(property MainPID) $(property ActiveState)" = "$pid active"
replug
check plugged in again: the node is back -- eventually node_there
check plugged in again: stream runs by itself -- eventually state_is running
resumed=$(($(last_said REALTIME "running again") - $(usable_since)))
echo "time: plugged in again: resumed $resumed ms after the node was usable"
check frames flow again -- eventually frames_grow
systemctl stop qedged.socket qedged.service && camera_wire 640x480 && systemctl start qedged.service
camera_show macaw.yuyv
check after that: macaw is seen -- class_seen macaw

# --- killed, stuck (the watchdog of the next daemon as we ship it), stopped
rm /etc/systemd/system/qedged.service.d/patient.conf
systemctl daemon-reload
pid=$(property MainPID)
mark
kill -KILL "$pid"
check killed: started again and delivers -- comes_back "$pid"
check killed: macaw is seen again -- class_seen macaw
reader_goes_on killed
check watchdog is armed as shipped -- test "$(property WatchdogUSec)" = 10s
pid=$(property MainPID)
mark
journal_mark
kill -STOP "$pid"
check stuck: the watchdog started another -- comes_back "$pid"
reader_goes_on stuck
check stuck: systemd says why -- eventually systemd_said "Watchdog timeout"

# --- one thread stands still: the rest of the daemon is alive and starves the watchdog on purpose
thread() { grep -lx "$1" /proc/"$pid"/task/*/comm | cut -d/ -f5; }
let_go() { { kill -KILL "$staller"; wait "$staller"; } 2>/dev/null; }
stall() { # THREAD: it stands still until it is let go; not with a lock in its hand that the daemon needs
    for _ in 1 2 3; do
        pid=$(property MainPID)
        : >/tmp/stall # here: what the one before said would be read before a background job has emptied it
        ./daemon_probe stall "$(thread "$1")" 1000000 >>/tmp/stall 2>&1 &
        staller=$!
        eventually grep -qx stalled /tmp/stall && qctl status && return
        let_go
    done
    cat /tmp/stall
    return 1
}
mark
journal_mark
check camera thread stuck: the daemon answers -- stall qedge-capture
check camera thread stuck: the daemon feeds the watchdog no more -- eventually daemon_said "the watchdog is not fed any more"
check camera thread stuck: systemd ends it -- eventually systemd_said "Watchdog timeout"
let_go # a process with a traced thread does not end
check camera thread stuck: another daemon delivers -- comes_back "$pid"
reader_goes_on camera thread stuck

: >/tmp/told
systemctl stop qedged.service
check clients are told the end -- eventually grep -q "the stream was closed" /tmp/told
kill $reader
# systemd forgets a stopped unit's result; its journal line comes only after an orderly end.
in_order() {
    local end
    end=$(last_said MONOTONIC "Deactivated successfully") && [ -n "$end" ] &&
        spent=$((end - $(last_said MONOTONIC "SIGTERM: stopping"))) && [ $spent -ge 0 ]
}
check stops in order -- eventually in_order
echo "time: stopped in $spent ms"
check nothing is left behind -- test ! -e /run/qedge/qedged.sock
check no unit failed -- eventually all_well
camera_dark
systemctl stop qedged.service # nothing streams from the camera when it goes
rm $CAMERA
camera_unload
finish
