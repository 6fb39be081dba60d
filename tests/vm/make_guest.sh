#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make_guest.sh ARCH OUTDIR   ARCH: amd64 | arm64
#
# Makes OUTDIR/{kernel,initrd.cpio}: a Debian 12 userland with systemd as PID 1, udev, v4l-utils and the
# libraries qedged needs, plus the few kernel modules of the tests (the virtual camera `vivid`, 9p), as one
# initramfs. Packages are only unpacked, so nothing of the guest's architecture runs here.
# Kept from run to run: made anew only when this script or the guest's runner changed.
set -eu
arch=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
suite=bookworm
packages=base-files,base-passwd,dpkg,libc-bin,perl-base,init-system-helpers,bash,dash,coreutils,util-linux,mount,login,grep,sed,findutils,diffutils,procps
packages+=,systemd,systemd-sysv,udev,kmod,jq,v4l-utils,libuv1,libv4l-0,libyaml-0-2,libjpeg62-turbo,libpng16-16,libjson-c5,libprotobuf-c1,zlib1g
packages+=,linux-image-$arch
modules="autofs4 efivarfs vivid 9p 9pnet_virtio virtio_pci virtio_mmio"

version=$(cat "$0" "$here/guest/runner.sh" | sha256sum)
if [ -s "$out/initrd.cpio" ] && [ "$(cat "$out/version" 2>/dev/null)" = "$version" ]; then exit 0; fi
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
root=$out/root

# Two hooks: the links of a merged /usr come first, as packages ship files below /lib and /usr/lib alike; and the
# guest's dpkg is told what was unpacked, so that our own packages find what they depend on.
# shellcheck disable=SC2016
unpack() {
    mmdebstrap --mode=root --quiet --arch="$arch" --variant=extract --include="$packages" \
        --setup-hook='for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done' \
        --extract-hook='for deb in "$1"/var/cache/apt/archives/*.deb; do
            dpkg-deb -f "$deb" && printf "Status: install ok installed\n\n"; done >"$1/var/lib/dpkg/status"' \
        "$suite" "$root"
}

# The emulated CPU should not have to unpack xz: amd64's ELF inside bzImage has a PVH entry that QEMU starts
# directly; arm64's file is a plain image already.
take_kernel() {
    local image
    image=$(echo "$root"/boot/vmlinu[xz]-*)
    if [ "$arch" = amd64 ]; then
        python3 -c 'import lzma, sys
packed = open(sys.argv[1], "rb").read()
elf = lzma.LZMADecompressor().decompress(packed[packed.find(b"\xfd7zXZ\0"):])
assert elf[:4] == b"\x7fELF"
open(sys.argv[2], "wb").write(elf)' "$image" "$out/kernel"
    else
        cp "$image" "$out/kernel"
    fi
    rm -rf "${root:?}/boot" "$root"/usr/lib/linux-image-*
}

keep_modules() {
    local release dir module
    release=$(ls "$root/lib/modules")
    dir=$root/lib/modules/$release
    depmod -b "$root" "$release"
    mkdir "$out/keep"
    for module in $modules; do
        modprobe -d "$root" -S "$release" --show-depends "$module"
    done | sed -n "s,^insmod .*/lib/modules/$release/\([^ ]*\).*,\1,p" | sort -u >"$out/list"
    (cd "$dir" && cpio -pdm --quiet "$out/keep" <"$out/list"; cp modules.builtin modules.builtin.modinfo modules.order "$out/keep/")
    rm -rf "$dir"
    mv "$out/keep" "$dir"
    depmod -b "$root" "$release"
}

# The little that the packages' own scripts would have set up.
configure() {
    local units=$root/etc/systemd/system unit
    cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
    cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id" # set, so that this is no first boot
    echo vm >"$root/etc/hostname"
    : >"$root/etc/fstab"
    ln -sf sbin/init "$root/init"
    mkdir -p "$units/multi-user.target.wants" "$root/host" "$root/etc/systemd/journald.conf.d"
    for unit in getty.target systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-pstore.service \
        systemd-hwdb-update.service systemd-journal-catalog-update.service remote-fs.target \
        systemd-firstboot.service systemd-machine-id-commit.service proc-sys-fs-binfmt_misc.automount \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
        ln -sf /dev/null "$units/$unit"
    done
    ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
    printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/vm.conf"
    install -m 755 "$here/guest/runner.sh" "$root/etc/vm-runner"
    cat >"$units/vm-runner.service" <<'UNIT'
[Unit]
Description=run /host/run.sh, leave its exit status there, power off
After=systemd-udevd.service systemd-journald.service systemd-tmpfiles-setup.service systemd-sysusers.service
[Service]
Type=exec
ExecStart=/etc/vm-runner
StandardOutput=journal+console
StandardError=inherit
UNIT
    ln -sf ../vm-runner.service "$units/multi-user.target.wants/vm-runner.service"
}

# Every megabyte is copied by an emulated CPU at boot.
slim() {
    rm -rf "$root"/usr/share/{man,doc,locale,info,perl,perl5,pixmaps,menu,bash-completion,zsh,initramfs-tools,i18n,lintian,mime} \
        "$root"/usr/lib/*/{gconv,perl,perl5} "$root"/usr/bin/{perldoc,qv4l2}* "$root"/usr/lib/klibc \
        "$root"/var/lib/dpkg/info/* "$root"/var/cache/* "$root"/var/lib/apt "$root"/etc/init.d/*
}

# A mirror may hiccup: three tries.
for try in 1 2 3; do
    ! unpack || break
    echo "guest $arch: try $try failed" >&2
    rm -rf --one-file-system "$root"
    [ $try != 3 ] || exit 1
    sleep $((try * 3))
done
take_kernel
keep_modules
configure
slim
# Not compressed: unpacking costs the emulated CPU more than copying.
(cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc --quiet --reproducible) >"$out/initrd.cpio"
rm -rf "$root"
echo "$version" >"$out/version"
echo "guest $arch: $(stat -c %s "$out/initrd.cpio") bytes, $SECONDS s"
