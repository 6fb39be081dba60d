// SPDX-License-Identifier: Apache-2.0
//
// The buffers of a video node: the driver's memory, mapped here. Each is either the driver's (bit i
// of node->queued) or ours, filled, until it is queued again.
//
//   request ─▶ queue ─▶ driver ─▶ dequeue ─▶ image, read ─┐
//                ▲                                        │
//                └────────────────────────────────────────┘
//
// Request, dequeue and unmap are for the capture thread; who has read a frame queues its buffer.

#ifndef QEDGE_DAEMON_V4L2_BUFFERS_H
#define QEDGE_DAEMON_V4L2_BUFFERS_H

#include <linux/videodev2.h>
#include <stdint.h>

#include "daemon/source.h"
#include "daemon/v4l2_node.h"
#include "imaging/image.h"

// Asks for `count` buffers of the node's format, which is set, and maps what it gets (two at least,
// V4L2_BUFFERS_MAX at most). 0; else -errno with trouble filled, what was mapped waits for unmap.
int v4l2_buffers_request(struct v4l2_node *node, uint32_t count, struct source_trouble *trouble);
// Once, before the node is closed; what is not mapped is left out.
void v4l2_buffers_unmap(struct v4l2_node *node);

// Gives buffer `index` to the driver. Any thread. 0 or -errno: it is still ours.
int v4l2_buffers_queue(struct v4l2_node *node, uint32_t index);
// Takes a filled one. 0 with *buffer (planes in `planes`, VIDEO_MAX_PLANES of them); -EAGAIN;
// -EPROTO: one that the driver does not have, which somebody may be reading; another -errno.
int v4l2_buffers_dequeue(struct v4l2_node *node, struct v4l2_buffer *buffer,
                         struct v4l2_plane *planes);
// The picture in a dequeued buffer; its pixels stay there. 0; -EMSGSIZE or -EINVAL when it is not
// whole.
int v4l2_buffers_image(const struct v4l2_node *node, const struct v4l2_buffer *buffer,
                       struct image *image);

#endif
