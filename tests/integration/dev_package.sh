#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dev_package.sh FOLDER: the Debian packages in FOLDER, unpacked, are all that a program needs. The example that
# libqclient-dev ships builds as C and as C++ against its header and pkg-config file and the library of libqclient0,
# without a warning, and runs with that library.
set -eu
packages=$1
tree=$(mktemp -d); trap 'rm -rf "$tree"' EXIT
passed=0 failed=0
check() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@" >"$tree/said" 2>&1; then passed=$((passed + 1)); echo "ok    dev package: $what"
    else failed=$((failed + 1)); echo "FAIL  dev package: $what"; cat "$tree/said"; fi
}

for name in libqclient0 libqclient-dev; do
    package=$(ls "$packages/${name}"_*_"$(dpkg --print-architecture)".deb)
    [ "$(wc -l <<<"$package")" = 1 ] || { echo "more than one $name: $package"; exit 1; }
    dpkg-deb -x "$package" "$tree/root"
done
libraries=$tree/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
example=$tree/root/usr/share/doc/libqclient-dev/examples/watch.c
export PKG_CONFIG_SYSROOT_DIR=$tree/root PKG_CONFIG_LIBDIR=$libraries/pkgconfig
flags=$(pkg-config --cflags --libs libqclient)

builds() { # NAME COMPILER...: with that very header
    local name=$1
    shift
    # shellcheck disable=SC2086
    "$@" -Wall -Wextra -Werror -MD -MF "$tree/$name.d" -o "$tree/$name" "$example" -x none $flags &&
        grep -oE '[^ ]*qclient\.h' "$tree/$name.d" | sort -u >"$tree/headers" && diff "$tree/headers" - <<<"$tree/root/usr/include/qclient.h"
}
# It is linked with the packages' library, by the name that stays, and that library answers (to a socket's name that is
# too long: it does not wait for such a one).
runs() { # NAME
    local status=0
    readelf -d "$tree/$1" | grep -q 'NEEDED.*\[libqclient\.so\.0\]' || { readelf -d "$tree/$1"; return 1; }
    LD_LIBRARY_PATH=$libraries ldd "$tree/$1" | grep -F "$libraries/libqclient.so.0" || return 1
    QEDGE_SOCKET=/$(printf "%0200d" 0) LD_LIBRARY_PATH=$libraries timeout 60 "$tree/$1" >"$tree/words" 2>&1 || status=$?
    cat "$tree/words"
    [ $status = 1 ] && grep -q '^watch: no results: File name too long$' "$tree/words"
}
check "the example builds as C" builds c gcc
check "it runs" runs c
check "the example builds as C++20" builds cxx g++ -x c++ -std=c++20
check "it runs" runs cxx
echo "$passed passed, $failed failed"
[ $failed = 0 ]
