#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: our packages are installed, as on a machine without a camera. They stay for the scripts after this one.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
SOCKET=/run/qedge/qedged.sock

enabled() { systemctl is-enabled qedged.service && systemctl is-active qedged.service; }
waiting() { qctl status --json | jq -e '.streams[0].state == "waiting"'; }
loads() { [ "$(property NRestarts)" = 0 ]; }

modprobe videodev
check packages install -- package_install debs/*.deb
check an account for the daemon, a group for clients -- account_there
check enabled and running -- enabled
check as shipped it waits for a camera -- eventually waiting
check started once -- loads
check its configuration is a conffile -- grep -q /etc/qedge/qedged.yaml /var/lib/dpkg/info/qedged.conffiles

# --- as packaged it may do what it needs and nothing else
# What systemd finds open: each line of hardening that is lost adds a word.
OPEN="DeviceAllow PrivateDevices PrivateUsers RestrictAddressFamilies_AF_UNIX RootDirectoryOrRootImage"
OPEN+=" SupplementaryGroups SystemCallFilter_resources"
nothing_else_open() {
    local open
    open=$(systemd-analyze security --no-pager --json=short qedged.service |
        jq -r '.[] | select(.set == false) | .json_field' | LC_ALL=C sort | paste -sd' ')
    echo "open: $open"
    [ "$open" = "$OPEN" ]
}
# char-rtc comes with ProtectClock=.
devices() { property DeviceAllow | LC_ALL=C sort | paste -sd, | tee /dev/stderr; }
only_cameras() { [ "$(devices)" = "/dev/vcio rw,/dev/vcio_gencmd rw,char-rtc r,char-video4linux rw" ]; }
check exposure is 0.7 or less -- systemd-analyze security --no-pager --threshold=7 qedged.service
check nothing is open that need not be -- nothing_else_open
check devices are closed but for those allowed -- test "$(property DevicePolicy)" = closed
check cameras and the firmware mailbox are allowed -- only_cameras

# The configuration of the tests, taken over as an administrator would.
cp qedged.yaml /etc/qedge/qedged.yaml
check reload takes an edited configuration over -- systemctl reload qedged.service
streams() { [ "$(qctl status --json | jq -r '.streams[0].name')" = front ]; }
check the edited configuration runs -- eventually streams
echo 'streams: [{name: x}]' >/etc/qedge/qedged.yaml
bad_reload() { ! systemctl reload qedged.service; }
check a bad configuration fails the reload -- bad_reload
check and the old one runs on -- streams
cp qedged.yaml /etc/qedge/qedged.yaml

# --- who may connect
as_nobody() { setpriv --reuid=nobody --regid=nogroup "$@" qctl status; }
member() { as_nobody --groups=qedge; }
refused() { # WHY
    ! as_nobody --clear-groups >/tmp/refused 2>&1 && grep -F "permission denied$1" /tmp/refused
}
clients_checked() { # WHOSE socket
    check "$1 socket belongs to the group" -- test "$(stat -c '%a %U %G' $SOCKET)" = "660 qedge qedge"
    check "$1 socket: who is in the group is served" -- eventually member
    check "$1 socket: who is not is refused" -- eventually refused "; is this user in the group"
    chmod 666 $SOCKET
    check "$1 socket, if it were open to all: refused by the daemon" -- \
        eventually refused ": not allowed: your user is not in the group"
    chmod 660 $SOCKET
}
clients_checked "the daemon's"

# --- socket activation, turned on while the service runs
check the documented command turns socket activation on -- socket_unit on
check both units are up -- units_are active active
clients_checked "systemd's"
systemctl stop qedged.service 2>/dev/null # which says that the socket could start it again
check the socket stays when the service is stopped -- test -S $SOCKET
check and waits without it -- units_are active inactive
check a client starts the service -- eventually member
check it is up by that -- eventually units_are active active
check the documented command turns socket activation off -- socket_unit off
check the service alone is up -- units_are inactive active
check its own socket serves -- eventually member
systemctl stop qedged.service
finish
