// SPDX-License-Identifier: Apache-2.0
//
// Cameras: what is chosen among what they offer, and what becomes of the stream when they
// misbehave. The whole path runs (capture thread, workers, a small model, the ring); only the
// device calls are a double.

#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/device_holder.h"
#include "daemon/v4l2_node.h"
#include "daemon/v4l2_hint.h"
#include "tests/unit/daemon_camera_rig.h"

// ---- choosing --------------------------------------------------------------

static void expect_choice(const struct fake_mode *modes, int32_t width, int32_t height, double fps,
                          const char *format, const char *chosen)
{
    fake_count = 0;
    fake_add("/dev/video0", modes);
    struct config_source config = camera_config("/dev/video0", width, height, fps, format);
    struct v4l2_choice choice;
    char offered[80], text[64];
    int status = v4l2_format_choose(&fake_ops, FAKE_FD, V4L2_BUF_TYPE_VIDEO_CAPTURE, &config,
                                    &choice, offered, sizeof(offered));
    if (status < 0)
        snprintf(text, sizeof(text), "none");
    else
        snprintf(text, sizeof(text), "%s %dx%d %g", choice.row->name, choice.width, choice.height,
                 choice.fps);
    assert_string_equal(text, chosen);
}

static void test_choice(void **state)
{
    (void)state;
    // what a usual USB camera offers
    static const struct fake_mode usb[] = {
        {V4L2_PIX_FMT_MJPEG, 640, 480, 30},   {V4L2_PIX_FMT_MJPEG, 1280, 720, 30},
        {V4L2_PIX_FMT_MJPEG, 1920, 1080, 30}, {V4L2_PIX_FMT_YUYV, 160, 120, 30},
        {V4L2_PIX_FMT_YUYV, 640, 480, 30},    {V4L2_PIX_FMT_YUYV, 1280, 720, 10},
        {V4L2_PIX_FMT_YUYV, 1920, 1080, 5},   {0, 0, 0, 0}};
    expect_choice(usb, 0, 0, 0, "auto", "YUYV 640x480 30");
    expect_choice(usb, 1280, 720, 30, "auto", "MJPG 1280x720 30"); // only JPEG reaches the rate
    expect_choice(usb, 1280, 720, 10, "auto", "YUYV 1280x720 10");
    expect_choice(usb, 1280, 720, 30, "YUYV", "YUYV 1280x720 10"); // asked for
    expect_choice(usb, 800, 600, 30, "auto", "MJPG 1280x720 30");  // the smallest that covers it
    expect_choice(usb, 4000, 3000, 5, "auto", "YUYV 1920x1080 5"); // none covers it: the largest
    expect_choice(usb, 1, 1, 30, "auto", "YUYV 160x120 30");
    expect_choice(usb, 640, 480, 30, "NV12", "none");
    // cheap formats win over others that are as good; unknown ones are left out
    static const struct fake_mode many[] = {
        {V4L2_PIX_FMT_SBGGR8, 640, 480, 90}, {V4L2_PIX_FMT_RGB24, 640, 480, 30},
        {V4L2_PIX_FMT_YUYV, 640, 480, 30},   {V4L2_PIX_FMT_NV12, 640, 480, 30},
        {V4L2_PIX_FMT_GREY, 640, 480, 30},   {0, 0, 0, 0}};
    expect_choice(many, 640, 480, 30, "auto", "NV12 640x480 30");
    static const struct fake_mode bayer[] = {{V4L2_PIX_FMT_SBGGR8, 640, 480, 90}, {0, 0, 0, 0}};
    expect_choice(bayer, 640, 480, 30, "auto", "none");
    static const struct fake_mode silent[] = {
        {V4L2_PIX_FMT_YUYV, 640, 480, 0}, {V4L2_PIX_FMT_MJPEG, 640, 480, 30}, {0, 0, 0, 0}};
    expect_choice(silent, 640, 480, 30, "auto",
                  "YUYV 640x480 0"); // a driver that names no rates may well reach it
}

