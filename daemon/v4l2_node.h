// SPDX-License-Identifier: Apache-2.0
//
// One video node that streams: opened, set up, its buffers mapped and queued.
//
//   open ─ QUERYCAP ─ [DV timings] ─ choose format ─ S_FMT ─ S_PARM
//        ─ REQBUFS ─ QUERYBUF + mmap ─ QBUF each ─ STREAMON

#ifndef QEDGE_DAEMON_V4L2_NODE_H
#define QEDGE_DAEMON_V4L2_NODE_H

#include <linux/videodev2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/source.h"
#include "daemon/v4l2_device.h"
#include "daemon/v4l2_format.h"

#define V4L2_BUFFERS_MAX 32
#define V4L2_PLANES_MAX 3

struct v4l2_buffer_map {
    void *address[V4L2_PLANES_MAX];
    size_t length[V4L2_PLANES_MAX];
};

struct v4l2_node {
    const struct v4l2_device_ops *ops;
    char path[256];
    int fd;
    uint32_t type; // V4L2_BUF_TYPE_VIDEO_CAPTURE or …_MPLANE
    struct v4l2_format format;
    const struct v4l2_format_row *row;
    int32_t width, height;
    int32_t strides[V4L2_PLANES_MAX];
    double fps;
    enum image_matrix matrix;
    enum image_range range;
    uint32_t buffer_count;
    bool streaming;
    bool raw, usb; // see v4l2_hint.h
    _Atomic uint32_t queued; // bit i: the driver has buffer i
    struct v4l2_buffer_map buffers[V4L2_BUFFERS_MAX];
};

// 0; else -errno with trouble filled and nothing left open. trouble->reason starts with the path.
int v4l2_node_open(struct v4l2_node *node, const char *path, const struct config_source *config,
                   struct source_trouble *trouble);
// Stops, unmaps and closes. No buffer may be read any more. Takes one that is closed.
void v4l2_node_close(struct v4l2_node *node);

// ---- for v4l2_buffers.c and source_v4l2.c ----
static inline bool v4l2_node_is_multi_planar(const struct v4l2_node *node)
{
    return node->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}
// An ioctl on it: a value >= 0, or -errno.
static inline int v4l2_node_call(const struct v4l2_node *node, unsigned long request,
                                 void *argument)
{
    return node->ops->ioctl(node->fd, request, argument);
}

#endif
