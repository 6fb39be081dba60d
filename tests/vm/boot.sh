#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# boot.sh ARCH CPU GUESTDIR SHAREDIR SECONDS [QEMU-ARGUMENT...]
#
# Boots a guest of make_guest.sh under emulation (no KVM). The guest mounts SHAREDIR, runs its run.sh and leaves
# out.log, journal.log and status there. OVERLAY=dir lays a folder tree over the guest's root.
# Exit status: run.sh's own; 124 when it took longer than SECONDS; 125 when the guest left none.
set -eu
arch=$1 cpu=$2 guest=$3 share=$(cd "$4" && pwd) limit=$5
shift 5
kernel_args="quiet loglevel=4 panic=-1 mitigations=off nokaslr cryptomgr.notests random.trust_cpu=on audit=0 systemd.show_status=0"
case $arch in
# The TSC is measured against a timer at boot: an emulated CPU that has to wait meanwhile gets that wrong, up to five
# times too fast a clock was seen. The HPET counts nanoseconds of the host.
amd64) qemu=qemu-system-x86_64 machine=pc console=ttyS0; kernel_args="$kernel_args clocksource=hpet tsc=unstable no_timer_check" ;;
arm64) qemu=qemu-system-aarch64 machine=virt console=ttyAMA0 ;;
*) echo "boot.sh: unknown architecture $arch" >&2; exit 2 ;;
esac
initrd=$share/initrd.cpio
trap 'rm -f "$initrd"' EXIT
cp "$guest/initrd.cpio" "$initrd"
if [ -n "${OVERLAY:-}" ]; then
    (cd "$OVERLAY" && find . -mindepth 1 -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc -R 0:0 --quiet) >>"$initrd"
fi
rm -f "$share/status"
qemu_status=0
timeout -k 5 "$limit" "$qemu" -M "$machine" -accel tcg,thread=multi,tb-size=512 -cpu "$cpu" -smp 2 -m 1024 \
    -nodefaults -no-user-config -no-reboot -display none -serial stdio \
    -kernel "$guest/kernel" -initrd "$initrd" -append "console=$console $kernel_args" \
    -fsdev local,id=h,path="$share",security_model=none,multidevs=remap \
    -device virtio-9p-pci,fsdev=h,mount_tag=hostshare "$@" </dev/null >"$share/console.log" 2>&1 || qemu_status=$?
case $qemu_status in 124|137) echo "boot.sh: no end after $limit s" >&2; exit 124 ;; esac
[ -s "$share/status" ] || { echo "boot.sh: the guest left no exit status (qemu $qemu_status)" >&2; exit 125; }
exit "$(cat "$share/status")"