static void test_choice_other_lists(void **state)
{
    (void)state;
    struct config_source config = camera_config("/dev/video0", 650, 481, 30, "auto");
    struct v4l2_choice choice;
    char offered[80];
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    fake->stepwise = 8;
    assert_int_equal(v4l2_format_choose(&fake_ops, FAKE_FD, V4L2_BUF_TYPE_VIDEO_CAPTURE, &config,
                                        &choice, offered, sizeof(offered)),
                     0);
    assert_int_equal(choice.width, 656);
    assert_int_equal(choice.height, 488);
    fake->no_size_list = true; // VIDIOC_TRY_FMT says
    assert_int_equal(v4l2_format_choose(&fake_ops, FAKE_FD, V4L2_BUF_TYPE_VIDEO_CAPTURE, &config,
                                        &choice, offered, sizeof(offered)),
                     0);
    assert_int_equal(choice.width, 320);
}

static void expect_open(const char *device, int status, const char *reason)
{
    struct config_source config = camera_config(device, 640, 480, 30, "auto");
    struct v4l2_node node;
    struct source_trouble trouble = {0};
    assert_int_equal(v4l2_node_open(&node, device, &config, &trouble), status);
    if (status == 0)
        v4l2_node_close(&node);
    else if (!strstr(trouble.reason, reason))
        fail_msg("'%s' does not say '%s'", trouble.reason, reason);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct fake_mode bayer[] = {{V4L2_PIX_FMT_SBGGR8, 640, 480, 90}, {0, 0, 0, 0}};
    expect_open("/dev/video9", -ENOENT, "/dev/video9: No such file");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    expect_open("/dev/video0", 0, "");
    fake->fail_request = VIDIOC_S_FMT;
    fake->fail_status = -EBUSY;
    expect_open("/dev/video0", -EBUSY, "in use by another program");
    fake->fail_request = VIDIOC_REQBUFS;
    expect_open("/dev/video0", -EBUSY, "in use by another program");
    fake->fail_request = VIDIOC_STREAMON;
    expect_open("/dev/video0", -EBUSY, "in use by another program");
    fake->fail_request = 0;
    fake->caps = V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING;
    expect_open("/dev/video0", -ENODEV, "not a camera but a codec");
    fake->caps = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING;
    expect_open("/dev/video0", -ENODEV, "does not capture");
    fake->caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE;
    expect_open("/dev/video0", -ENODEV, "can not stream");
    fake->caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    fake->modes = bayer;
    expect_open("/dev/video0", -ENOTSUP, "no usable pixel format; it offers BA81");
    assert_int_equal(fake->opens, fake->closes);
    assert_int_equal(fake->maps, fake->unmaps);
}

static void expect_hint(struct fake_camera *fake, unsigned long request, int status,
                        const char *device, const char *hint)
{
    struct config_source config = camera_config(device, 640, 480, 30, "auto");
    struct v4l2_node node;
    struct source_trouble trouble = {0};
    fake->fail_request = request;
    fake->fail_status = status;
    assert_int_equal(v4l2_node_open(&node, device, &config, &trouble), status);
    if (!strstr(trouble.hint, hint))
        fail_msg("'%s' does not say '%s'", trouble.hint, hint);
}

