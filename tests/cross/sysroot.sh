#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sysroot.sh TRIPLE DIR PACKAGE...   unpacks Debian packages of another architecture into DIR, which then serves
# as --sysroot of the cross compiler and as -L of qemu-user. Nothing of it is installed or run here: the host's
# dpkg stays single-architecture. The release is the host's own (SYSROOT_SUITE overrides).
set -eu
triple=$1 dir=$2; shift 2
case $triple in
aarch64-linux-gnu) arch=arm64 ;;
arm-linux-gnueabihf) arch=armhf ;;
*) echo "sysroot: no Debian architecture known for $triple: give SYSROOT=DIR" >&2; exit 1 ;;
esac
command -v mmdebstrap >/dev/null || {
    echo "sysroot: mmdebstrap is missing (Debian: apt-get install mmdebstrap), or give SYSROOT=DIR" >&2; exit 1; }
# shellcheck source=/dev/null
suite=${SYSROOT_SUITE:-$(. /etc/os-release; echo "${VERSION_CODENAME:-bookworm}")}
mode=unshare
[ "$(id -u)" != 0 ] || mode=root

include=$(IFS=,; echo "libc6-dev,$*")
# A merged /usr before the first package is unpacked: extraction alone does not make the links.
# Debian has links like libz.so -> /lib/...: inside a sysroot they would point at this machine (and the linker takes libz.a).
relative_links() {
    find "$dir/usr/lib" -type l -lname '/*' | while IFS= read -r link; do
        ln -sfnr "$dir$(readlink "$link")" "$link"
    done
}
# shellcheck disable=SC2016
links='for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done'
rm -rf "$dir"
mkdir -p "$(dirname "$dir")"
echo "qedge: unpacking Debian $suite libraries for $arch into $dir"
for try in 1 2 3; do
    mmdebstrap --mode="$mode" --quiet --arch="$arch" --variant=extract --include="$include" \
        --setup-hook="$links" "$suite" "$dir" && relative_links && exit 0
    rm -rf "$dir"
    echo "sysroot: try $try failed" >&2
    sleep $((try * 3))
done
exit 1
