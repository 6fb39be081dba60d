#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: the packages are removed, then purged; nothing of them is left.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh

gone() { [ -z "$(find / -xdev \( -path /host -o -path /proc -o -path /sys -o -path /tmp -o -path "$DROP_IN" \) -prune -o \
    \( -iname '*qedge*' -o -iname '*qclient*' -o -name qctl -o -name qmodel \) -print | tee /tmp/left)" ] || { cat /tmp/left; return 1; }; }
DROP_IN=/etc/systemd/system/qedged.service.d
PACKAGES=(qedged qedge-tools libqclient-dev libqclient0)

systemctl start qedged.service
check removed while it runs -- dpkg --force-unsafe-io -r "${PACKAGES[@]}"
inactive() { [ "$(systemctl is-active qedged.service)" != active ] && [ -z "$(pidof qedged)" ]; }
check removed: stopped -- inactive
check removed: the edited configuration stays -- cmp /etc/qedge/qedged.yaml qedged.yaml
check purged -- dpkg --force-unsafe-io -P "${PACKAGES[@]}"
check purged: nothing is left -- gone
finish
