// SPDX-License-Identifier: Apache-2.0
//
// Opening a camera: what is chosen among what it offers, what is refused, and what is said then. No
// stream runs; the device calls are a double.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/device_holder.h"
#include "daemon/v4l2_hint.h"
#include "daemon/v4l2_node.h"
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

// What is not as it was asked for is said.
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

// ---- refused -------------------------------------------------------------

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_choice, setup),
        cmocka_unit_test_setup(test_choice_other_lists, setup),
        cmocka_unit_test_setup(test_remark, setup),
        cmocka_unit_test_setup(test_refusals, setup),
        cmocka_unit_test_setup(test_hints, setup),
        cmocka_unit_test_setup(test_formats_hint, setup),
        cmocka_unit_test_setup(test_every_failure, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
