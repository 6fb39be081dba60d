// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/device_holder.h"
#include "daemon/v4l2_hint.h"

static bool multi_planar(const struct v4l2_node *node)
{
    return node->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}

static int __attribute__((format(printf, 4, 5)))
fail(const struct v4l2_node *node, struct source_trouble *trouble, int status, const char *format,
     ...)
{
    char text[120];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(trouble->reason, sizeof(trouble->reason), "%.60s: %s", node->path, text);
    return status;
}

static int call(const struct v4l2_node *node, unsigned long request, void *argument)
{
    return node->ops->ioctl(node->fd, request, argument);
}

// Another program streams from it: which, where that can be seen.
static int busy(const struct v4l2_node *node, struct source_trouble *trouble)
{
    char holder[80];
    if (device_holder_find("", node->path, getpid(), holder, sizeof(holder)) == 0) {
        snprintf(trouble->hint, sizeof(trouble->hint),
                 "end %s; one camera can feed several streams of one qedged", holder);
        return fail(node, trouble, -EBUSY, "in use by %s", holder);
    }
    snprintf(trouble->hint, sizeof(trouble->hint),
             "`sudo qctl status` names it; one camera can feed several streams of one qedged");
    return fail(node, trouble, -EBUSY, DEVICE_HOLDER_UNSEEN);
}

// ---- what kind of node -----------------------------------------------------

// Nodes that look like cameras but are the inner parts of one.
static bool is_helper(const struct v4l2_capability *caps)
{
    static const char *const drivers[] = {"bcm2835-isp", "bcm2835-codec", "pispbe", "rpi-hevc-dec"};
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strncmp((const char *)caps->driver, drivers[i], sizeof(caps->driver)) == 0)
            return true;
    return false;
}

static int not_a_camera(const struct v4l2_node *node, const struct v4l2_capability *caps,
                        struct source_trouble *trouble, const char *what)
{
    snprintf(trouble->hint, sizeof(trouble->hint), "%s", v4l2_hint(-ENOTTY, false, false));
    return fail(node, trouble, -ENODEV, "%s (%.16s)", what, (const char *)caps->driver);
}

static int check_caps(struct v4l2_node *node, struct source_trouble *trouble)
{
    struct v4l2_capability caps = {0};
    int status = call(node, VIDIOC_QUERYCAP, &caps);
    if (status < 0)
        return fail(node, trouble, status, "not a video device");
    uint32_t can = caps.capabilities & V4L2_CAP_DEVICE_CAPS ? caps.device_caps : caps.capabilities;
    if (can & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE) || is_helper(&caps))
        return not_a_camera(node, &caps, trouble, "not a camera but a codec or image processor");
    node->raw = v4l2_hint_is_raw(&caps);
    node->usb = strncmp((const char *)caps.driver, "uvcvideo", sizeof(caps.driver)) == 0;
    if (can & V4L2_CAP_VIDEO_CAPTURE)
        node->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    else if (can & V4L2_CAP_VIDEO_CAPTURE_MPLANE)
        node->type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    else
        return not_a_camera(node, &caps, trouble, "does not capture video");
    if (!(can & V4L2_CAP_STREAMING))
        return not_a_camera(node, &caps, trouble, "can not stream (no memory-mapped buffers)");
    return 0;
}

// HDMI grabbers: what comes in decides the size. The timings seen are made the timings used.
static int set_timings(struct v4l2_node *node, struct source_trouble *trouble)
{
    struct v4l2_input input = {0};
    struct v4l2_dv_timings seen = {0}, set = {0};
    if (call(node, VIDIOC_G_INPUT, &input.index) < 0 || call(node, VIDIOC_ENUMINPUT, &input) < 0 ||
        !(input.capabilities & V4L2_IN_CAP_DV_TIMINGS))
        return 0;
    int status = call(node, VIDIOC_QUERY_DV_TIMINGS, &seen);
    snprintf(trouble->hint, sizeof(trouble->hint),
             "check the cable and that the other side sends a picture");
    if (status == -ENOLINK)
        return fail(node, trouble, status, "no signal at input %.31s", (const char *)input.name);
    if (status == -ENOLCK)
        return fail(node, trouble, status, "unstable signal at input %.31s",
                    (const char *)input.name);
    if (status == -ERANGE)
        return fail(node, trouble, status, "signal at input %.31s is out of range",
                    (const char *)input.name);
    trouble->hint[0] = '\0';
    if (status < 0 || (call(node, VIDIOC_G_DV_TIMINGS, &set) == 0 &&
                       memcmp(&seen.bt, &set.bt, sizeof(seen.bt)) == 0))
        return 0;
    status = call(node, VIDIOC_S_DV_TIMINGS, &seen);
    if (status == -EBUSY)
        return busy(node, trouble);
    return 0; // a refusal shows itself in the format
}

