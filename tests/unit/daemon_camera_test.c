// SPDX-License-Identifier: Apache-2.0
//
// Cameras: what becomes of the stream while they run, misbehave, go and come back. The whole path
// runs (capture thread, workers, a small model, the ring); only the device calls are a double.

#include <unistd.h>

#include "tests/unit/daemon_camera_rig.h"

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
    source_wake(rig.source); // as hotplug does (daemon_hotplug_test)
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
        cmocka_unit_test_setup(test_refused_buffers, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
