#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# packages.sh PACKAGE...   see to it that these Debian packages are there.
#
# Nothing missing: silent, exit 0, no package manager is started. Something missing: one announced apt-get
# install (through sudo when not root). Without apt-get and dpkg each package is looked for by what it
# brings (a command, a pkg-config module, a header); what is not found is listed and the exit status is 1.
set -eu

# What a package brings, for systems that do not have dpkg.
probe() {
    case $1 in
    gcc) command -v cc || command -v gcc || command -v clang ;;
    libc6-dev) has_header stdio.h ;;
    pkgconf) command -v pkg-config ;;
    libuv1-dev) pkg-config --exists libuv ;;
    libv4l-dev) pkg-config --exists libv4l2 ;;
    libyaml-dev) pkg-config --exists yaml-0.1 ;;
    libjpeg-dev) pkg-config --exists libjpeg ;;
    libpng-dev) pkg-config --exists libpng ;;
    libjson-c-dev) pkg-config --exists json-c ;;
    zlib1g-dev) pkg-config --exists zlib ;;
    libprotobuf-c-dev) pkg-config --exists libprotobuf-c ;;
    protobuf-c-compiler) command -v protoc-c ;;
    libcmocka-dev) pkg-config --exists cmocka || has_header cmocka.h ;;
    gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc ;;
    libc6-dev-arm64-cross) true ;; # other distributions ship it with the cross compiler
    qemu-user-static) command -v qemu-aarch64-static ;;
    qemu-system-x86) command -v qemu-system-x86_64 ;;
    qemu-system-arm) command -v qemu-system-aarch64 ;;
    kmod) command -v modprobe ;;
    python3-venv) python3 -c 'import venv, ensurepip' ;;
    systemd) command -v systemctl ;;
    prometheus) command -v promtool ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

has_header() {
    printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <%s>\n' "$1" |
        cc -E -x c -
}

has_dpkg() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

installed() { # PACKAGE: really installed, not only known or half removed
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing=()
for package in "$@"; do
    if has_dpkg; then installed "$package" || missing+=("$package")
    else probe "$package" || missing+=("$package"); fi
done
# A list may name a package twice.
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | awk 'NF && !seen[$0]++')
[ ${#missing[@]} -gt 0 ] || exit 0

stop() {
    echo "qedge: $1; needed (Debian's names):" >&2
    printf '    %s\n' "${missing[@]}" >&2
    exit 1
}
has_dpkg || stop "this is not Debian, and some packages are missing: install them and run make again"
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || stop "some packages are missing, and there is no sudo to install them with"
    as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
install=("${apt[@]}" install --yes --no-install-recommends "${missing[@]}")
echo "qedge: installing from Debian: ${as_root[*]:+sudo }apt-get install ${missing[*]}"
log=$(mktemp); trap 'rm -f "$log"' EXIT
if "${install[@]}" >"$log" 2>&1 </dev/null; then exit 0; fi
# A fresh machine has no package lists yet, or old ones.
echo "qedge: refreshing Debian's package lists first"
"${apt[@]}" update >>"$log" 2>&1 </dev/null || true
"${install[@]}" >>"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; stop "apt-get could not install them"; }
