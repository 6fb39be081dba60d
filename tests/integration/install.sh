#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install`: the tree is complete, an app builds against it in C and C++ through pkg-config, the programs
# run from it, the unit points at what is there, an edited configuration survives, uninstall takes it all away.
set -eu
# Called from make: keep the caller's variables (CC=, SANITIZE= …), not its job server, nor where it would install to
# (debian/rules).
MAKEFLAGS=$(sed -n 's/.*-- /-- /p' <<<"${MAKEFLAGS:-}" | sed -E 's/ ([a-z]+dir|PREFIX|DESTDIR)=[^ ]*//g')
export MAKEFLAGS
tree=$(mktemp -d); trap 'rm -rf "$tree"' EXIT
problems=0
problem() { echo "install: $*"; problems=$((problems + 1)); }
present() { [ -s "$1" ] || problem "missing: ${1#"$tree"}"; }

# --- as a package would: DESTDIR and PREFIX=/usr
make BUILD="$BUILD" install DESTDIR="$tree/package" PREFIX=/usr
files='usr/sbin/qedged usr/bin/qctl usr/bin/qmodel usr/lib/libqclient.so usr/lib/libqclient.so.0 usr/include/qclient.h
    usr/lib/pkgconfig/libqclient.pc usr/share/qedge/models/efficientnet_lite0_int8.tflite
    usr/share/qedge/models/imagenet_labels.txt usr/share/qedge/pictures/macaw.jpg
    usr/share/doc/qedge/LICENSE usr/share/doc/qedge/LICENSE.efficientnet-lite0
    usr/share/man/man8/qedged.8 usr/share/man/man5/qedged.yaml.5
    usr/lib/systemd/system/qedged.service usr/lib/systemd/system/qedged.socket
    usr/lib/systemd/system/qedge-metrics.service usr/lib/systemd/system/qedge-metrics.timer
    usr/lib/sysusers.d/qedge.conf usr/lib/tmpfiles.d/qedge.conf
    usr/share/bash-completion/completions/qctl usr/share/bash-completion/completions/qmodel etc/qedge/qedged.yaml'
for file in $files; do present "$tree/package/$file"; done
grep -rlE "$tree|@[a-zA-Z]+@" "$tree/package/etc" "$tree/package/usr/lib/pkgconfig" "$tree/package/usr/lib/systemd" &&
    problem "a path of this machine, or an unfilled @word@, in the files above"

# --- an app against that tree
export PKG_CONFIG_SYSROOT_DIR=$tree/package PKG_CONFIG_LIBDIR=$tree/package/usr/lib/pkgconfig
flags=$(pkg-config --cflags --libs libqclient)
# shellcheck disable=SC2086
${CC:-cc} -Wall -Wextra -Werror -o "$tree/app" "$tree/package/usr/share/doc/qedge/watch.c" $flags || problem "the example does not build"
if status=0; QEDGE_SOCKET=$tree/none LD_LIBRARY_PATH=$tree/package/usr/lib timeout 60 "$tree/app" >"$tree/out" 2>&1 || status=$?; then
    if [ "$status" = 0 ] || [ "$status" -ge 124 ]; then problem "the example without a daemon ended with $status"; cat "$tree/out"; fi
fi
# shellcheck disable=SC2086
g++ -x c++ -std=c++20 -Wall -Wextra -Werror -o "$tree/example_cc" "$tree/package/usr/share/doc/qedge/watch.c" -x none $flags ||
    problem "the example does not build as C++"
printf '#include <qclient.h>\nint main() { return qclient_version() >> 16 == QCLIENT_VERSION_MAJOR ? 0 : 1; }\n' >"$tree/app.cc"
# shellcheck disable=SC2086
g++ -Wall -Wextra -Werror -o "$tree/app_cc" "$tree/app.cc" $flags || problem "a C++ app does not build"
LD_LIBRARY_PATH=$tree/package/usr/lib "$tree/app_cc" || problem "a C++ app gets another version than it was built with"
unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR

