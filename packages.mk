# SPDX-License-Identifier: Apache-2.0
# What qedge needs from Debian 12, 13 or Raspberry Pi OS, one list a purpose. Names must exist in all of them;
# scripts/packages.sh installs a list and knows how to look for each on other distributions.
PACKAGES_BUILD := gcc libc6-dev make pkgconf libuv1-dev libv4l-dev libyaml-dev libjpeg-dev libpng-dev libjson-c-dev zlib1g-dev \
                  libprotobuf-c-dev protobuf-c-compiler
PACKAGES_CHECK := libcmocka-dev g++ tmux
# make check-cross: the aarch64 build and its tests under emulation (the libraries come into a sysroot)
PACKAGES_CROSS := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static mmdebstrap
# make bench-arm: the ARM rows of the benchmarks
PACKAGES_BENCH_ARM := qemu-user llvm-19 gcc python3
# make check-vm: Debian guests under emulation, amd64 and arm64
PACKAGES_VM := qemu-system-x86 qemu-system-arm mmdebstrap kmod cpio python3 $(PACKAGES_CROSS)
# make deb: the Debian packages
PACKAGES_DEB := build-essential dpkg-dev debhelper lintian
# make fuzz: libFuzzer
PACKAGES_FUZZ := clang libclang-rt-dev g++
# make check-oracle, make bench: LiteRT and its kind come from PyPI
PACKAGES_PYTHON := python3 python3-venv
# .ci/run on top of all the others
PACKAGES_CI := git clang g++ systemd shellcheck prometheus