// ---- format ----------------------------------------------------------------

static int apply_format(struct v4l2_node *node, const struct v4l2_choice *choice,
                        struct source_trouble *trouble)
{
    struct v4l2_format *format = &node->format;
    *format = (struct v4l2_format){.type = node->type};
    call(node, VIDIOC_G_FMT, format); // colour settings stay as they are
    bool multi = multi_planar(node);
    if (multi) {
        format->fmt.pix_mp.width = (uint32_t)choice->width;
        format->fmt.pix_mp.height = (uint32_t)choice->height;
        format->fmt.pix_mp.pixelformat = choice->row->fourcc;
        format->fmt.pix_mp.field = V4L2_FIELD_ANY;
        format->fmt.pix_mp.num_planes = choice->row->planes;
        memset(format->fmt.pix_mp.plane_fmt, 0, sizeof(format->fmt.pix_mp.plane_fmt));
    } else {
        format->fmt.pix.width = (uint32_t)choice->width;
        format->fmt.pix.height = (uint32_t)choice->height;
        format->fmt.pix.pixelformat = choice->row->fourcc;
        format->fmt.pix.field = V4L2_FIELD_ANY;
        format->fmt.pix.bytesperline = format->fmt.pix.sizeimage = 0;
    }
    int status = call(node, VIDIOC_S_FMT, format);
    if (status == -EBUSY)
        return busy(node, trouble);
    if (status < 0)
        return fail(node, trouble, status, "can not set format %s %dx%d: %s", choice->row->name,
                    choice->width, choice->height, strerror(-status));
    node->row =
        v4l2_format_find(multi ? format->fmt.pix_mp.pixelformat : format->fmt.pix.pixelformat);
    node->width = (int32_t)(multi ? format->fmt.pix_mp.width : format->fmt.pix.width);
    node->height = (int32_t)(multi ? format->fmt.pix_mp.height : format->fmt.pix.height);
    if (!node->row || node->width < 1 || node->width > IMAGE_SIDE_MAX || node->height < 1 ||
        node->height > IMAGE_SIDE_MAX || node->row->planes > V4L2_PLANES_MAX ||
        node->row->planes != (multi ? format->fmt.pix_mp.num_planes : 1))
        return fail(node, trouble, -ENOTSUP, "the driver chose a format that can not be read");
    for (uint32_t i = 0; i < V4L2_PLANES_MAX; i++)
        node->strides[i] = (int32_t)(multi    ? format->fmt.pix_mp.plane_fmt[i].bytesperline
                                     : i == 0 ? format->fmt.pix.bytesperline
                                              : 0);
    v4l2_format_colour(format, node->row->image, &node->matrix, &node->range);
    return 0;
}

static void apply_rate(struct v4l2_node *node, double wanted)
{
    struct v4l2_streamparm parm = {.type = node->type};
    struct v4l2_fract *interval = &parm.parm.capture.timeperframe;
    if (call(node, VIDIOC_G_PARM, &parm) < 0)
        return;
    if (parm.parm.capture.capability & V4L2_CAP_TIMEPERFRAME) {
        interval->numerator = 1000;
        interval->denominator = (uint32_t)(wanted * 1000 + 0.5);
        if (call(node, VIDIOC_S_PARM, &parm) < 0 && call(node, VIDIOC_G_PARM, &parm) < 0)
            return;
    }
    if (interval->numerator && interval->denominator)
        node->fps = (double)interval->denominator / interval->numerator;
}

static int set_format(struct v4l2_node *node, const struct config_source *config,
                      struct source_trouble *trouble)
{
    struct v4l2_choice choice;
    char offered[80];
    double fps = config->fps > 0 ? config->fps : 30;
    int status = v4l2_format_choose(node->ops, node->fd, node->type, config, &choice, offered,
                                    sizeof(offered));
    if (status < 0) {
        node->raw = node->raw || v4l2_hint_are_raw(offered);
        if (strcasecmp(config->format, "auto") != 0)
            snprintf(trouble->hint, sizeof(trouble->hint),
                     "choose another source.format, or auto");
        return fail(node, trouble, status, "no usable pixel format; it offers %s",
                    offered[0] ? offered : "none");
    }
    status = apply_format(node, &choice, trouble);
    if (status == 0)
        apply_rate(node, fps);
    return status;
}

// ---- buffers ---------------------------------------------------------------

