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
void v4l2_node_close(struct v4l2_node *node);
// Gives buffer `index` to the driver. Any thread. 0 or -errno.
int v4l2_node_queue(struct v4l2_node *node, uint32_t index);
// Takes a filled one. 0 with *buffer (planes in `planes`); -EAGAIN; -EPROTO: one that the driver does
// not have, which somebody may be reading; another -errno.
int v4l2_node_dequeue(struct v4l2_node *node, struct v4l2_buffer *buffer,
                      struct v4l2_plane *planes);
// The picture in a dequeued buffer. 0; -EMSGSIZE or -EINVAL when it is not whole.
int v4l2_node_image(const struct v4l2_node *node, const struct v4l2_buffer *buffer,
                    struct image *image);

#endif
