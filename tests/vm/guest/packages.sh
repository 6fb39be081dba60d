#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: our packages are installed, as on a machine without a camera. They stay for the scripts after this one.
set -u
cd "$(dirname "$0")" || exit 1
. ./lib.sh

enabled() { systemctl is-enabled qedged.service && systemctl is-active qedged.service; }
waiting() { qctl status --json | jq -e '.streams[0].state == "waiting"'; }
loads() { [ "$(systemctl show -P NRestarts qedged.service)" = 0 ]; }

modprobe videodev
check packages install -- package_install debs/*.deb
check an account for the daemon, a group for clients -- getent passwd qedge
check enabled and running -- enabled
check as shipped it waits for a camera -- eventually waiting
check started once -- loads
check its configuration is a conffile -- grep -q /etc/qedge/qedged.yaml /var/lib/dpkg/info/qedged.conffiles

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
systemctl stop qedged.socket qedged.service
finish