static int map_buffer(struct v4l2_node *node, uint32_t index, struct source_trouble *trouble)
{
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    struct v4l2_buffer buffer = {.type = node->type, .memory = V4L2_MEMORY_MMAP, .index = index};
    if (multi_planar(node)) {
        buffer.m.planes = planes;
        buffer.length = VIDEO_MAX_PLANES;
    }
    int status = call(node, VIDIOC_QUERYBUF, &buffer);
    if (status < 0)
        return fail(node, trouble, status, "can not ask for buffer %u: %s", index,
                    strerror(-status));
    for (uint32_t i = 0; i < node->row->planes; i++) {
        size_t length = multi_planar(node) ? planes[i].length : buffer.length;
        uint32_t offset = multi_planar(node) ? planes[i].m.mem_offset : buffer.m.offset;
        errno = ENOMEM;
        void *address = node->ops->map(node->fd, length, offset);
        if (!address)
            return fail(node, trouble, -errno, "can not map buffer %u: %s", index, strerror(errno));
        node->buffers[index].address[i] = address;
        node->buffers[index].length[i] = length;
    }
    return 0;
}

// What a driver says of lines, sizes and buffers may contradict itself: then no frame is whole.
static int check_buffer(struct v4l2_node *node, uint32_t index, struct source_trouble *trouble)
{
    const size_t *lengths = node->buffers[index].length;
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    struct v4l2_buffer buffer = {.index = index, .bytesused = (uint32_t)lengths[0]};
    struct image image;
    for (uint32_t i = 0; i < node->row->planes; i++)
        planes[i].bytesused = (uint32_t)lengths[i];
    if (multi_planar(node))
        buffer.m.planes = planes;
    if (v4l2_node_image(node, &buffer, &image) < 0)
        return fail(node, trouble, -ENOTSUP,
                    "the driver's buffers (%zu bytes) hold no frame %s %dx%d", lengths[0],
                    node->row->name, node->width, node->height);
    return 0;
}

static int request_buffers(struct v4l2_node *node, uint32_t count, struct source_trouble *trouble)
{
    struct v4l2_requestbuffers request = {
        .count = count, .type = node->type, .memory = V4L2_MEMORY_MMAP};
    int status = call(node, VIDIOC_REQBUFS, &request);
    if (status == -EBUSY)
        return busy(node, trouble);
    if (status < 0 || request.count < 2)
        return fail(node, trouble, status < 0 ? status : -ENOMEM, "gives no buffers: %s",
                    strerror(status < 0 ? -status : ENOMEM));
    node->buffer_count = request.count < V4L2_BUFFERS_MAX ? request.count : V4L2_BUFFERS_MAX;
    for (uint32_t i = 0; i < node->buffer_count; i++) {
        status = map_buffer(node, i, trouble);
        if (status == 0)
            status = check_buffer(node, i, trouble);
        if (status < 0)
            return status;
    }
    return 0;
}

static int start_streaming(struct v4l2_node *node, struct source_trouble *trouble)
{
    struct v4l2_event_subscription changes = {.type = V4L2_EVENT_SOURCE_CHANGE};
    int type = (int)node->type;
    for (uint32_t i = 0; i < node->buffer_count; i++) {
        int status = v4l2_node_queue(node, i);
        if (status < 0)
            return fail(node, trouble, status, "can not queue buffer %u: %s", i, strerror(-status));
    }
    int status = call(node, VIDIOC_STREAMON, &type);
    if (status == -EBUSY)
        return busy(node, trouble);
    if (status == -ENOSPC)
        return fail(node, trouble, status, "the USB bus has no bandwidth left for %dx%d %s (%s)",
                    node->width, node->height, node->row->name, strerror(ENOSPC));
    if (status == -ENOLINK && node->raw)
        status = -EPIPE; // no cable is missing, but a pipeline
    if (status < 0)
        return fail(node, trouble, status, "can not start streaming: %s", strerror(-status));
    node->streaming = true;
    call(node, VIDIOC_SUBSCRIBE_EVENT, &changes); // most cameras have no such event
    return 0;
}

// ---- life ------------------------------------------------------------------

static int open_with(struct v4l2_node *node, const struct v4l2_device_ops *ops, const char *path,
                     const struct config_source *config, struct source_trouble *trouble)
{
    *node = (struct v4l2_node){.ops = ops, .fd = -1};
    snprintf(node->path, sizeof(node->path), "%s", path);
    node->fd = ops->open(path);
    if (node->fd == -EBUSY)
        return busy(node, trouble);
    if (node->fd < 0) {
        snprintf(trouble->hint, sizeof(trouble->hint), "%s", v4l2_hint(node->fd, false, false));
        return fail(node, trouble, node->fd, "%s",
                    node->fd == -ENOTTY ? "not a video device" : strerror(-node->fd));
    }
    int status = check_caps(node, trouble);
    if (status == 0)
        status = set_timings(node, trouble);
    if (status == 0)
        status = set_format(node, config, trouble);
    if (status == 0)
        status = request_buffers(node, (uint32_t)config->buffers, trouble);
    if (status == 0)
        status = start_streaming(node, trouble);
    if (status < 0 && !trouble->hint[0])
        snprintf(trouble->hint, sizeof(trouble->hint), "%s", v4l2_hint(status, node->raw, node->usb));
    if (status < 0)
        v4l2_node_close(node);
    return status;
}