// What is wrong comes with what to do, and a camera that is taken with who has it.
static void test_hints(void **state)
{
    (void)state;
    char path[] = "/tmp/qedge-camera.XXXXXX", name[80];
    int fd = mkstemp(path), ready[2];
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    expect_hint(fake, VIDIOC_STREAMON, -ENOSPC, "/dev/video0", "smaller source.size or fps");
    expect_hint(fake, VIDIOC_STREAMON, -ENOSPC, "/dev/video0", "another USB port");
    expect_hint(fake, VIDIOC_STREAMON, -EPIPE, "/dev/video0", "libcamera");
    expect_hint(fake, VIDIOC_STREAMON, -EIO, "/dev/video0", "plug it in again");
    expect_hint(fake, VIDIOC_STREAMON, -EINVAL, "/dev/video0", "dmesg");
    expect_hint(fake, VIDIOC_REQBUFS, -ENOMEM, "/dev/video0", "CMA");
    fake->driver = "uvcvideo";
    expect_hint(fake, VIDIOC_STREAMON, -EPIPE, "/dev/video0", "plug it in again");
    // a CSI receiver: by its driver's name, or by what it says of itself
    fake->driver = "rp1-cfe";
    expect_hint(fake, VIDIOC_STREAMON, -EINVAL, "/dev/video0", "libcamera");
    fake->driver = "other";
    fake->caps |= V4L2_CAP_IO_MC;
    expect_hint(fake, VIDIOC_S_FMT, -EINVAL, "/dev/video0", "libcamera");
    fake->caps &= ~V4L2_CAP_IO_MC;
    expect_hint(fake, VIDIOC_STREAMON, -EBUSY, "/dev/video0", "sudo qctl status");
    // a file stands for the device, a child for the other program
    assert_true(fd >= 0 && pipe(ready) == 0);
    // this process itself does not count
    assert_int_equal(device_holder_find("", path, getpid(), name, sizeof(name)), -ENOENT);
    pid_t child = fork();
    if (child == 0) {
        close(ready[1]);
        prctl(PR_SET_NAME, "other\033[2Jprog");
        char byte;
        _exit(read(ready[0], &byte, 1) < 0);
    }
    close(fd); // only the child has it open now
    close(ready[0]);
    fake = fake_add(path, plain);
    snprintf(name, sizeof(name), "other?[2Jprog (process %d)", (int)child);
    for (int i = 0; i < 6000; i++) { // until it has its name
        char text[80] = "";
        if (device_holder_find("", path, getpid(), text, sizeof(text)) == 0 &&
            strcmp(text, name) == 0)
            break;
        usleep(10000);
    }
    expect_hint(fake, VIDIOC_STREAMON, -EBUSY, path, name);
    close(ready[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    expect_hint(fake, VIDIOC_STREAMON, -EBUSY, path, "sudo qctl status");
    unlink(path);
    assert_int_equal(device_holder_find("", path, getpid(), name, sizeof(name)), -ENOENT);
}

// What a camera offers that can not be used: raw sensor data needs libcamera, other things do not.
static void test_formats_hint(void **state)
{
    (void)state;
    static const struct {
        uint32_t fourcc;
        const char *hint;
    } rows[] = {{V4L2_PIX_FMT_SBGGR8, "libcamera"},   {V4L2_PIX_FMT_SGRBG8, "libcamera"},
                {V4L2_PIX_FMT_SRGGB10, "libcamera"},  {V4L2_PIX_FMT_SRGGB10P, "libcamera"},
                {V4L2_PIX_FMT_SGBRG12P, "libcamera"}, {V4L2_PIX_FMT_SBGGR16, "libcamera"},
                {V4L2_PIX_FMT_H264, "v4l2loopback"},  {V4L2_PIX_FMT_Z16, "another camera"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fake_mode modes[] = {{rows[i].fourcc, 640, 480, 30}, {0, 0, 0, 0}};
        setup(NULL);
        struct fake_camera *fake = fake_add("/dev/video0", modes);
        expect_hint(fake, 0, -ENOTSUP, "/dev/video0", rows[i].hint);
    }
    assert_true(v4l2_hint_are_raw("BA81 RG10 pBCC"));
    assert_false(v4l2_hint_are_raw("BA81 H264"));
    assert_false(v4l2_hint_are_raw(""));
    // no status is without a hint
    for (int status = 1; status < 134; status++)
        assert_true(strlen(v4l2_hint(-status, status % 2, false)) > 20 &&
                    strlen(v4l2_hint(-status, false, true)) <
                        sizeof(((struct source_trouble *)0)->hint));
}

// Every call of setting up fails once, at every place: an error, and nothing stays open or mapped.
static void test_every_failure(void **state)
{
    (void)state;
    static const unsigned long requests[] = {
        VIDIOC_QUERYCAP, VIDIOC_S_FMT,    VIDIOC_REQBUFS,  VIDIOC_QUERYBUF,
        VIDIOC_QBUF,     VIDIOC_STREAMON, VIDIOC_ENUM_FMT, FAKE_MMAP};
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        for (int after = 0; after < 4; after++) {
            struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
            struct v4l2_node node;
            struct source_trouble trouble = {0};
            fake->fail_request = requests[i];
            fake->fail_status = -EINVAL;
            fake->fail_after = after;
            int status = v4l2_node_open(&node, "/dev/video0", &config, &trouble);
            if (status == 0)
                v4l2_node_close(&node);
            else
                assert_true(trouble.reason[0]);
            assert_true(status < 0 || after > 0);
            assert_int_equal(fake->opens, fake->closes);
            assert_int_equal(fake->maps, fake->unmaps);
        }
    }
}

// ---- the whole path --------------------------------------------------------

static void test_frames_flow(void **state)
{
    (void)state;
    struct rig rig;
    struct ring_record record;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    fake_add("/dev/video0", plain);
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 50);
    assert_true(stream_last_record(rig.stream, &record));
    assert_int_equal(record.hit_count, 3);
    assert_true(record.sensor_ns <= record.dequeued_ns && record.dequeued_ns <= record.started_ns);
    assert_true(record.started_ns <= record.preprocessed_ns &&
                record.preprocessed_ns <= record.inferred_ns);
    assert_true(record.inferred_ns <= record.published_ns);
    assert_int_equal(counter(&rig, STATS_FRAMES_BAD), 0);
    rig_stop(&rig);
}

static void test_multi_planar(void **state)
{
    (void)state;
    static const struct fake_mode modes[] = {{V4L2_PIX_FMT_NV12M, 320, 240, 30}, {0, 0, 0, 0}};
    struct rig rig;
    struct config_source config = camera_config("/dev/video0", 320, 240, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", modes);
    fake->multi_planar = true;
    fake->caps = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
    fake->short_frames = 2;
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 20);
    assert_int_equal(counter(&rig, STATS_FRAMES_BAD), 2);
    rig_stop(&rig);
}

// Broken frames are counted, not published; their buffers are used again; gaps of the camera are
// counted.
static void test_bad_frames(void **state)
{
    (void)state;
    struct rig rig;
    struct source_status status;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    fake->flag_errors = 7;
    fake->short_frames = 5;
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 20);
    assert_int_equal(counter(&rig, STATS_FRAMES_BAD), 12);
    source_get_status(rig.source, &status);
    assert_int_equal(status.missed, 0);
    pthread_mutex_lock(&fake->lock);
    fake->skipped = 2; // 3 frames each
    pthread_mutex_unlock(&fake->lock);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 20);
    source_get_status(rig.source, &status);
    assert_int_equal(status.missed, 6);
    rig_stop(&rig);
}