# --- as a person would, below a folder of one's own: everything runs from there
own=$tree/own
make BUILD="$BUILD" install PREFIX="$own" sysconfdir="$own/etc" DESTDIR= >/dev/null
"$own/sbin/qedged" --version >/dev/null || problem "qedged does not run from there"
"$own/bin/qmodel" info "$own/share/qedge/models/efficientnet_lite0_int8.tflite" >/dev/null || problem "qmodel does not run from there"
status=0; "$own/bin/qctl" --socket "$tree/none" status >/dev/null 2>&1 || status=$?
[ "$status" = 3 ] || problem "qctl without a daemon: status $status, not 3"
"$own/sbin/qedged" --check --config "$own/etc/qedge/qedged.yaml" || problem "the installed configuration is refused"
exec_start=$(sed -n 's/^ExecStart=[-@:+!]*\([^ ]*\).*/\1/p' "$own/lib/systemd/system/qedged.service")
[ -x "$exec_start" ] || problem "the unit starts $exec_start, which is not there"
# metrics: of a daemon that does not run; and what could not be written whole does not take their place
metrics() {
    (cd "$tree/metrics" && QEDGE_SOCKET=$tree/none sh -c "$(sed -n "s/^ExecStart=.*sh -c '\(.*\)'$/\1/p" \
        "$own/lib/systemd/system/qedge-metrics.service" | sed 's/\$\$/$/g')" 2>/dev/null)
}
mkdir "$tree/metrics"
metrics && grep -qx 'qedge_up 0' "$tree/metrics/qedge.prom" || problem "no metrics"
ln -s /dev/full "$tree/metrics/qedge.prom.new"
! metrics && grep -qx 'qedge_up 0' "$tree/metrics/qedge.prom" || problem "metrics are lost when the disk is full"
if command -v systemd-analyze >/dev/null; then
    verdict=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$own/lib/systemd/system/qedged.service" \
        "$own/lib/systemd/system/qedge-metrics.timer" 2>&1 | grep -E '(qedged|qedge-metrics)\.(service|socket|timer)' || true)
    [ -z "$verdict" ] || problem "systemd-analyze: $verdict"
    # An exposure of 2.0 of 10 is the most (systemd 250 and later can tell without running it).
    if systemd-analyze --help | grep -q -- --offline; then
        for unit in qedged qedge-metrics; do
            verdict=$(systemd-analyze security --offline=true --no-pager --threshold=20 \
                "$own/lib/systemd/system/$unit.service" 2>&1) || problem "$unit.service: $(tail -n 1 <<<"$verdict")"
        done
    fi
fi

# --- built with a distribution's flags: kernels keep their level, but for one that somebody chose; and assembly, too, is told
# that the folder is not to be written into it
compiled_with() { # FLAG SOURCE CFLAGS: the last flag of that beginning is this one
    local last
    last=$(make -n V=1 BUILD="$tree/flags" SANITIZE= CFLAGS="$3" "$tree/flags/obj/${2%.*}.o" | grep -oE -e " ${1:0:2}[^ ]*" | tail -n 1)
    [ "$last" = " $1" ] || problem "CFLAGS='$3': $2 is compiled with$last, not with $1"
}
compiled_with -O3 kernels/c/binary_c.c "-g -O2 -Wformat"
compiled_with -O0 kernels/c/binary_c.c -O0
compiled_with -ffile-prefix-map=/a=b kernels/arm/gemm_neon.S "-g -O2 -ffile-prefix-map=/a=b"

# --- `make clean all` cleans before it builds
object=$tree/both/obj/common/sealed.o
for goals in "$object" "clean $object"; do
    # shellcheck disable=SC2086
    make -j2 BUILD="$tree/both" SANITIZE= $goals >/dev/null
done
present "$object"

# --- an edited configuration survives; uninstall leaves it and nothing else
echo '# mine' >>"$own/etc/qedge/qedged.yaml"
make BUILD="$BUILD" install PREFIX="$own" sysconfdir="$own/etc" DESTDIR= >/dev/null
tail -n 1 "$own/etc/qedge/qedged.yaml" | grep -qx '# mine' || problem "installing again changed the configuration"
make BUILD="$BUILD" uninstall PREFIX="$own" sysconfdir="$own/etc" DESTDIR=
left=$(cd "$own" && find . -type f -o -type l)
[ "$left" = ./etc/qedge/qedged.yaml ] || problem "uninstall left: $left"
[ $problems = 0 ] && echo "install: complete, and apps build against it"
