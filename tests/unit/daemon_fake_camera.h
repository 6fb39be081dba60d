// SPDX-License-Identifier: Apache-2.0
//
// A camera made of memory, behind the daemon's table of device calls: formats, sizes and rates as a
// test sets them, buffers that must be queued before they are filled, and every kind of trouble on
// demand: calls that fail, answers that are nonsense.

#ifndef QEDGE_TESTS_DAEMON_FAKE_CAMERA_H
#define QEDGE_TESTS_DAEMON_FAKE_CAMERA_H

#include <errno.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/v4l2_device.h"

#define FAKE_FD 1000
#define FAKE_BUFFERS 8
#define FAKE_MAP_MAX (64u << 20) // a kernel maps no more than there is
#define FAKE_MMAP 1              // stands for the calls that are no ioctl where a request is named
#define FAKE_OPEN 2
#define FAKE_POLL 3

struct fake_mode { // one format, size and best rate; fourcc 0 ends the list
    uint32_t fourcc, width, height, fps;
};

struct fake_camera;
// Changes what a call answers after it has been done as it should be. Returns the status to give.
typedef int (*fake_twist)(struct fake_camera *fake, unsigned long request, void *argument,
                          int status);

struct fake_camera {
    pthread_mutex_t lock;
    const char *path;
    uint32_t caps;
    const char *driver;
    bool multi_planar, no_size_list;
    bool has_rates;    // can be told a frame rate
    bool has_cable;    // an HDMI input: the other side's timings, events when they change
    uint32_t stepwise; // sizes go in these steps, from 16 to 4096
    const struct fake_mode *modes;
    // trouble
    bool unplugged;
    unsigned long fail_request;  // this ioctl fails with fail_status …
    int fail_status, fail_after; // … after so many good ones
    bool fail_once;              // … and then no more
    int fail_at;                 // the call of that number fails, counted from now: 1 is the next
    unsigned long failed;        // which one that was; 0 none yet
    fake_twist twist;            // NULL: answers are honest
    short poll_noise;            // always said by poll as well
    int fatal_dequeues;          // so many DQBUF give EIO, until STREAMOFF
    int flag_errors, short_frames, skipped; // so many frames each
    const void *jpeg;
    size_t jpeg_size;
    // state
    struct v4l2_format format;
    uint32_t buffer_count, period_ms;
    double asked_fps; // by the last S_PARM; 0 none yet
    uint8_t *memory[FAKE_BUFFERS][2];
    bool queued[FAKE_BUFFERS];
    bool streaming, fatal;
    uint32_t sequence;
    uint64_t due_ms;
    // what the tests look at
    int opens, closes, maps, unmaps, calls, misuse, delivered;
};

static struct fake_camera fakes[8];
static int fake_count;

static uint64_t fake_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct fake_camera *fake_add(const char *path, const struct fake_mode *modes)
{
    struct fake_camera *fake = &fakes[fake_count++];
    memset(fake, 0, sizeof(*fake));
    pthread_mutex_init(&fake->lock, NULL);
    fake->path = path;
    fake->modes = modes;
    fake->driver = "fake";
    fake->caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    fake->period_ms = 5;
    return fake;
}

static size_t fake_frame_size(const struct fake_camera *fake, int plane)
{
    size_t pixels = (size_t)fake->format.fmt.pix.width * fake->format.fmt.pix.height;
    if (fake->multi_planar)
        return plane ? pixels / 2 : pixels;
    return pixels * 4;
}

// Does the call that begins now fail? With fail_status then.
static bool fake_fails(struct fake_camera *fake, unsigned long request)
{
    if (fake->fail_at > 0 && --fake->fail_at == 0) {
        fake->failed = request;
        return true;
    }
    if (request != fake->fail_request || fake->fail_after-- > 0)
        return false;
    fake->fail_request = fake->fail_once ? 0 : fake->fail_request;
    return true;
}

static int fake_open(const char *path)
{
    for (int i = 0; i < fake_count; i++) {
        if (strcmp(fakes[i].path, path) == 0) {
            if (fakes[i].unplugged)
                return -ENOENT;
            if (fake_fails(&fakes[i], FAKE_OPEN))
                return fakes[i].fail_status;
            fakes[i].opens++;
            return FAKE_FD + i;
        }
    }
    return -ENOENT;
}