// A buffer that the driver does not take back is offered again: none is lost for good.
static void test_refused_buffers(void **state)
{
    (void)state;
    struct rig rig;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    rig_start(&rig, &config);
    for (int i = 0; i < 12; i++) { // three times as many as there are buffers
        wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 3);
        pthread_mutex_lock(&fake->lock);
        fake->fail_request = VIDIOC_QBUF;
        fake->fail_status = -EINVAL;
        fake->fail_once = true;
        fake->fail_after = 0;
        pthread_mutex_unlock(&fake->lock);
    }
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 10);
    assert_int_equal(fake->opens, 1);
    rig_stop(&rig);
}

static void test_jpeg(void **state)
{
    (void)state;
    static const struct fake_mode modes[] = {{V4L2_PIX_FMT_MJPEG, 640, 480, 30}, {0, 0, 0, 0}};
    struct rig rig;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", modes);
    FILE *file = fopen("models/pictures/macaw.jpg", "rb");
    if (!file)
        skip();
    static uint8_t jpeg[1 << 20];
    fake->jpeg = jpeg;
    fake->jpeg_size = fread(jpeg, 1, sizeof(jpeg), file);
    fclose(file);
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 10);
    assert_int_equal(counter(&rig, STATS_FRAMES_BAD), 0);
    pthread_mutex_lock(&fake->lock);
    fake->jpeg_size /= 2; // from now on cut off in the middle
    pthread_mutex_unlock(&fake->lock);
    wait_for(&rig, STATS_FRAMES_BAD, 10);
    uint64_t published = counter(&rig, STATS_FRAMES_PUBLISHED);
    wait_for(&rig, STATS_FRAMES_BAD, 20);
    assert_int_equal(counter(&rig, STATS_FRAMES_PUBLISHED), published);
    rig_stop(&rig);
}

