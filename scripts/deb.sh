#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deb.sh OUTDIR [TRIPLE SYSROOT]: builds the Debian packages from a copy of this tree in OUTDIR/ARCH and checks them with
# lintian. TRIPLE (aarch64-linux-gnu, say) builds for another architecture, whose libraries are in SYSROOT. The packages
# stay in OUTDIR/ARCH (debug symbols in OUTDIR/ARCH/debug), nothing outside it changes. Nothing is done when they are
# those of this tree and of the packages installed here already.
set -eu
cd "$(dirname "$0")/.."
arch=$(dpkg --print-architecture)
options=(-b -us -uc)
if [ $# -gt 1 ]; then
    arch=$(dpkg-architecture -t"$2" -qDEB_HOST_ARCH 2>/dev/null)
    QEDGE_SYSROOT=$(cd "$3" && pwd)
    export QEDGE_SYSROOT
    options+=(-a"$arch" -d -Pcross,nocheck)
fi
mkdir -p "$1/$arch"
out=$(cd "$1/$arch" && pwd)

# What git knows of, as it stands now; an unpacked release has no git and is clean.
tree() { # TAR-OPTION...
    if git rev-parse --git-dir >/dev/null 2>&1; then git ls-files -z --cached --others --exclude-standard
    else find . -path ./build -prune -o -type f -print0; fi |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar -c --null --no-recursion "$@" -T -
}
show() {
    local package
    for package in "$out"/*.deb; do
        printf '%8s KiB  %s\n' "$(($(stat -c %s "$package") / 1024))" "${package#"$PWD/"}"
    done
}
made_of=$({ tree --mtime=@0 --owner=0 --group=0; dpkg-query -W; [ $# = 1 ] || stat -c %Y "$3"; } | sha256sum)
if [ "$(cat "$out/made_of" 2>/dev/null)" = "$made_of" ]; then show; exit 0; fi
rm -rf "$out"/source "$out"/debug "$out"/*.deb "$out"/*.buildinfo "$out"/*.changes "$out/made_of"
mkdir "$out/source"
tree | tar -x -C "$out/source"

# The tests run from the tree (make check), not once more here.
log=$out/build.log
echo "qedge: building the packages, a minute or more; what it does: ${log#"$PWD/"}"
(cd "$out/source" && unset MAKEFLAGS MAKELEVEL MFLAGS &&
    DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage "${options[@]}") >"$log" 2>&1 || { tail -n 40 "$log"; exit 1; }
rm -rf "$out/source"
lintian --fail-on error --suppress-tags bad-distribution-in-changes-file "$out"/*.changes
mkdir "$out/debug"
mv "$out"/*-dbgsym_*.deb "$out/debug"
echo "$made_of" >"$out/made_of"
show
