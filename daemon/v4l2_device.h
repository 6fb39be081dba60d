// SPDX-License-Identifier: Apache-2.0
//
// The system calls of a video node as a table, so that tests can put a double in their place, and
// so that libv4l2 (which converts odd formats) is just another row.

#ifndef QEDGE_DAEMON_V4L2_DEVICE_H
#define QEDGE_DAEMON_V4L2_DEVICE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define V4L2_NODES_MAX 64

struct v4l2_device_ops {
    const char *name;
    // All return a value >= 0, or -errno. Interrupted calls are made again.
    int (*open)(const char *path);
    int (*close)(int fd);
    int (*ioctl)(int fd, unsigned long request, void *argument);
    // NULL when it fails, errno set.
    void *(*map)(int fd, size_t length, int64_t offset);
    int (*unmap)(void *address, size_t length);
    int (*poll)(struct pollfd *fds, unsigned count, int timeout_ms);
    // Names of the video nodes there are, in the order of their numbers. Returns how many.
    int (*list)(char paths[V4L2_NODES_MAX][32]);
};

// Plain system calls, and libv4l2 for formats that we do not read ourselves.
extern const struct v4l2_device_ops v4l2_device_plain, v4l2_device_converting;

// What sources use. Tests put their own tables here before any source is opened.
extern const struct v4l2_device_ops *v4l2_device_direct, *v4l2_device_fallback;

#endif
