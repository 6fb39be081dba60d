// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/v4l2_buffers.h"
#include "daemon/v4l2_hint.h"
#include "daemon/v4l2_trouble.h"

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
    return v4l2_trouble_say(trouble, node->path, -ENODEV, "%s (%.16s)", what,
                            (const char *)caps->driver);
}

static int check_caps(struct v4l2_node *node, struct source_trouble *trouble)
{
    struct v4l2_capability caps = {0};
    int status = v4l2_node_call(node, VIDIOC_QUERYCAP, &caps);
    if (status < 0)
        return v4l2_trouble_say(trouble, node->path, status, "not a video device");
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
    if (v4l2_node_call(node, VIDIOC_G_INPUT, &input.index) < 0 ||
        v4l2_node_call(node, VIDIOC_ENUMINPUT, &input) < 0 ||
        !(input.capabilities & V4L2_IN_CAP_DV_TIMINGS))
        return 0;
    int status = v4l2_node_call(node, VIDIOC_QUERY_DV_TIMINGS, &seen);
    snprintf(trouble->hint, sizeof(trouble->hint),
             "check the cable and that the other side sends a picture");
    if (status == -ENOLINK)
        return v4l2_trouble_say(trouble, node->path, status, "no signal at input %.31s",
                                (const char *)input.name);
    if (status == -ENOLCK)
        return v4l2_trouble_say(trouble, node->path, status, "unstable signal at input %.31s",
                                (const char *)input.name);
    if (status == -ERANGE)
        return v4l2_trouble_say(trouble, node->path, status,
                                "signal at input %.31s is out of range", (const char *)input.name);
    trouble->hint[0] = '\0';
    if (status < 0 || (v4l2_node_call(node, VIDIOC_G_DV_TIMINGS, &set) == 0 &&
                       memcmp(&seen.bt, &set.bt, sizeof(seen.bt)) == 0))
        return 0;
    status = v4l2_node_call(node, VIDIOC_S_DV_TIMINGS, &seen);
    if (status == -EBUSY)
        return v4l2_trouble_busy(trouble, node->path);
    return 0; // a refusal shows itself in the format
}

// ---- format ----------------------------------------------------------------

static void fill_format(struct v4l2_format *format, const struct v4l2_choice *choice, bool multi)
{
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
}

// What the driver made of it, which may be another size or format than it was asked for.
static int take_format(struct v4l2_node *node, struct source_trouble *trouble)
{
    const struct v4l2_format *format = &node->format;
    bool multi = v4l2_node_is_multi_planar(node);
    node->row =
        v4l2_format_find(multi ? format->fmt.pix_mp.pixelformat : format->fmt.pix.pixelformat);
    node->width = (int32_t)(multi ? format->fmt.pix_mp.width : format->fmt.pix.width);
    node->height = (int32_t)(multi ? format->fmt.pix_mp.height : format->fmt.pix.height);
    if (!node->row || node->width < 1 || node->width > IMAGE_SIDE_MAX || node->height < 1 ||
        node->height > IMAGE_SIDE_MAX || node->row->planes > V4L2_PLANES_MAX ||
        node->row->planes != (multi ? format->fmt.pix_mp.num_planes : 1))
        return v4l2_trouble_say(trouble, node->path, -ENOTSUP,
                                "the driver chose a format that can not be read");
    for (uint32_t i = 0; i < V4L2_PLANES_MAX; i++)
        node->strides[i] = (int32_t)(multi    ? format->fmt.pix_mp.plane_fmt[i].bytesperline
                                     : i == 0 ? format->fmt.pix.bytesperline
                                              : 0);
    v4l2_format_colour(format, node->row->image, &node->matrix, &node->range);
    return 0;
}

static int apply_format(struct v4l2_node *node, const struct v4l2_choice *choice,
                        struct source_trouble *trouble)
{
    node->format = (struct v4l2_format){.type = node->type};
    v4l2_node_call(node, VIDIOC_G_FMT, &node->format); // colour settings stay as they are
    fill_format(&node->format, choice, v4l2_node_is_multi_planar(node));
    int status = v4l2_node_call(node, VIDIOC_S_FMT, &node->format);
    if (status == -EBUSY)
        return v4l2_trouble_busy(trouble, node->path);
    if (status < 0)
        return v4l2_trouble_say(trouble, node->path, status, "can not set format %s %dx%d: %s",
                                choice->row->name, choice->width, choice->height,
                                strerror(-status));
    return take_format(node, trouble);
}