// ---- lost and found --------------------------------------------------------

static void test_fatal_error(void **state)
{
    (void)state;
    struct rig rig;
    struct source_status status;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 5);
    pthread_mutex_lock(&fake->lock);
    fake->fatal_dequeues = 1;
    pthread_mutex_unlock(&fake->lock);
    wait_state(&rig, SOURCE_WAITING, &status);
    assert_non_null(strstr(status.trouble.reason, "fatal error"));
    uint64_t took = wait_state(&rig, SOURCE_RUNNING, &status);
    assert_true(took < 1500);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 5);
    rig_stop(&rig);
}

// What somebody has to change is called failed, tried again all the same, and runs once it is
// changed.
static void test_failed(void **state)
{
    (void)state;
    struct rig rig;
    struct source_status status;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    fake->fail_request = VIDIOC_STREAMON;
    fake->fail_status = -ENOSPC;
    rig_start(&rig, &config);
    wait_state(&rig, SOURCE_FAILED, &status);
    assert_non_null(strstr(status.trouble.hint, "USB"));
    pthread_mutex_lock(&fake->lock);
    fake->fail_status = -EBUSY; // that passes by itself
    pthread_mutex_unlock(&fake->lock);
    wait_state(&rig, SOURCE_WAITING, &status);
    pthread_mutex_lock(&fake->lock);
    fake->fail_request = 0;
    pthread_mutex_unlock(&fake->lock);
    wait_state(&rig, SOURCE_RUNNING, &status);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 5);
    rig_stop(&rig);
}

static void test_unplug(void **state)
{
    (void)state;
    struct rig rig;
    struct source_status status;
    struct ring_record before, after;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 5);
    pthread_mutex_lock(&fake->lock);
    fake->unplugged = true;
    pthread_mutex_unlock(&fake->lock);
    wait_state(&rig, SOURCE_WAITING, &status);
    assert_true(stream_last_record(rig.stream, &before));
    nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL); // its back-off grows
    source_get_status(rig.source, &status);
    assert_int_equal(status.state, SOURCE_WAITING);
    assert_non_null(strstr(status.trouble.reason, "No such file"));
    pthread_mutex_lock(&fake->lock);
    fake->unplugged = false;
    pthread_mutex_unlock(&fake->lock);
    source_wake(rig.source); // as hotplug does
    uint32_t naps = wait_state(&rig, SOURCE_RUNNING, &status);
    assert_true(naps < 400); // not when the back-off is over
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 5);
    assert_true(stream_last_record(rig.stream, &after));
    assert_true(after.frame > before.frame); // numbers go on although the driver began at 0 again
    rig_stop(&rig);
}

