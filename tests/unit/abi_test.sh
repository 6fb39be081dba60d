#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What libqclient and the ring promise to others: exported names, a header that C and C++ take, one layout on 32 and
# 64 bit, an example of at most 40 lines. Needs BUILD; checks that lack a compiler are left out by name.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cc=${CC:-cc}
failures=0
fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
left_out() { echo "left out: $*"; }

# Exported: exactly the functions of the header.
nm -D --defined-only "$BUILD/libqclient.so" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort >"$folder/exported"
nm -D --defined-only "$BUILD/libqclient.so" | awk '$2 != "T" && $3 !~ /^QCLIENT_/' >"$folder/others"
# A name counts as declared when a line that is not a comment has it.
grep -v '^ *//' include/qclient.h | grep -o '\bqclient_[a-z_]*(' | tr -d '(' | sort -u >"$folder/declared"
diff "$folder/declared" "$folder/exported" || fail "exported is not what qclient.h declares"
[ ! -s "$folder/others" ] || { cat "$folder/others"; fail "exports besides functions"; }

# The package's promise: these functions, each in the version that it came with, were in a release. One that is taken
# away from header and library, or moved to another version, is missed here.
nm -D --defined-only --with-symbol-versions "$BUILD/libqclient.so" | awk '{ sub(/@@/, "@", $3); print $3 == "QCLIENT_0.1" ? $3 "@" $3 : $3 }' |
    sort >"$folder/versions"
awk '/^ / { print $1 }' debian/libqclient0.symbols | sort >"$folder/promised"
diff "$folder/promised" "$folder/versions" || fail "exported is not what debian/libqclient0.symbols promises"

# The header alone, strict, in old and new C and C++.
echo '#include <qclient.h>' >"$folder/header.c"
for std in c99 c17; do
    "$cc" -std=$std -pedantic -Wall -Wextra -Wshadow -Wundef -Werror -Iinclude -fsyntax-only "$folder/header.c" ||
        fail "qclient.h as $std"
done
if command -v g++ >/dev/null; then
    cat >"$folder/use.cpp" <<'CPP'
#include <qclient.h>
int main()
{
    qclient *client = nullptr;
    qclient_options options{};
    options.size = sizeof options;
    options.flags = QCLIENT_FROM_OLDEST | QCLIENT_NO_RECONNECT;
    options.socket = "/nonexistent/socket";
    return qclient_connect(&options, &client) == -2 && client == nullptr ? 0 : 1;
}
CPP
    for std in c++11 c++20; do
        g++ -std=$std -pedantic -Wall -Wextra -Wshadow -Wundef -Werror -Iinclude "$folder/use.cpp" -o "$folder/use" \
            -L"$BUILD" -lqclient || fail "a $std program"
        # A sanitizer's library wants its runtime first.
        nm -D "$BUILD/libqclient.so" | grep -q '__[at]san_' || LD_LIBRARY_PATH=$BUILD "$folder/use" || fail "a $std program runs"
    done
else
    left_out "C++ (no g++)"
fi

lines=$(wc -l <libclient/examples/watch.c)
[ "$lines" -le 40 ] || fail "the example has $lines lines"

# The layouts' static asserts for 32 bit: no C library needed.
printf '#include "common/%s.h"\n' ring_abi stats_abi labels_abi picture_abi wire >"$folder/layout.c"
layout() { # NAME COMMAND...
    local name=$1; shift
    echo 'int x;' >"$folder/probe.c"
    if "$@" -ffreestanding -fsyntax-only "$folder/probe.c" 2>/dev/null; then
        "$@" -std=c17 -ffreestanding -Wall -Wextra -Werror -I. -fsyntax-only "$folder/layout.c" || fail "layout on $name"
    else
        left_out "layout on $name (no compiler)"
    fi
}
layout i386 "$cc" -m32
layout armhf arm-linux-gnueabihf-gcc
layout arm64 aarch64-linux-gnu-gcc

# 32-bit readers on a 64-bit writer's ring, where a 32-bit C library is installed.
echo 'int main(void) { return 0; }' >"$folder/probe.c"
if "$cc" -m32 -pthread "$folder/probe.c" -o "$folder/probe" 2>/dev/null && "$folder/probe"; then
    for time_bits in "" "-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64"; do
        # shellcheck disable=SC2086
        "$cc" -m32 $time_bits -std=c17 -O2 -Wall -Wextra -Werror -pthread -D_GNU_SOURCE -I. -o "$folder/stress32" \
            tests/integration/ring_stress_test.c common/ring.c common/sealed.c || { fail "32-bit build"; break; }
        "$BUILD/tests/integration/ring_stress_test" 200000 64 "$folder/stress32" >"$folder/out" || fail "32-bit readers"
        cat "$folder/out"
        grep -q '(32 bit)' "$folder/out" || fail "the readers were not 32 bit"
    done
else
    left_out "32-bit readers (no 32-bit C library)"
fi

[ $failures = 0 ]
