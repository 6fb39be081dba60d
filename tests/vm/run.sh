#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [MACHINE...]   MACHINE: amd64 arm64-a72 arm64-a76 (default: all)
#
# Boots Debian guests with a virtual camera and systemd, with qedge installed as `make install` lays it, and runs
# guest/camera.sh there (or VM_SCRIPT, a name in guest/). Guests are kept in build/vm; logs are left in build/vm/MACHINE/.
set -eu
cd "$(dirname "$0")/../.."
here=tests/vm
work=build/vm
mkdir -p "$work"
[ $# -gt 0 ] || set -- amd64 arm64-a72 arm64-a76
unset MAKEFLAGS MAKELEVEL

# What the guest gets over its own files: the installed tree, a configuration, impatience for the watchdog.
overlay() { # ARCH MAKE-ARGUMENT...
    local arch=$1 tree=$PWD/$work/overlay-$1
    shift
    rm -rf "$tree"
    make "$@" install PREFIX=/usr DESTDIR="$tree" >"$work/install-$arch.log" 2>&1 || { cat "$work/install-$arch.log"; return 1; }
    install -m 644 "$here/guest/qedged.yaml" "$tree/etc/qedge/qedged.yaml"
    install -D -m 644 "$here/guest/vm.conf" "$tree/etc/systemd/system/qedged.service.d/vm.conf"
}

# Programs built here (or with this release's libraries) run in a Debian 12 guest only when their C library is not newer.
libc_fits() { [ "$(printf '%s\n' "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" 2.36 | sort -V | tail -1)" = 2.36 ]; }

share() { # DIR: what the guest mounts
    rm -rf "$1"
    mkdir -p "$1"
    cp "$here"/guest/lib.sh "$work"/*.yuyv "$work"/*.class "$1"
    cp tests/golden/models/conv_same.tflite "$1/small.tflite"
    cp "$here/guest/${VM_SCRIPT:-camera.sh}" "$1/run.sh"
}

pictures() { # the classes are ImageNet's names, as the model's label file has them
    make build/tests/vm/picture_to_frame
    build/tests/vm/picture_to_frame models/pictures/macaw.jpg 640 480 YUYV >"$work/macaw.yuyv"
    build/tests/vm/picture_to_frame models/pictures/hotdog.jpg 640 480 YUYV >"$work/hotdog.yuyv"
    echo macaw >"$work/macaw.class"
    echo "hotdog, hot dog, red hot" >"$work/hotdog.class"
}

if ! libc_fits; then
    echo "0 passed, 0 failed, $# skipped"
    echo "vm: this machine's C library is newer than the Debian 12 guest's"
    exit 0
fi
pictures
passed=0 failed=0 ready=
for machine in "$@"; do
    case $machine in
    amd64) arch=amd64 cpu=max args=() ;;
    arm64-a72) arch=arm64 cpu=cortex-a72 args=(CROSS=aarch64-linux-gnu-) ;;
    arm64-a76) arch=arm64 cpu=cortex-a76 args=(CROSS=aarch64-linux-gnu-) ;;
    *) echo "vm: unknown machine $machine" >&2; exit 2 ;;
    esac
    case " $ready " in *" $arch "*) ;; *)
        $here/make_guest.sh $arch "$work/guest-$arch"
        overlay $arch "${args[@]}"
        ready="$ready $arch" ;;
    esac
    share "$work/$machine"
    echo "== $machine"
    start=$SECONDS status=0
    OVERLAY=$work/overlay-$arch $here/boot.sh $arch $cpu "$work/guest-$arch" "$work/$machine" "${VM_TIMEOUT:-480}" || status=$?
    log=$work/$machine/out.log
    [ ! -e "$log" ] || sed '/^[0-9]* passed, [0-9]* failed$/d' "$log"
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" 2>/dev/null | tail -1)
    read -r p f <<<"${counts:-0 0}"
    passed=$((passed + p)) failed=$((failed + f))
    if [ $status != 0 ]; then
        [ "$f" != 0 ] || { failed=$((failed + 1)); echo "FAIL  $machine: status $status"; tail -n 20 "$work/$machine/console.log"; }
        echo "-- the service's journal:"
        grep -E 'qedged|systemd' "$work/$machine/journal.log" 2>/dev/null | tail -n 40 || true
    fi
    echo "$machine: $((SECONDS - start)) s"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