static void test_auto(void **state)
{
    (void)state;
    static const struct fake_mode bayer[] = {{V4L2_PIX_FMT_SBGGR8, 640, 480, 90}, {0, 0, 0, 0}};
    struct rig rig;
    struct source_status status;
    struct config_source config = camera_config("auto", 640, 480, 30, "auto");
    fake_add("/dev/video0", plain)->caps = V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING;
    fake_add("/dev/video1", plain)->driver = "bcm2835-isp";
    fake_add("/dev/video2", bayer);
    fake_add("/dev/video3", plain)->caps = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING;
    struct fake_camera *busy = fake_add("/dev/video4", plain);
    busy->fail_request = VIDIOC_STREAMON;
    busy->fail_status = -EBUSY;
    struct fake_camera *good = fake_add("/dev/video5", plain);
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 5);
    source_get_status(rig.source, &status);
    assert_non_null(strstr(status.text, "/dev/video5 640x480 YUYV"));
    pthread_mutex_lock(&good->lock);
    good->unplugged = true;
    pthread_mutex_unlock(&good->lock);
    wait_state(&rig, SOURCE_WAITING, &status);
    // back from its holder: the other camera is taken
    pthread_mutex_lock(&busy->lock);
    busy->fail_request = 0;
    pthread_mutex_unlock(&busy->lock);
    wait_state(&rig, SOURCE_RUNNING, &status);
    assert_non_null(strstr(status.text, "/dev/video4"));
    rig_stop(&rig);
}

static void test_auto_without_camera(void **state)
{
    (void)state;
    struct rig rig;
    struct source_status status;
    struct config_source config = camera_config("auto", 640, 480, 30, "auto");
    rig_start(&rig, &config);
    wait_state(&rig, SOURCE_WAITING, &status);
    assert_string_equal(status.trouble.reason, "no camera found");
    rig_stop(&rig);
}

// A camera that offers only what we do not read is opened once more through the converting calls.
static int converting_open(const char *path)
{
    int fd = fake_open(path);
    if (fd >= 0)
        fakes[fd - FAKE_FD].modes = plain;
    return fd;
}

static void test_converted(void **state)
{
    (void)state;
    static const struct fake_mode bayer[] = {{V4L2_PIX_FMT_SBGGR8, 640, 480, 90}, {0, 0, 0, 0}};
    struct v4l2_device_ops converting = fake_ops;
    struct rig rig;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    converting.open = converting_open;
    v4l2_device_fallback = &converting;
    fake_add("/dev/video0", bayer);
    rig_start(&rig, &config);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, 5);
    rig_stop(&rig);
    v4l2_device_fallback = NULL;
}

static void test_remark(void **state)
{
    (void)state;
    struct config_source config = camera_config("/dev/video0", 800, 600, 60, "auto");
    struct source_trouble trouble = {0};
    char text[300] = "";
    void *self;
    fake_add("/dev/video0", plain);
    assert_int_equal(source_v4l2.open(&config, NULL, -1, &self, &trouble), 0);
    source_v4l2.remark(self, text, sizeof(text));
    assert_non_null(strstr(text, "nearest to what was asked: /dev/video0 640x480 YUYV"));
    source_v4l2.close(self);
    config = camera_config("/dev/video0", 640, 480, 30, "auto");
    text[0] = '\0';
    assert_int_equal(source_v4l2.open(&config, NULL, -1, &self, &trouble), 0);
    source_v4l2.remark(self, text, sizeof(text));
    assert_string_equal(text, "");
    source_v4l2.close(self);
}

// Two streams share a camera; one of them is taken away while it runs.
static void test_shared(void **state)
{
    (void)state;
    struct rig rig;
    struct stream *other;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    fake_add("/dev/video0", plain);
    rig_start(&rig, &config);
    assert_int_equal(stream_create(&rig.stream->config, network_ref(rig.stream->network), &other),
                     0);
    stream_tune(other, 2, 2);
    assert_int_equal(pool_attach(rig.pool, other, rig.source), 0);
    struct rig second = {.stream = other};
    wait_for(&second, STATS_FRAMES_PUBLISHED, 20);
    pool_detach(rig.pool, other);
    while (!stream_is_idle(other))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    stream_destroy(other);
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 20);
    rig_stop(&rig);
}

