// SPDX-License-Identifier: Apache-2.0
//
// For tests of cameras whose driver fails or lies: one life of a small camera, from open to the
// fourth frame and close, without threads, so that the calls are the same each time.

#ifndef QEDGE_TESTS_DAEMON_CAMERA_LIFE_H
#define QEDGE_TESTS_DAEMON_CAMERA_LIFE_H

#include "tests/unit/daemon_camera_rig.h"

#define NODE "/dev/video0"
#define FRAMES 4 // good ones that a life wants
#define TRIES 60 // frames and waits until it gives up

// ---- a small camera --------------------------------------------------------

static const struct fake_mode small[] = {{V4L2_PIX_FMT_YUYV, 64, 48, 30}, {0, 0, 0, 0}};
static const struct fake_mode small_planes[] = {{V4L2_PIX_FMT_NV12M, 64, 48, 30}, {0, 0, 0, 0}};
static const struct fake_mode small_jpeg[] = {{V4L2_PIX_FMT_MJPEG, 64, 48, 30}, {0, 0, 0, 0}};
// For a camera nothing but a row of bytes: workers decode.
static const uint8_t some_jpeg[500] = {0xff, 0xd8, 0xff};

// kind 0: YUYV, 1: NV12 in two planes, 2: JPEG; each with a frame rate and a cable. Forgets those
// that were there before.
static inline struct fake_camera *add_small(int kind)
{
    const struct fake_mode *const modes[] = {small, small_planes, small_jpeg};
    fake_count = 0;
    struct fake_camera *fake = fake_add(NODE, modes[kind]);
    fake->period_ms = 0;
    fake->has_rates = fake->has_cable = true;
    fake->multi_planar = kind == 1;
    fake->caps =
        (kind == 1 ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING;
    fake->jpeg = kind == 2 ? some_jpeg : NULL;
    fake->jpeg_size = sizeof(some_jpeg);
    return fake;
}

// ---- one life --------------------------------------------------------------

struct life {
    int status; // of what ended it early; 0
    int good, bad;
    struct source_trouble trouble;
    unsigned sum; // of pixels, so that every byte of a good frame was read
};

static inline unsigned read_pixels(const struct image *image)
{
    unsigned sum = 0;
    assert_int_equal(image_check(image), 0);
    if (image->format == IMAGE_JPEG)
        for (size_t i = 0; i < image->size[0]; i++)
            sum += image->planes[0][i];
    for (int p = 0; p < image_plane_count(image->format); p++)
        for (int32_t y = 0; y < image_plane_rows(image->format, p, image->height); y++)
            for (size_t x = 0; x < image_row_bytes(image->format, p, image->width); x++)
                sum += image->planes[p][y * image->strides[p] + (ptrdiff_t)x];
    return sum;
}

static inline void take_frames(void *camera, struct life *life)
{
    for (int i = 0; i < TRIES && life->good < FRAMES; i++) {
        struct frame *frame = NULL;
        int status = source_v4l2.next(camera, 1, &frame, &life->trouble);
        if (status == 0) {
            life->good++;
            life->sum += read_pixels(&frame->image);
            assert_true(frame->sensor_ns <= frame->dequeued_ns);
            source_v4l2.release(camera, frame);
        } else if (status == -EBADMSG) {
            life->bad++;
        } else if (status != -EAGAIN) {
            life->status = status;
            return;
        }
    }
}

// One life of the camera that add_small made, with this source.format. Fails the test when
// something stays open or mapped, when a buffer is given back twice, or when it ends without a
// reason.
static inline struct life live(const char *format)
{
    struct life life = {0};
    struct config_source config = camera_config(NODE, 64, 48, 30, format);
    char text[300];
    void *camera;
    life.status = source_v4l2.open(&config, NULL, -1, &camera, &life.trouble);
    if (life.status == 0) {
        take_frames(camera, &life);
        source_v4l2.describe(camera, text, sizeof(text));
        assert_non_null(strstr(text, NODE));
        source_v4l2.remark(camera, text, sizeof(text));
        source_v4l2.close(camera);
    }
    assert_int_equal(fakes[0].opens, fakes[0].closes);
    assert_int_equal(fakes[0].maps, fakes[0].unmaps);
    assert_int_equal(fakes[0].misuse, 0);
    if (life.status < 0 && strncmp(life.trouble.reason, NODE ": ", strlen(NODE ": ")) != 0)
        fail_msg("status %d without a reason: '%s'", life.status, life.trouble.reason);
    return life;
}

// Honest again the same camera works; `what` was wrong with it before.
static inline void check_works(const char *what)
{
    struct life life = live("auto");
    if (life.status < 0 || life.good != FRAMES || life.bad)
        fail_msg("after %s: %d, %d good, %d bad: %s", what, life.status, life.good, life.bad,
                 life.trouble.reason);
}

#endif
