#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# package_scripts.sh FOLDER: what the scripts in the qedged package of FOLDER would do, in which order, with stand-ins for
# the programs that they call. (What that leads to is seen in the virtual machine: tests/vm/guest/purge.sh.)
set -eu
tree=$(mktemp -d); trap 'rm -rf "$tree"' EXIT
passed=0 failed=0
check() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); echo "ok    package scripts: $what"
    else failed=$((failed + 1)); echo "FAIL  package scripts: $what"; cat "$tree/called"; fi
}

dpkg-deb -e "$1"/qedged_*_"$(dpkg --print-architecture)".deb "$tree/control"
mkdir "$tree/bin" "$tree/booted"
for program in systemctl systemd-sysusers systemd-tmpfiles deb-systemd-helper deb-systemd-invoke rm; do
    printf '#!/bin/sh\necho "%s $*" >>"%s"\n' $program "$tree/called" >"$tree/bin/$program"
done
chmod 755 "$tree"/bin/*
# As on a machine that systemd runs.
sed -i "s,-d /run/systemd/system,-d $tree/booted,g" "$tree"/control/{postinst,prerm,postrm}

run() { # SCRIPT ARGUMENT...
    : >"$tree/called"
    PATH=$tree/bin:$PATH sh "$tree/control/$1" "${@:2}"
}
line() { grep -nE -m1 "$1" "$tree/called" | cut -d: -f1; } # of the first call like that
first() { [ "$(line "$1")" -lt "$(line "$2")" ]; }
nothing_like() { ! grep -E "$1" "$tree/called"; }

run postinst configure ""
check "installed: the account comes before the service" first sysusers "invoke start .*qedged\.service"
check "installed: the socket unit is tried before the service" first "invoke start .*qedged\.socket" "invoke start .*qedged\.service"
run postinst configure 0.0
check "upgraded, or installed again: as well" first "invoke start .*qedged\.socket" "invoke restart .*qedged\.service"
run prerm upgrade 0.2
check "upgraded: nothing is stopped before the new files are there" nothing_like .
run prerm remove
check "removed: the socket unit stops before the service" first "invoke stop .*qedged\.socket" "invoke stop .*qedged\.service"
run postrm remove
check "removed: what was measured stays" nothing_like var/lib
DPKG_ROOT=$tree/other run postrm purge
check "purged below another root: there, not here" grep -qx "rm -rf $tree/other/run/qedge $tree/other/var/lib/qedge" "$tree/called"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