static int fake_close(int fd)
{
    struct fake_camera *fake = &fakes[fd - FAKE_FD];
    fake->closes++;
    memset(fake->queued, 0, sizeof(fake->queued));
    fake->buffer_count = 0;
    fake->streaming = false;
    return 0;
}

static const struct fake_mode *fake_mode_of(const struct fake_camera *fake, uint32_t fourcc,
                                            uint32_t index)
{
    for (const struct fake_mode *mode = fake->modes; mode->fourcc; mode++)
        if (mode->fourcc == fourcc && index-- == 0)
            return mode;
    return NULL;
}

static int fake_enum_fmt(const struct fake_camera *fake, struct v4l2_fmtdesc *desc)
{
    uint32_t seen = 0;
    for (const struct fake_mode *mode = fake->modes; mode->fourcc; mode++) {
        bool again = false;
        for (const struct fake_mode *before = fake->modes; before < mode; before++)
            again = again || before->fourcc == mode->fourcc;
        if (!again && seen++ == desc->index) {
            desc->pixelformat = mode->fourcc;
            return 0;
        }
    }
    return -EINVAL;
}

static int fake_sizes(const struct fake_camera *fake, struct v4l2_frmsizeenum *one)
{
    const struct fake_mode *mode = fake_mode_of(fake, one->pixel_format, one->index);
    if (fake->no_size_list)
        return -ENOTTY;
    if (!mode || (fake->stepwise && one->index))
        return -EINVAL;
    one->type = fake->stepwise ? V4L2_FRMSIZE_TYPE_STEPWISE : V4L2_FRMSIZE_TYPE_DISCRETE;
    if (fake->stepwise) {
        one->stepwise =
            (struct v4l2_frmsize_stepwise){16, 4096, fake->stepwise, 16, 4096, fake->stepwise};
    } else {
        one->discrete.width = mode->width;
        one->discrete.height = mode->height;
    }
    return 0;
}

static int fake_intervals(const struct fake_camera *fake, struct v4l2_frmivalenum *one)
{
    for (uint32_t i = 0; one->index == 0; i++) {
        const struct fake_mode *mode = fake_mode_of(fake, one->pixel_format, i);
        if (!mode)
            return -EINVAL;
        if (fake->stepwise || (mode->width == one->width && mode->height == one->height)) {
            one->type = V4L2_FRMIVAL_TYPE_DISCRETE;
            one->discrete = (struct v4l2_fract){1, mode->fps};
            return mode->fps ? 0 : -EINVAL;
        }
    }
    return -EINVAL;
}

static int fake_set_format(struct fake_camera *fake, struct v4l2_format *format)
{
    if (fake->multi_planar) {
        struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;
        for (int i = 0; i < mp->num_planes; i++)
            mp->plane_fmt[i].bytesperline = mp->width;
    } else {
        uint32_t fourcc = format->fmt.pix.pixelformat;
        format->fmt.pix.bytesperline = fourcc == V4L2_PIX_FMT_YUYV ? format->fmt.pix.width * 2
                                       : fourcc == V4L2_PIX_FMT_GREY || fourcc == V4L2_PIX_FMT_NV12
                                           ? format->fmt.pix.width
                                           : 0;
    }
    fake->format = *format;
    return 0;
}

static int fake_dequeue(struct fake_camera *fake, struct v4l2_buffer *buffer)
{
    if (!fake->streaming)
        return -EINVAL;
    if (fake->fatal_dequeues > 0 || fake->fatal) {
        fake->fatal_dequeues = 0;
        fake->fatal = true;
        return -EIO;
    }
    if (fake_ms() < fake->due_ms)
        return -EAGAIN;
    for (uint32_t i = 0; i < fake->buffer_count; i++) {
        if (!fake->queued[i])
            continue;
        fake->due_ms = fake_ms() + fake->period_ms;
        fake->queued[i] = false;
        fake->sequence += 1 + (fake->skipped > 0 ? 3 : 0);
        fake->skipped -= fake->skipped > 0;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        buffer->index = i;
        buffer->sequence = fake->sequence - 1;
        buffer->timestamp.tv_sec = now.tv_sec;
        buffer->timestamp.tv_usec = now.tv_nsec / 1000;
        buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        uint32_t width = fake->format.fmt.pix.width, height = fake->format.fmt.pix.height;
        if (fake->multi_planar) {
            buffer->m.planes[0].bytesused = width * height;
            buffer->m.planes[1].bytesused = width * height / 2;
        } else if (fake->jpeg) {
            buffer->bytesused = (uint32_t)fake->jpeg_size;
            if (fake->memory[i][0])
                memcpy(fake->memory[i][0], fake->jpeg, fake->jpeg_size);
        } else {
            buffer->bytesused = fake->format.fmt.pix.bytesperline * height *
                                (fake->format.fmt.pix.pixelformat == V4L2_PIX_FMT_NV12 ? 3 : 2) / 2;
        }
        if (fake->flag_errors > 0) {
            fake->flag_errors--;
            buffer->flags |= V4L2_BUF_FLAG_ERROR;
        } else if (fake->short_frames > 0) {
            fake->short_frames--;
            buffer->bytesused /= 3;
            if (fake->multi_planar)
                buffer->m.planes[1].bytesused = 7;
        } else {
            fake->delivered++;
        }
        return 0;
    }
    return -EAGAIN;
}

