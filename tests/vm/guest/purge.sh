#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: the packages are removed while the service and its socket unit are up, then purged. What stays: the
# account, and what an administrator has made (drop-ins, files of their own in /etc/qedge).
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh
PACKAGES=(qedged qedge-tools libqclient-dev libqclient0)

# Not what the scripts before this one have made: a drop-in, `systemctl set-property --runtime`.
gone() {
    [ -z "$(find / /run -xdev \( -path /host -o -path /proc -o -path /sys -o -path /tmp -o -path /run/systemd/system.control \
        -o -path /etc/systemd/system/qedged.service.d \) -prune -o \
        \( -iname '*qedge*' -o -iname '*qclient*' -o -name qctl -o -name qmodel \) -print | tee /dev/stderr)" ]
}

check socket activation is turned on -- socket_unit on
check service and socket are up -- units_are active active
check removed while they are up -- dpkg --force-unsafe-io -r "${PACKAGES[@]}"
stopped() { units_are inactive inactive && [ -z "$(pidof qedged)" ]; }
check removed: both are stopped -- stopped
check removed: the edited configuration stays -- cmp /etc/qedge/qedged.yaml qedged.yaml
check removed: the folder in /run is gone -- test ! -e /run/qedge
check purged -- dpkg --force-unsafe-io -P "${PACKAGES[@]}"
check purged: no file is left -- gone
check purged: the account stays, locked -- account_there
check no unit failed -- eventually all_well
finish
