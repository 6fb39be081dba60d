# SPDX-License-Identifier: Apache-2.0
# What qedge needs from Debian 12, 13 or Raspberry Pi OS, one list a purpose.
PACKAGES_BUILD := gcc libc6-dev make pkg-config libuv1-dev libv4l-dev libyaml-dev libjpeg-dev libpng-dev
PACKAGES_CHECK := libcmocka-dev
