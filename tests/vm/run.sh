#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [MACHINE...]   MACHINE: amd64 arm64-a72 arm64-a76 (default: all)
#
# Boots Debian guests with a virtual camera and systemd, installs qedge's own packages there and runs the scripts of
# guest/ one after the other. Guests are kept in build/vm; logs are left in build/vm/MACHINE/.
set -eu
cd "$(dirname "$0")/../.."
here=tests/vm
work=build/vm
mkdir -p "$work"
[ $# -gt 0 ] || set -- amd64 arm64-a72 arm64-a76
unset MAKEFLAGS MAKELEVEL

# VM_SCRIPTS and VM_SIZES shorten a run while a test is being written.
# Every script runs on each architecture, but for the list of formats, which is V4L2's alone; what pictures turn into
# differs from CPU to CPU.
scripts_of() { # MACHINE
    case $1 in
    amd64) echo "packages faults camera capture formats devices purge" ;;
    arm64-a72) echo "packages faults camera capture devices purge" ;;
    *) echo "packages camera capture purge" ;;
    esac
}
sizes=${VM_SIZES:-640x480 720x480 1280x720} formats="YUYV UYVY NV12 YU12 GREY RGB3 BGR3"

# The packages, and the same ones a version later.
packages() { # ARCH MAKE-ARGUMENT...
    local arch=$1 deb tree=$PWD/$work/repack-$1 next=0.1.0+next
    shift
    make "$@" deb
    rm -rf "$work/debs-$arch"
    mkdir -p "$work/debs-$arch/next"
    cp build/deb/"$arch"/*.deb "$work/debs-$arch"
    for deb in "$work/debs-$arch"/*.deb; do
        rm -rf "$tree"
        dpkg-deb -R "$deb" "$tree"
        sed -i -e "s/^Version: .*/Version: $next/" -e "s/(= [^)]*)/(= $next)/g" "$tree/DEBIAN/control"
        dpkg-deb --root-owner-group -Zgzip -z1 -b "$tree" "$work/debs-$arch/next" >/dev/null
    done
    rm -rf "$tree"
}