static int fake_query_buffer(struct fake_camera *fake, struct v4l2_buffer *buffer)
{
    if (buffer->index >= fake->buffer_count)
        return -EINVAL;
    if (fake->multi_planar) {
        for (int p = 0; p < 2; p++) {
            buffer->m.planes[p].length = (uint32_t)fake_frame_size(fake, p);
            buffer->m.planes[p].m.mem_offset = buffer->index * 2 + (uint32_t)p;
        }
        return 0;
    }
    buffer->length = (uint32_t)(fake->jpeg ? fake->jpeg_size + 100 : fake_frame_size(fake, 0));
    buffer->m.offset = buffer->index * 2;
    return 0;
}

// What only some cameras know.
static int fake_call_optional(struct fake_camera *fake, unsigned long request, void *argument)
{
    bool of_rates = request == VIDIOC_G_PARM || request == VIDIOC_S_PARM;
    if (of_rates ? !fake->has_rates : !fake->has_cable)
        return -ENOTTY;
    switch (request) {
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)argument)->parm.capture;
        struct v4l2_fract *interval = &capture->timeperframe;
        if (request == VIDIOC_S_PARM && interval->numerator)
            fake->asked_fps = (double)interval->denominator / interval->numerator;
        bool slower = fake->asked_fps > 0 && fake->asked_fps < fake->modes->fps;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        *interval = slower ? (struct v4l2_fract){1000, (uint32_t)(fake->asked_fps * 1000)}
                           : (struct v4l2_fract){1, fake->modes->fps};
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_ENUMINPUT:
        ((struct v4l2_input *)argument)->capabilities = V4L2_IN_CAP_DV_TIMINGS;
        return 0;
    case VIDIOC_QUERY_DV_TIMINGS:
        ((struct v4l2_dv_timings *)argument)->bt.width = fake->modes->width;
        return 0;
    case VIDIOC_G_DV_TIMINGS: // others than those that come in
    case VIDIOC_S_DV_TIMINGS:
    case VIDIOC_SUBSCRIBE_EVENT: return 0;
    case VIDIOC_DQEVENT: return -ENOENT;
    default: return -ENOTTY;
    }
}