// The camera was asked for this rate and, for the others to see, says that it gives it.
static void await_rate(const struct rig *rig, struct fake_camera *fake, double fps,
                       const char *text)
{
    struct source_status status;
    for (int i = 0; i < 12000; i++) {
        source_get_status(rig->source, &status);
        pthread_mutex_lock(&fake->lock);
        bool asked = fake->asked_fps > fps - 0.01 && fake->asked_fps < fps + 0.01;
        pthread_mutex_unlock(&fake->lock);
        if (asked && strstr(status.text, text) && status.asked_fps == fps)
            return;
        usleep(5000);
    }
    fail_msg("asked for %g, not %g: %s", fake->asked_fps, fps, status.text);
}

// Where max_fps leaves no use for more, the camera is told; other frames than wanted are let go.
static void test_max_fps(void **state)
{
    (void)state;
    struct rig rig;
    struct stream *other;
    struct config_source config = camera_config("/dev/video0", 640, 480, 30, "auto");
    struct fake_camera *fake = fake_add("/dev/video0", plain);
    fake->has_rates = true;
    rig_start(&rig, &config);
    await_rate(&rig, fake, 30, " 30 fps");
    assert_int_equal(fake->opens, 1);
    source_retune(rig.source); // nothing has changed
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 20);
    assert_int_equal(fake->opens, 1);
    assert_int_equal(counter(&rig, STATS_FRAMES_SKIPPED), 0);
    uint64_t dropped = counter(&rig, STATS_FRAMES_DROPPED);
    pool_set_max_fps(rig.pool, rig.stream, 12.5, 12.5);
    source_retune(rig.source);
    await_rate(&rig, fake, 12.5, " 12.5 fps");
    // this one gives 200 all the same
    wait_for(&rig, STATS_FRAMES_SKIPPED, 30);
    assert_true(counter(&rig, STATS_FRAMES_SKIPPED) >
                counter(&rig, STATS_FRAMES_DROPPED) - dropped);
    // a moment's limit is nothing to tell the camera
    pool_set_max_fps(rig.pool, rig.stream, 12.5, 5);
    source_retune(rig.source);
    wait_for(&rig, STATS_FRAMES_SKIPPED, counter(&rig, STATS_FRAMES_SKIPPED) + 30);
    assert_true(fake->asked_fps > 12);
    // a second stream wants all of them
    assert_int_equal(stream_create(&rig.stream->config, network_ref(rig.stream->network), &other),
                     0);
    stream_tune(other, 2, 2);
    assert_int_equal(pool_attach(rig.pool, other, rig.source), 0);
    source_retune(rig.source);
    await_rate(&rig, fake, 30, " 30 fps");
    pool_detach(rig.pool, other);
    while (!stream_is_idle(other))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    stream_destroy(other);
    rig_stop(&rig);
    assert_int_equal(fake->opens, fake->closes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_choice, setup),
        cmocka_unit_test_setup(test_choice_other_lists, setup),
        cmocka_unit_test_setup(test_refusals, setup),
        cmocka_unit_test_setup(test_hints, setup),
        cmocka_unit_test_setup(test_formats_hint, setup),
        cmocka_unit_test_setup(test_every_failure, setup),
        cmocka_unit_test_setup(test_frames_flow, setup),
        cmocka_unit_test_setup(test_multi_planar, setup),
        cmocka_unit_test_setup(test_bad_frames, setup),
        cmocka_unit_test_setup(test_jpeg, setup),
        cmocka_unit_test_setup(test_fatal_error, setup),
        cmocka_unit_test_setup(test_failed, setup),
        cmocka_unit_test_setup(test_unplug, setup),
        cmocka_unit_test_setup(test_auto, setup),
        cmocka_unit_test_setup(test_auto_without_camera, setup),
        cmocka_unit_test_setup(test_shared, setup),
        cmocka_unit_test_setup(test_max_fps, setup),
        cmocka_unit_test_setup(test_converted, setup),
        cmocka_unit_test_setup(test_remark, setup),
        cmocka_unit_test_setup(test_refused_buffers, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