static void apply_rate(struct v4l2_node *node, double wanted)
{
    struct v4l2_streamparm parm = {.type = node->type};
    struct v4l2_fract *interval = &parm.parm.capture.timeperframe;
    if (v4l2_node_call(node, VIDIOC_G_PARM, &parm) < 0)
        return;
    if (parm.parm.capture.capability & V4L2_CAP_TIMEPERFRAME) {
        interval->numerator = 1000;
        interval->denominator = (uint32_t)(wanted * 1000 + 0.5);
        if (v4l2_node_call(node, VIDIOC_S_PARM, &parm) < 0 &&
            v4l2_node_call(node, VIDIOC_G_PARM, &parm) < 0)
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
            snprintf(trouble->hint, sizeof(trouble->hint), "choose another source.format, or auto");
        return v4l2_trouble_say(trouble, node->path, status, "no usable pixel format; it offers %s",
                                offered[0] ? offered : "none");
    }
    status = apply_format(node, &choice, trouble);
    if (status == 0)
        apply_rate(node, fps);
    return status;
}

// ---- life ------------------------------------------------------------------

static int start_streaming(struct v4l2_node *node, struct source_trouble *trouble)
{
    struct v4l2_event_subscription changes = {.type = V4L2_EVENT_SOURCE_CHANGE};
    int type = (int)node->type;
    for (uint32_t i = 0; i < node->buffer_count; i++) {
        int status = v4l2_buffers_queue(node, i);
        if (status < 0)
            return v4l2_trouble_say(trouble, node->path, status, "can not queue buffer %u: %s", i,
                                    strerror(-status));
    }
    int status = v4l2_node_call(node, VIDIOC_STREAMON, &type);
    if (status == -EBUSY)
        return v4l2_trouble_busy(trouble, node->path);
    if (status == -ENOSPC)
        return v4l2_trouble_say(trouble, node->path, status,
                                "the USB bus has no bandwidth left for %dx%d %s (%s)", node->width,
                                node->height, node->row->name, strerror(ENOSPC));
    if (status == -ENOLINK && node->raw)
        status = -EPIPE; // no cable is missing, but a pipeline
    if (status < 0)
        return v4l2_trouble_say(trouble, node->path, status, "can not start streaming: %s",
                                strerror(-status));
    node->streaming = true;
    v4l2_node_call(node, VIDIOC_SUBSCRIBE_EVENT, &changes); // most cameras have no such event
    return 0;
}

static int open_with(struct v4l2_node *node, const struct v4l2_device_ops *ops, const char *path,
                     const struct config_source *config, struct source_trouble *trouble)
{
    *node = (struct v4l2_node){.ops = ops, .fd = -1};
    snprintf(node->path, sizeof(node->path), "%s", path);
    node->fd = ops->open(path);
    if (node->fd == -EBUSY)
        return v4l2_trouble_busy(trouble, node->path);
    if (node->fd < 0) {
        snprintf(trouble->hint, sizeof(trouble->hint), "%s", v4l2_hint(node->fd, false, false));
        return v4l2_trouble_say(trouble, node->path, node->fd, "%s",
                                node->fd == -ENOTTY ? "not a video device" : strerror(-node->fd));
    }
    int status = check_caps(node, trouble);
    if (status == 0)
        status = set_timings(node, trouble);
    if (status == 0)
        status = set_format(node, config, trouble);
    if (status == 0)
        status = v4l2_buffers_request(node, (uint32_t)config->buffers, trouble);
    if (status == 0)
        status = start_streaming(node, trouble);
    if (status < 0 && !trouble->hint[0])
        snprintf(trouble->hint, sizeof(trouble->hint), "%s",
                 v4l2_hint(status, node->raw, node->usb));
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
        v4l2_node_call(node, VIDIOC_STREAMOFF, &type);
    v4l2_buffers_unmap(node);
    node->ops->close(node->fd);
    node->fd = -1;
    node->streaming = false;
}