# The guest, the packages, and the tests' own programs that run there.
prepare() { # ARCH
    local build=build options=()
    if [ "$1" = arm64 ]; then build=build/aarch64-linux-gnu options=(CROSS=aarch64-linux-gnu-); fi
    $here/make_guest.sh "$1" "$work/guest-$1"
    make "${options[@]}" vm-helpers
    rm -rf "$work/helpers-$1"
    mkdir "$work/helpers-$1"
    cp $build/tests/vm/guest/*/{crowd,daemon_probe,hostile_probe} "$work/helpers-$1"
    packages "$1" "${options[@]}"
}

logged() { # ARCH: prepare, quietly
    echo "vm: the guest and the packages of $1"
    prepare "$1" >"$work/prepare-$1.log" 2>&1 & # where a failing command still ends it
    wait $! || { tail -n 40 "$work/prepare-$1.log"; return 1; }
}

# What the guest gets over its own files: patience for the watchdog.
overlay=$work/overlay
rm -rf "$overlay"
install -D -m 644 "$here/guest/patient.conf" "$overlay/etc/systemd/system/qedged.service.d/patient.conf"

# Programs built here (or with this release's libraries) run in a Debian 12 guest only when their C library is not newer.
libc_fits() { [ "$(printf '%s\n' "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" 2.36 | sort -V | tail -1)" = 2.36 ]; }

share() { # DIR ARCH MACHINE: what the guest mounts
    rm -rf "$1"
    mkdir -p "$1"
    cp "$here"/guest/*.sh "$here/guest/qedged.yaml" "$work"/frames/* "$1"
    cp -r "$work/debs-$2" "$1/debs"
    cp "$work/helpers-$2"/* "$1"
    cp tests/golden/models/dense_picture.tflite "$1/small.tflite"
    cat >"$1/run.sh" <<SCRIPT
#!/bin/bash
export SIZES="$sizes" FORMATS="$formats"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
status=0
for script in ${VM_SCRIPTS:-$(scripts_of "$3")}; do
    echo "-- \$script"
    start=\$SECONDS
    bash ./\$script.sh || status=1
    echo "-- \$script: \$((SECONDS - start)) s"
    [ \$script\$status != packages1 ] || break # nothing to test without them
done
exit \$status
SCRIPT
    chmod +x "$1/run.sh"
}

frames() { # the classes are ImageNet's names, as the model's label file has them
    local size format
    make build/tests/vm/picture_to_frame
    rm -rf "$work/frames"
    mkdir "$work/frames"
    frame() { build/tests/vm/picture_to_frame "models/pictures/$1.jpg" "${2%x*}" "${2#*x}" "$3" >"$work/frames/$4"; }
    frame macaw 640x480 YUYV macaw.yuyv
    frame hotdog 640x480 YUYV hotdog.yuyv
    echo macaw >"$work/frames/macaw.class"
    echo "hotdog, hot dog, red hot" >"$work/frames/hotdog.class"
    for size in $sizes; do
        for format in $formats; do frame palace "$size" "$format" "$size.$format"; done
    done
}

# Boots one and shows what it said; its counts come last.
machine_run() { # MACHINE
    local machine=$1 dir=$work/$1 start=$SECONDS status=0 p f
    local arch cpu
    arch=$(arch_of "$machine")
    case $machine in
    amd64) cpu=max ;;
    *) cpu=cortex-${machine#arm64-} ;;
    esac
    share "$dir" "$arch" "$machine"
    OVERLAY=$overlay $here/boot.sh "$arch" $cpu "$work/guest-$arch" "$dir" "${VM_TIMEOUT:-1500}" || status=$?
    [ ! -e "$dir/out.log" ] || sed '/^[0-9]* passed, [0-9]* failed$/d' "$dir/out.log"
    read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$dir/out.log" 2>/dev/null |
        awk '{p += $1; f += $2} END {print p + 0, f + 0}')
    if [ $status != 0 ]; then
        [ "$f" != 0 ] || { f=1; echo "FAIL  $machine: status $status"; tail -n 20 "$dir/console.log"; }
        echo "-- the service's journal:"
        grep -E 'qedged|systemd' "$dir/journal.log" 2>/dev/null | tail -n 40 || true
    fi
    echo "$machine: $((SECONDS - start)) s"
    echo "$p $f" >"$dir/counts"
}

# Two guests run at a time, in two slots: one alone leaves much of two CPUs idle. Each takes the next machine that the
# other has not begun, and runs it as soon as what it needs is prepared.
slot_run() { # MACHINE...
    local machine arch
    for machine in "$@"; do
        mkdir "$work/$machine.begun" 2>/dev/null || continue
        arch=$(arch_of "$machine")
        until [ -s "$work/prepared-$arch" ]; do sleep 0.2; done
        rm -rf "${work:?}/$machine"
        echo "FAIL  $machine: not prepared" >"$work/$machine.log"
        [ "$(cat "$work/prepared-$arch")" = 0 ] || continue
        machine_run "$machine" >"$work/$machine.log" 2>&1 & # where a failing command ends that, and nothing else
        wait $! || true
    done
}

counts_add() { # MACHINE: one without counts has failed
    local p f
    echo "== $1"
    cat "$work/$1.log"
    read -r p f <"$work/$1/counts" || { p=0 f=1; }
    passed=$((passed + p)) failed=$((failed + f))
}

arch_of() { # MACHINE
    case $1 in
    amd64) echo amd64 ;;
    arm64-a72|arm64-a76) echo arm64 ;;
    *) echo "vm: unknown machine $1" >&2; return 2 ;;
    esac
}

if ! libc_fits; then
    echo "0 passed, 0 failed, $# skipped"
    echo "vm: this machine's C library is newer than the Debian 12 guest's"
    exit 0
fi
passed=0 failed=0 arches=
for machine in "$@"; do
    arch=$(arch_of "$machine")
    case " $arches " in *" $arch "*) ;; *) arches="$arches $arch" ;; esac
done
rm -rf "$work"/prepared-* "$work"/*.begun
frames
read -r first later <<<"$arches"
logged "$first"
echo 0 >"$work/prepared-$first"
if [ -n "$later" ]; then
    # While the first guest runs, the other architecture's packages are built with what it leaves of the CPUs.
    (renice -n 19 -p "$BASHPID" >/dev/null || true; status=0; logged "$later" || status=$?; echo $status >"$work/prepared-$later") &
fi
slot_run "$@" &
slot_run "$@"
wait
for machine in "$@"; do counts_add "$machine"; done
echo "vm: $# guests in $SECONDS s"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