int v4l2_node_open(struct v4l2_node *node, const char *path, const struct config_source *config,
                   struct source_trouble *trouble)
{
    int status = open_with(node, v4l2_device_direct, path, config, trouble);
    if (status == -ENOTSUP && v4l2_device_fallback) {
        // only formats we do not read: libv4l2 may know how to convert one
        struct source_trouble ignored = {0};
        if (open_with(node, v4l2_device_fallback, path, config, &ignored) == 0) {
            *trouble = (struct source_trouble){0};
            status = 0;
        }
    }
    return status;
}

void v4l2_node_close(struct v4l2_node *node)
{
    int type = (int)node->type;
    if (node->fd < 0)
        return;
    if (node->streaming)
        call(node, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < node->buffer_count; i++)
        for (uint32_t p = 0; p < V4L2_PLANES_MAX; p++)
            if (node->buffers[i].address[p])
                node->ops->unmap(node->buffers[i].address[p], node->buffers[i].length[p]);
    node->ops->close(node->fd);
    node->fd = -1;
    node->streaming = false;
}

// ---- streaming -------------------------------------------------------------

static void init_buffer(const struct v4l2_node *node, struct v4l2_buffer *buffer,
                        struct v4l2_plane *planes)
{
    *buffer = (struct v4l2_buffer){.type = node->type, .memory = V4L2_MEMORY_MMAP};
    if (multi_planar(node)) {
        memset(planes, 0, VIDEO_MAX_PLANES * sizeof(*planes));
        buffer->m.planes = planes;
        buffer->length = node->row->planes;
    }
}

int v4l2_node_queue(struct v4l2_node *node, uint32_t index)
{
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
    init_buffer(node, &buffer, planes);
    buffer.index = index;
    // before the call: once the driver has it another thread may take it
    atomic_fetch_or(&node->queued, UINT32_C(1) << index);
    int status = call(node, VIDIOC_QBUF, &buffer);
    if (status < 0)
        atomic_fetch_and(&node->queued, ~(UINT32_C(1) << index));
    return status;
}

int v4l2_node_dequeue(struct v4l2_node *node, struct v4l2_buffer *buffer,
                      struct v4l2_plane *planes)
{
    init_buffer(node, buffer, planes);
    int status = call(node, VIDIOC_DQBUF, buffer);
    if (status < 0)
        return status;
    if (buffer->index >= node->buffer_count)
        return -EPROTO;
    uint32_t bit = UINT32_C(1) << buffer->index;
    return atomic_fetch_and(&node->queued, ~bit) & bit ? 0 : -EPROTO;
}

// One memory area for each plane of the picture (the "M" formats).
static int image_of_planes(const struct v4l2_node *node, const struct v4l2_buffer *buffer,
                           struct image *image)
{
    const struct v4l2_buffer_map *map = &node->buffers[buffer->index];
    *image =
        (struct image){.format = node->row->image, .width = node->width, .height = node->height};
    for (uint32_t i = 0; i < node->row->planes; i++) {
        uint32_t used = buffer->m.planes[i].bytesused, offset = buffer->m.planes[i].data_offset;
        if (used > map->length[i] || offset > used)
            return -EMSGSIZE;
        image->planes[i] = (const uint8_t *)map->address[i] + offset;
        image->strides[i] = node->strides[i];
        image->size[i] = used - offset;
    }
    return image_check(image);
}

int v4l2_node_image(const struct v4l2_node *node, const struct v4l2_buffer *buffer,
                    struct image *image)
{
    const struct v4l2_buffer_map *map = &node->buffers[buffer->index];
    bool multi = multi_planar(node);
    int status;
    if (node->row->planes > 1) {
        status = image_of_planes(node, buffer, image);
    } else {
        uint32_t used = multi ? buffer->m.planes[0].bytesused : buffer->bytesused;
        uint32_t offset = multi ? buffer->m.planes[0].data_offset : 0;
        if (used > map->length[0] || offset > used)
            return -EMSGSIZE;
        status = image_from_buffer(image, node->row->image, node->width, node->height,
                                   node->row->compressed ? 0 : node->strides[0],
                                   (const uint8_t *)map->address[0] + offset, used - offset);
    }
    image->matrix = node->matrix;
    image->range = node->row->compressed ? IMAGE_FULL : node->range;
    return status;
}
