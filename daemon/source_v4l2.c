// SPDX-License-Identifier: Apache-2.0
//
// Frames from a camera. The frame is the driver's own buffer; it goes back with QBUF when its last
// reader has pre-processed it, from whatever worker that is.

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/source.h"
#include "daemon/v4l2_buffers.h"
#include "daemon/v4l2_hint.h"
#include "daemon/v4l2_node.h"

#define TIMESTAMP_AGE_MAX (10 * CLOCK_NS_PER_S) // older ones are of another clock
#define NOTHING_THERE_MS 1 // rest when a driver says ready and has nothing, else we would spin

struct camera {
    struct v4l2_node node;
    struct source *source;
    int wake_fd;
    struct config_size asked_size;
    double asked_fps;
    _Atomic uint32_t
        refused; // bit i: the driver did not take buffer i back; tried again with the next frame
    struct frame frames[V4L2_BUFFERS_MAX];
};

// The first node that really captures. What is said when none does: the most telling of all
// reasons.
static int open_any(struct camera *self, const struct config_source *config,
                    struct source_trouble *trouble)
{
    char paths[V4L2_NODES_MAX][32];
    int count = v4l2_device_direct->list(paths), best = -ENODEV;
    for (int i = 0; i < count; i++) {
        struct source_trouble one = {0};
        int status = v4l2_node_open(&self->node, paths[i], config, &one);
        if (status == 0) {
            *trouble = (struct source_trouble){0};
            return 0;
        }
        log_debug("source v4l2: auto: %s", one.reason);
        if (best == -ENODEV && status != -ENODEV) {
            best = status;
            *trouble = one;
        }
    }
    if (best == -ENODEV)
        snprintf(trouble->reason, sizeof(trouble->reason),
                 count ? "no camera found: %d video node%s, none captures" : "no camera found",
                 count, count == 1 ? "" : "s");
    if (!trouble->hint[0] && best == -ENODEV)
        snprintf(trouble->hint, sizeof(trouble->hint), "plug one in: it is used at once");
    return best;
}

static int camera_open(const struct config_source *config, struct source *source, int wake_fd,
                       void **result, struct source_trouble *trouble)
{
    struct camera *self = calloc(1, sizeof(*self));
    if (!self) {
        snprintf(trouble->reason, sizeof(trouble->reason), "no memory");
        return -ENOMEM;
    }
    self->source = source;
    self->wake_fd = wake_fd;
    self->asked_size = config->size;
    self->asked_fps = config->fps > 0 ? config->fps : 30;
    int status = strcmp(config->device, "auto") == 0
                     ? open_any(self, config, trouble)
                     : v4l2_node_open(&self->node, config->device, config, trouble);
    if (status < 0) {
        free(self);
        return status;
    }
    *result = self;
    return 0;
}

