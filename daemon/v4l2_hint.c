// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_hint.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LIBCAMERA                                                                                  \
    "a raw camera (CSI) needs libcamera: run qedged under libcamerify or use a v4l2loopback device"
#define AGAIN "unplug the camera and plug it in again; else another cable, port or powered hub"

bool v4l2_hint_is_raw(const struct v4l2_capability *caps)
{
    static const char *const drivers[] = {"unicam", "rp1-cfe"}; // older ones do not say it
    uint32_t can = caps->capabilities & V4L2_CAP_DEVICE_CAPS ? caps->device_caps
                                                             : caps->capabilities;
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strncmp((const char *)caps->driver, drivers[i], sizeof(caps->driver)) == 0)
            return true;
    return can & V4L2_CAP_IO_MC;
}

// The kernel's names: BA81, GBRG, RG10, BG12, pBAA, pgCC, BYR2 …
static bool is_raw_name(const char *name, size_t length)
{
    static const char *const whole[] = {"GBRG", "GRBG", "RGGB", "BYR2"};
    if (length != 4)
        return false;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (strncmp(name, whole[i], 4) == 0)
            return true;
    if (name[0] == 'p')
        return strchr("BGRgr", name[1]) != NULL;
    return strchr("BGR", name[0]) && strchr("ABGR", name[1]) && isdigit((unsigned char)name[2]);
}

bool v4l2_hint_are_raw(const char *offered)
{
    size_t length, names = 0;
    for (; offered[0]; offered += length + strspn(offered + length, " ,"), names++) {
        length = strcspn(offered, " ,");
        if (!is_raw_name(offered, length))
            return false;
    }
    return names > 0;
}

const char *v4l2_hint(int status, bool raw, bool usb)
{
    if (raw && (status == -EPIPE || status == -EINVAL || status == -ENOLINK || status == -ENOTSUP))
        return LIBCAMERA;
    switch (status) {
    case -ENOSPC:
        return "not enough USB bandwidth: a smaller source.size or fps, format MJPG, or another USB port";
    case -EPIPE: return usb ? AGAIN : LIBCAMERA;
    case -EIO:
    case -EPROTO:
    case -ETIMEDOUT: return AGAIN;
    case -ENOMEM:
        return "a smaller source.size, fewer source.buffers; on a Pi a larger CMA area (cma= in cmdline.txt)";
    case -ENOENT:
    case -ENODEV:
    case -ENXIO:
        return "plug it in: it is used at once; `v4l2-ctl --list-devices` names what there is";
    case -ENOTTY:
        return "source.device must be a camera's node: `v4l2-ctl --list-devices` names them";
    case -EACCES:
    case -EPERM:
        return "qedged's user must be in the group of the node: usermod -aG video USER, then restart it";
    case -ENOTSUP:
        return "another camera, or a v4l2loopback device that is fed with a usual format";
    default:
        return "`dmesg` may say what the driver has met; unplugging and plugging in may mend it";
    }
}