static int fake_call(struct fake_camera *fake, unsigned long request, void *argument)
{
    fake->calls++;
    if (fake->unplugged)
        return -ENODEV;
    if (fake_fails(fake, request))
        return fake->fail_status;
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *caps = argument;
        snprintf((char *)caps->driver, sizeof(caps->driver), "%s", fake->driver);
        caps->capabilities = V4L2_CAP_DEVICE_CAPS;
        caps->device_caps = fake->caps;
        return 0;
    }
    case VIDIOC_ENUM_FMT: return fake_enum_fmt(fake, argument);
    case VIDIOC_ENUM_FRAMESIZES: return fake_sizes(fake, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return fake_intervals(fake, argument);
    case VIDIOC_TRY_FMT: {
        struct v4l2_format *format = argument;
        format->fmt.pix.width = 320;
        format->fmt.pix.height = 240;
        return 0;
    }
    case VIDIOC_G_FMT:
        *(struct v4l2_format *)argument =
            (struct v4l2_format){.type = ((struct v4l2_format *)argument)->type};
        return 0;
    case VIDIOC_S_FMT: return fake_set_format(fake, argument);
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *buffers = argument;
        buffers->count = buffers->count > FAKE_BUFFERS ? FAKE_BUFFERS : buffers->count;
        fake->buffer_count = buffers->count;
        return 0;
    }
    case VIDIOC_QUERYBUF: return fake_query_buffer(fake, argument);
    case VIDIOC_QBUF: {
        uint32_t index = ((struct v4l2_buffer *)argument)->index;
        if (index >= fake->buffer_count || fake->queued[index]) {
            fake->misuse++;
            return -EINVAL;
        }
        fake->queued[index] = true;
        return 0;
    }
    case VIDIOC_DQBUF: return fake_dequeue(fake, argument);
    case VIDIOC_STREAMON:
        fake->streaming = true;
        fake->fatal = false;
        fake->sequence = 0;
        fake->due_ms = fake_ms();
        return 0;
    case VIDIOC_STREAMOFF:
        fake->streaming = false;
        memset(fake->queued, 0, sizeof(fake->queued));
        return 0;
    default: return fake_call_optional(fake, request, argument);
    }
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
    struct fake_camera *fake = &fakes[fd - FAKE_FD];
    pthread_mutex_lock(&fake->lock);
    int status = fake_call(fake, request, argument);
    if (fake->twist)
        status = fake->twist(fake, request, argument, status);
    pthread_mutex_unlock(&fake->lock);
    return status;
}

static void *fake_map(int fd, size_t length, int64_t offset)
{
    struct fake_camera *fake = &fakes[fd - FAKE_FD];
    if (fake_fails(fake, FAKE_MMAP)) {
        errno = -fake->fail_status;
        return NULL;
    }
    if (length == 0 || length > FAKE_MAP_MAX || offset < 0 || offset >= 2 * FAKE_BUFFERS ||
        fake->memory[offset / 2][offset % 2]) {
        errno = EINVAL;
        return NULL;
    }
    fake->memory[offset / 2][offset % 2] = calloc(1, length);
    fake->maps++;
    return fake->memory[offset / 2][offset % 2];
}

static int fake_unmap(void *address, size_t length)
{
    (void)length;
    for (int i = 0; i < fake_count; i++)
        for (int b = 0; b < FAKE_BUFFERS; b++)
            for (int p = 0; p < 2; p++)
                if (fakes[i].memory[b][p] == address) {
                    fakes[i].unmaps++;
                    free(address); // whoever touches it later is told by AddressSanitizer
                    fakes[i].memory[b][p] = NULL;
                }
    return 0;
}

static int fake_poll(struct pollfd *fds, unsigned count, int timeout_ms)
{
    struct fake_camera *fake = &fakes[fds[0].fd - FAKE_FD];
    uint64_t limit = fake_ms() + (uint64_t)timeout_ms;
    pthread_mutex_lock(&fake->lock);
    bool fails = fake_fails(fake, FAKE_POLL);
    int status = fake->fail_status;
    pthread_mutex_unlock(&fake->lock);
    if (fails)
        return status;
    for (;;) {
        fds[0].revents = 0;
        pthread_mutex_lock(&fake->lock);
        bool filled = false;
        for (uint32_t i = 0; i < fake->buffer_count; i++)
            filled = filled || fake->queued[i];
        if (fake->unplugged)
            fds[0].revents = POLLERR | POLLHUP;
        else if (fake->fatal_dequeues > 0 || fake->fatal)
            fds[0].revents = POLLERR;
        else if (fake->streaming && filled && fake_ms() >= fake->due_ms)
            fds[0].revents = POLLIN;
        fds[0].revents |= fake->poll_noise;
        pthread_mutex_unlock(&fake->lock);
        bool over = fds[0].revents || fake_ms() >= limit;
        int ready = poll(fds + 1, count - 1, over ? 0 : 1);
        if (over || ready > 0)
            return (fds[0].revents != 0) + (ready > 0);
    }
}

static int fake_list(char paths[V4L2_NODES_MAX][32])
{
    for (int i = 0; i < fake_count; i++)
        snprintf(paths[i], 32, "%s", fakes[i].path);
    return fake_count;
}

static const struct v4l2_device_ops fake_ops = {.name = "fake",
                                                .open = fake_open,
                                                .close = fake_close,
                                                .ioctl = fake_ioctl,
                                                .map = fake_map,
                                                .unmap = fake_unmap,
                                                .poll = fake_poll,
                                                .list = fake_list};

#endif