static uint64_t sensor_time(const struct v4l2_buffer *buffer, uint64_t now)
{
    uint64_t stamp = (uint64_t)buffer->timestamp.tv_sec * CLOCK_NS_PER_S +
                     (uint64_t)buffer->timestamp.tv_usec * CLOCK_NS_PER_US;
    bool monotonic =
        (buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    return monotonic && stamp && stamp <= now && now - stamp < TIMESTAMP_AGE_MAX ? stamp : now;
}

static int lost(struct camera *self, int status, struct source_trouble *trouble)
{
    const char *what = status == -ENODEV ? "unplugged"
                       : status == -EIO  ? "the driver reports a fatal error"
                       : status == -EPROTO
                           ? "the driver handed out a buffer that it did not have"
                                         : strerror(-status);
    snprintf(trouble->reason, sizeof(trouble->reason), "%.100s: %s", self->node.path, what);
    snprintf(trouble->hint, sizeof(trouble->hint), "%s",
             v4l2_hint(status, self->node.raw, self->node.usb));
    return status;
}

// The other side of an HDMI cable changed its picture: everything is set up anew.
static int take_event(struct camera *self, struct source_trouble *trouble)
{
    struct v4l2_event event = {0};
    if (v4l2_node_call(&self->node, VIDIOC_DQEVENT, &event) < 0)
        return -EAGAIN;
    if (event.type != V4L2_EVENT_SOURCE_CHANGE ||
        !(event.u.src_change.changes & V4L2_EVENT_SRC_CH_RESOLUTION))
        return -EAGAIN;
    snprintf(trouble->reason, sizeof(trouble->reason),
             "%.100s: the incoming picture changed its size", self->node.path);
    return -ESTALE;
}

static void give_back(struct camera *self, uint32_t index)
{
    // of a camera that is gone the capture thread learns by itself
    if (v4l2_buffers_queue(&self->node, index) < 0)
        atomic_fetch_or_explicit(&self->refused, UINT32_C(1) << index, memory_order_relaxed);
}

static void retry_refused(struct camera *self)
{
    if (!atomic_load_explicit(&self->refused, memory_order_relaxed))
        return;
    uint32_t refused = atomic_exchange_explicit(&self->refused, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < V4L2_BUFFERS_MAX; i++)
        if (refused >> i & 1)
            give_back(self, i);
}

static int take_buffer(struct camera *self, struct frame **result, struct source_trouble *trouble)
{
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
    int status = v4l2_buffers_dequeue(&self->node, &buffer, planes);
    if (status == -EAGAIN)
        return status;
    if (status < 0)
        return lost(self, status, trouble);
    uint64_t now = clock_now_ns();
    struct frame *frame = &self->frames[buffer.index];
    status = buffer.flags & V4L2_BUF_FLAG_ERROR
                 ? -EBADMSG
                 : v4l2_buffers_image(&self->node, &buffer, &frame->image);
    if (status < 0) {
        give_back(self, buffer.index);
        return -EBADMSG;
    }
    frame->source = self->source;
    frame->index = buffer.index;
    frame->number = buffer.sequence;
    frame->sensor_ns = sensor_time(&buffer, now);
    frame->dequeued_ns = now;
    *result = frame;
    return 0;
}

static int camera_next(void *arg, int wait_ms, struct frame **frame, struct source_trouble *trouble)
{
    struct camera *self = arg;
    struct pollfd wait[2] = {{.fd = self->node.fd, .events = POLLIN | POLLPRI},
                             {.fd = self->wake_fd, .events = POLLIN}};
    retry_refused(self);
    int status = self->node.ops->poll(wait, 2, wait_ms);
    uint64_t count;
    if (status == 0 || status == -EINTR)
        return -EAGAIN;
    if (status < 0)
        return lost(self, status, trouble);
    if (wait[1].revents && read(self->wake_fd, &count, sizeof(count)) < 0)
        count = 0;
    if (wait[0].revents & POLLPRI) {
        status = take_event(self, trouble);
        if (status != -EAGAIN)
            return status;
    }
    bool ready = wait[0].revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL);
    status = ready ? take_buffer(self, frame, trouble) : -EAGAIN;
    // an error that dequeuing does not explain would come back for ever
    if (status == -EAGAIN && wait[0].revents & (POLLERR | POLLHUP | POLLNVAL))
        return lost(self, wait[0].revents & POLLHUP ? -ENODEV : -EIO, trouble);
    if (status == -EAGAIN && wait[0].revents)
        poll(NULL, 0, NOTHING_THERE_MS);
    return status;
}

static void camera_release(void *arg, struct frame *frame)
{
    give_back(arg, frame->index);
}

static void camera_close(void *arg)
{
    struct camera *self = arg;
    v4l2_node_close(&self->node);
    free(self);
}

static void camera_describe(const void *arg, char *text, size_t size)
{
    const struct camera *self = arg;
    const struct v4l2_node *node = &self->node;
    char rate[24] = "";
    if (node->fps > 0)
        snprintf(rate, sizeof(rate), " %.4g fps", node->fps);
    snprintf(text, size, "%.200s %dx%d %s%s", node->path, node->width, node->height,
             node->row->name, rate);
}

static void camera_remark(const void *arg, char *text, size_t size)
{
    const struct camera *self = arg;
    const struct v4l2_node *node = &self->node;
    bool other_size = self->asked_size.width && (self->asked_size.width != node->width ||
                                                 self->asked_size.height != node->height);
    bool other_rate = node->fps > 0 && node->fps < 0.95 * self->asked_fps;
    char got[280];
    camera_describe(arg, got, sizeof(got));
    if (other_size || other_rate)
        snprintf(text, size, "nearest to what was asked: %s", got);
}

const struct source_kind source_v4l2 = {.name = "v4l2",
                                        .open = camera_open,
                                        .next = camera_next,
                                        .release = camera_release,
                                        .close = camera_close,
                                        .describe = camera_describe,
                                        .remark = camera_remark};
