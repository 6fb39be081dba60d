// SPDX-License-Identifier: Apache-2.0
//
// What to do about a camera that can not be used, in plain words.

#ifndef QEDGE_DAEMON_V4L2_HINT_H
#define QEDGE_DAEMON_V4L2_HINT_H

#include <linux/videodev2.h>
#include <stdbool.h>

// A node that gives what a sensor sees before anything was made of it, and that only works once a
// media controller's pipeline behind it is set up: CSI receivers. libcamera does both.
bool v4l2_hint_is_raw(const struct v4l2_capability *caps);
// Formats as v4l2_format_choose lists them ("BA81 RG10"): are all of them raw sensor data?
bool v4l2_hint_are_raw(const char *offered);

// status: -errno of what failed; "" never. usb: a camera of the uvcvideo driver.
const char *v4l2_hint(int status, bool raw, bool usb);

#endif
