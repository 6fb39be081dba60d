// SPDX-License-Identifier: Apache-2.0
//
// Cameras whose driver fails or lies. Every call of a camera's life fails once with every error
// that drivers give; every number that a driver answers is nonsense once. After each: a reason or
// good frames, nothing left open or mapped, no buffer given back twice, and the same camera works
// again.

#include "tests/unit/daemon_camera_rig.h"

#define NODE "/dev/video0"
#define FRAMES 4  // good ones that a life wants
#define TRIES 60  // frames and waits until it gives up
#define CALLS 200 // more than a life makes

static const int errors[] = {-EBUSY,  -ENOSPC, -EINVAL, -ENODEV, -EIO,      -ENOMEM,
                             -EAGAIN, -EACCES, -EPIPE,  -ENOTTY, -ETIMEDOUT};
#define ERROR_COUNT (sizeof(errors) / sizeof(errors[0]))

// ---- one life --------------------------------------------------------------

struct life {
    int status; // of what ended it early; 0
    int good, bad;
    struct source_trouble trouble;
    unsigned sum; // of pixels, so that every byte of a good frame was read
};

static unsigned read_pixels(const struct image *image)
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

static void take_frames(void *camera, struct life *life)
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

// Opened, a few frames, closed; without threads, so that the calls are the same each time.
static struct life live(const char *format)
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

static void check_works(const char *what)
{
    struct life life = live("auto");
    if (life.status < 0 || life.good != FRAMES || life.bad)
        fail_msg("after %s: %d, %d good, %d bad: %s", what, life.status, life.good, life.bad,
                 life.trouble.reason);
}

// ---- every call fails ------------------------------------------------------

static const struct fake_mode small[] = {{V4L2_PIX_FMT_YUYV, 64, 48, 30}, {0, 0, 0, 0}};
static const struct fake_mode small_planes[] = {{V4L2_PIX_FMT_NV12M, 64, 48, 30}, {0, 0, 0, 0}};
static const struct fake_mode small_jpeg[] = {{V4L2_PIX_FMT_MJPEG, 64, 48, 30}, {0, 0, 0, 0}};
// For a camera nothing but a row of bytes: workers decode.
static const uint8_t some_jpeg[500] = {0xff, 0xd8, 0xff};

static struct fake_camera *add_small(int kind)
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

// Without these there is no picture; the others a camera can do without.
static bool is_needed(unsigned long request)
{
    static const unsigned long needed[] = {
        FAKE_OPEN,      FAKE_MMAP,       FAKE_POLL,       VIDIOC_QUERYCAP, VIDIOC_S_FMT,
        VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_STREAMON, VIDIOC_DQBUF,    VIDIOC_ENUM_FMT};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (needed[i] == request)
            return true;
    return false;
}

static void judge(unsigned long request, int error, const struct life *life)
{
    bool again = request == VIDIOC_DQBUF && error == -EAGAIN;
    // the end of the list of formats is an error, too; a signal's absence ends the opening
    bool may_end = request == VIDIOC_QBUF || request == VIDIOC_ENUM_FMT ||
                   request == VIDIOC_S_DV_TIMINGS || request == VIDIOC_ENUM_FRAMESIZES ||
                   (request == FAKE_POLL && error == -EAGAIN);
    if (life->status == 0)
        assert_int_equal(life->good, FRAMES);
    if (may_end && request != VIDIOC_ENUM_FMT && life->status == 0)
        return;
    if (request == VIDIOC_ENUM_FMT || request == VIDIOC_ENUM_FRAMESIZES)
        assert_true(life->status == 0 || life->status == -ENOTSUP);
    else if (request == VIDIOC_S_DV_TIMINGS)
        assert_true(error == -EBUSY && life->status == -EBUSY);
    else if (request == VIDIOC_QBUF)
        assert_int_equal(life->status, error);
    else if (is_needed(request) && !again)
        assert_int_equal(life->status, error);
    else
        assert_int_equal(life->status, 0);
    assert_int_equal(life->bad, 0);
}

static void test_every_call(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        for (size_t e = 0; e < ERROR_COUNT; e++) {
            unsigned reached = 0;
            for (int n = 1; n < CALLS; n++) {
                struct fake_camera *fake = add_small(kind);
                fake->fail_at = n;
                fake->fail_status = errors[e];
                struct life life = live("auto");
                if (!fake->failed)
                    break; // a whole life without that many calls
                reached++;
                judge(fake->failed, errors[e], &life);
                check_works("a call that failed");
            }
            assert_in_range(reached, 40, CALLS - 2);
        }
    }
}

// What a cable without a picture says.
static void test_no_signal(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *reason;
    } rows[] = {{-ENOLINK, "no signal"}, {-ENOLCK, "unstable signal"}, {-ERANGE, "out of range"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_camera *fake = add_small(0);
        fake->fail_request = VIDIOC_QUERY_DV_TIMINGS;
        fake->fail_once = true;
        fake->fail_status = rows[i].error;
        struct life life = live("auto");
        assert_int_equal(life.status, rows[i].error);
        assert_non_null(strstr(life.trouble.reason, rows[i].reason));
        assert_non_null(strstr(life.trouble.hint, "cable"));
        check_works(rows[i].reason);
    }
}

// ---- every answer is nonsense ----------------------------------------------

enum outcome {
    FINE,    // as if nothing had been
    BAD,     // these frames are counted as bad, the next ones are good
    REFUSED, // the camera is not used, with a reason
    LOST,    // the stream ends, with a reason
};

struct lie {
    unsigned long request;
    size_t at;      // of the number in the answer …
    bool in_plane;  // … or in the first plane of a buffer
    uint32_t value; // put in its place
    enum outcome outcome;
    const char *reason;
    int kind;  // of camera
    int times; // so many answers, 0 = all
};

#define PIX(field) offsetof(struct v4l2_format, fmt.pix.field)
#define PLANES(field) offsetof(struct v4l2_format, fmt.pix_mp.field)
#define BUFFER(field) offsetof(struct v4l2_buffer, field)
#define PLANE(field) offsetof(struct v4l2_plane, field)
#define SIZE(field) offsetof(struct v4l2_frmsizeenum, field)
#define RATE(field) offsetof(struct v4l2_frmivalenum, field)
#define PARM(field) offsetof(struct v4l2_streamparm, parm.capture.field)
#define UNREAD "a format that can not be read"
#define NO_FRAME "hold no frame"

static const struct lie lies[] = {
    // the node
    {VIDIOC_QUERYCAP, offsetof(struct v4l2_capability, device_caps), false, 0, REFUSED,
     "does not capture", 0, 0},
    {VIDIOC_QUERYCAP, offsetof(struct v4l2_capability, device_caps), false, UINT32_MAX, REFUSED,
     "codec", 0, 0},
    {VIDIOC_QUERYCAP, offsetof(struct v4l2_capability, driver), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_ENUMINPUT, offsetof(struct v4l2_input, name), false, UINT32_MAX, FINE, "", 0, 0},
    // lists of formats, sizes and rates that are empty, endless, or absurd
    {VIDIOC_ENUM_FMT, offsetof(struct v4l2_fmtdesc, pixelformat), false, 0, REFUSED,
     "no usable pixel format", 0, 0},
    {VIDIOC_ENUM_FMT, offsetof(struct v4l2_fmtdesc, pixelformat), false, UINT32_MAX, REFUSED,
     "it offers ????", 0, 0},
    {VIDIOC_ENUM_FMT, offsetof(struct v4l2_fmtdesc, pixelformat), false, V4L2_PIX_FMT_NV12M,
     REFUSED, "no usable", 0, 0},
    {VIDIOC_ENUM_FRAMESIZES, SIZE(discrete.width), false, 0, REFUSED, "no usable pixel format", 0,
     0},
    {VIDIOC_ENUM_FRAMESIZES, SIZE(discrete.width), false, UINT32_MAX, REFUSED,
     "no usable pixel format", 0, 0},
    {VIDIOC_ENUM_FRAMESIZES, SIZE(discrete.height), false, 0x7fffffff, REFUSED, UNREAD, 0, 0},
    {VIDIOC_ENUM_FRAMESIZES, SIZE(type), false, 77, REFUSED, "no usable pixel format", 0, 0},
    {VIDIOC_ENUM_FRAMEINTERVALS, RATE(discrete.numerator), false, 0, FINE, "", 0, 0},
    {VIDIOC_ENUM_FRAMEINTERVALS, RATE(discrete.denominator), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_ENUM_FRAMEINTERVALS, RATE(type), false, 77, FINE, "", 0, 0},
    // what was set
    {VIDIOC_S_FMT, PIX(width), false, 0, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(width), false, UINT32_MAX, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(width), false, 20000, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(width), false, 16384, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_S_FMT, PIX(height), false, 0, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(height), false, 0x80000000, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(height), false, 16384, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_S_FMT, PIX(pixelformat), false, 0, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(pixelformat), false, V4L2_PIX_FMT_NV12M, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(pixelformat), false, V4L2_PIX_FMT_YUV420M, REFUSED, UNREAD, 0, 0},
    {VIDIOC_S_FMT, PIX(bytesperline), false, 127, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_S_FMT, PIX(bytesperline), false, UINT32_MAX, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_S_FMT, PIX(bytesperline), false, 0x7fffffff, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_S_FMT, PIX(bytesperline), false, 4096, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_S_FMT, PIX(sizeimage), false, 0, FINE, "", 0, 0},
    {VIDIOC_S_FMT, PIX(sizeimage), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_S_FMT, PIX(colorspace), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_S_FMT, PLANES(num_planes), false, UINT32_MAX, REFUSED, UNREAD, 1, 0},
    {VIDIOC_S_FMT, PLANES(pixelformat), false, V4L2_PIX_FMT_YUV420M, REFUSED, UNREAD, 1, 0},
    {VIDIOC_S_FMT, PLANES(plane_fmt[1].bytesperline), false, 3, REFUSED, NO_FRAME, 1, 0},
    {VIDIOC_S_FMT, PLANES(plane_fmt[1].bytesperline), false, UINT32_MAX, REFUSED, NO_FRAME, 1, 0},
    {VIDIOC_S_FMT, PIX(width), false, 16384, FINE, "", 2, 0}, // a JPEG has its own size
    {VIDIOC_G_FMT, PIX(priv), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_G_PARM, PARM(capability), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_S_PARM, PARM(timeperframe.numerator), false, 0, FINE, "", 0, 0},
    {VIDIOC_S_PARM, PARM(timeperframe.numerator), false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_S_PARM, PARM(timeperframe.denominator), false, 0, FINE, "", 0, 0},
    {VIDIOC_S_PARM, PARM(timeperframe.denominator), false, UINT32_MAX, FINE, "", 0, 0},
    // buffers
    {VIDIOC_REQBUFS, offsetof(struct v4l2_requestbuffers, count), false, 0, REFUSED,
     "gives no buffers", 0, 0},
    {VIDIOC_REQBUFS, offsetof(struct v4l2_requestbuffers, count), false, 1, REFUSED,
     "gives no buffers", 0, 0},
    {VIDIOC_REQBUFS, offsetof(struct v4l2_requestbuffers, count), false, 9, REFUSED,
     "buffer 4: Invalid", 0, 0},
    {VIDIOC_REQBUFS, offsetof(struct v4l2_requestbuffers, count), false, UINT32_MAX, REFUSED,
     "buffer 4: Invalid", 0, 0},
    {VIDIOC_QUERYBUF, BUFFER(length), false, 0, REFUSED, "can not map buffer 0", 0, 0},
    {VIDIOC_QUERYBUF, BUFFER(length), false, UINT32_MAX, REFUSED, "can not map buffer 0", 0, 0},
    {VIDIOC_QUERYBUF, BUFFER(length), false, 64 * 48 * 2 - 1, REFUSED, NO_FRAME, 0, 0},
    {VIDIOC_QUERYBUF, BUFFER(m.offset), false, UINT32_MAX, REFUSED, "can not map buffer 0", 0, 0},
    {VIDIOC_QUERYBUF, BUFFER(m.offset), false, 0, REFUSED, "can not map buffer 1", 0, 0},
    {VIDIOC_QUERYBUF, PLANE(length), true, 0, REFUSED, "can not map buffer 0", 1, 0},
    {VIDIOC_QUERYBUF, PLANE(length), true, 64 * 48 - 1, REFUSED, NO_FRAME, 1, 0},
    {VIDIOC_QUERYBUF, BUFFER(length), false, 77, FINE, "", 1,
     0}, // of planes, which the format tells
    // frames
    {VIDIOC_DQBUF, BUFFER(index), false, 4, LOST, "did not have", 0, 1},
    {VIDIOC_DQBUF, BUFFER(index), false, 32, LOST, "did not have", 0, 1},
    {VIDIOC_DQBUF, BUFFER(index), false, UINT32_MAX, LOST, "did not have", 0, 1},
    {VIDIOC_DQBUF, BUFFER(bytesused), false, 0, BAD, "", 0, 2},
    {VIDIOC_DQBUF, BUFFER(bytesused), false, 64 * 48 * 2 - 1, BAD, "", 0, 2},
    {VIDIOC_DQBUF, BUFFER(bytesused), false, 64 * 48 * 4 + 1, BAD, "", 0, 2}, // of 64 x 48 x 4
    {VIDIOC_DQBUF, BUFFER(bytesused), false, UINT32_MAX, BAD, "", 0, 2},
    {VIDIOC_DQBUF, BUFFER(bytesused), false, 0, BAD, "", 2, 2},
    {VIDIOC_DQBUF, BUFFER(bytesused), false, sizeof(some_jpeg) + 101, BAD, "", 2, 2},
    {VIDIOC_DQBUF, BUFFER(bytesused), false, UINT32_MAX, FINE, "", 1, 2}, // planes have their own
    {VIDIOC_DQBUF, BUFFER(length), false, UINT32_MAX, FINE, "", 0, 2},
    {VIDIOC_DQBUF, BUFFER(length), false, UINT32_MAX, FINE, "", 1, 2},
    {VIDIOC_DQBUF, PLANE(bytesused), true, 0, BAD, "", 1, 2},
    {VIDIOC_DQBUF, PLANE(bytesused), true, UINT32_MAX, BAD, "", 1, 2},
    {VIDIOC_DQBUF, PLANE(data_offset), true, 1, BAD, "", 1, 2},
    {VIDIOC_DQBUF, PLANE(data_offset), true, UINT32_MAX, BAD, "", 1, 2},
    {VIDIOC_DQBUF, BUFFER(flags), false, UINT32_MAX, BAD, "", 0, 2},
    {VIDIOC_DQBUF, BUFFER(sequence), false, UINT32_MAX, FINE, "", 0, 2},
    {VIDIOC_DQBUF, BUFFER(timestamp.tv_sec), false, 0x7fffffff, FINE, "", 0, 0},
    {VIDIOC_DQBUF, BUFFER(timestamp.tv_sec) + 4, false, UINT32_MAX, FINE, "", 0, 0},
    {VIDIOC_DQBUF, BUFFER(timestamp.tv_sec), false, 0, FINE, "", 0, 0},
    {VIDIOC_DQBUF, BUFFER(timestamp.tv_usec) + 4, false, UINT32_MAX, FINE, "", 0, 0},
};

static const struct lie *lie;
static int lies_left;

static int tell_lie(struct fake_camera *fake, unsigned long request, void *argument, int status)
{
    (void)fake;
    if (status < 0 || request != lie->request || lies_left == 0)
        return status;
    lies_left--;
    uint8_t *answer =
        lie->in_plane ? (uint8_t *)((struct v4l2_buffer *)argument)->m.planes : argument;
    memcpy(answer + lie->at, &lie->value, sizeof(lie->value));
    return status;
}

static void check_lie(int row, struct life life)
{
    static const char *const names[] = {"fine", "bad frames", "refused", "lost"};
    bool right = lie->outcome == FINE ? life.status == 0 && life.good == FRAMES && life.bad == 0
                 : lie->outcome == BAD
                     ? life.status == 0 && life.good == FRAMES && life.bad == lie->times
                     : life.status < 0 && (lie->outcome == LOST || life.good == 0) &&
                           strstr(life.trouble.reason, lie->reason);
    if (!right)
        fail_msg("lie %d (%u): status %d, %d good, %d bad, reason '%s'; expected: %s %s", row,
                 lie->value, life.status, life.good, life.bad, life.trouble.reason,
                 names[lie->outcome], lie->reason);
}

static void test_every_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lie = &lies[i];
        lies_left = lie->times ? lie->times : -1;
        struct fake_camera *fake = add_small(lie->kind);
        fake->twist = tell_lie;
        check_lie((int)i, live("auto"));
        assert_true(lies_left < 1); // it was told
        fake->twist = NULL;
        check_works("a lie");
    }
}

// Lists that never end, and sizes in steps that make no sense.
static uint32_t steps[6]; // min, max, step of width and of height

static int endless(struct fake_camera *fake, unsigned long request, void *argument, int status)
{
    (void)fake;
    if (request == VIDIOC_ENUM_FRAMESIZES) {
        struct v4l2_frmsizeenum *one = argument;
        one->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        one->discrete.width = one->discrete.height = 16 + one->index;
        return 0;
    }
    if (request == VIDIOC_ENUM_FRAMEINTERVALS) {
        struct v4l2_frmivalenum *one = argument;
        one->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        one->discrete = (struct v4l2_fract){1, one->index};
        return 0;
    }
    if (request == VIDIOC_ENUM_FMT) {
        ((struct v4l2_fmtdesc *)argument)->pixelformat = V4L2_PIX_FMT_YUYV;
        return 0;
    }
    return status;
}

static int odd_steps(struct fake_camera *fake, unsigned long request, void *argument, int status)
{
    (void)fake;
    if (request == VIDIOC_ENUM_FRAMESIZES) {
        struct v4l2_frmsizeenum *one = argument;
        one->type = V4L2_FRMSIZE_TYPE_STEPWISE;
        memcpy(&one->stepwise, steps, sizeof(steps));
        return 0;
    }
    return status;
}

static void test_endless_lists(void **state)
{
    (void)state;
    static const uint32_t odd[] = {0, 1, 64, 0x7fffffff, UINT32_MAX};
    struct fake_camera *fake = add_small(0);
    fake->twist = endless;
    struct life life = live("auto");
    assert_int_equal(life.status, 0);
    assert_int_equal(life.good, FRAMES);
    fake->twist = odd_steps;
    for (int i = 0; i < 125; i++) {
        const uint32_t row[6] = {odd[i % 5], odd[i / 5 % 5], odd[i / 25],
                                 odd[i % 5], odd[i / 5 % 5], odd[i / 25]};
        memcpy(steps, row, sizeof(steps));
        life = live("auto");
        assert_true(life.status == -ENOTSUP || life.good == FRAMES);
    }
    fake->twist = NULL;
    check_works("odd steps");
}

// A buffer that a worker is reading comes once more: its pixels stay that worker's.
static int hand_out_first(struct fake_camera *fake, unsigned long request, void *argument,
                          int status)
{
    (void)fake;
    if (request == VIDIOC_DQBUF && status == 0)
        ((struct v4l2_buffer *)argument)->index = 0;
    return status;
}

static void test_buffer_twice(void **state)
{
    (void)state;
    struct config_source config = camera_config(NODE, 64, 48, 30, "auto");
    struct source_trouble trouble = {0};
    struct frame *held, *frame;
    void *camera;
    add_small(0)->twist = hand_out_first;
    assert_int_equal(source_v4l2.open(&config, NULL, -1, &camera, &trouble), 0);
    assert_int_equal(source_v4l2.next(camera, 100, &held, &trouble), 0);
    struct image before = held->image;
    uint64_t number = held->number;
    assert_int_equal(source_v4l2.next(camera, 100, &frame, &trouble), -EPROTO);
    assert_non_null(strstr(trouble.reason, "did not have"));
    assert_memory_equal(&held->image, &before, sizeof(before));
    assert_int_equal(held->number, number);
    source_v4l2.release(camera, held);
    source_v4l2.close(camera);
}

// Ready and nothing there, an event and none there: waiting, not spinning.
static void test_ready_with_nothing(void **state)
{
    (void)state;
    static const short noises[] = {POLLIN, POLLPRI, POLLIN | POLLPRI};
    struct config_source config = camera_config(NODE, 64, 48, 30, "auto");
    struct source_trouble trouble = {0};
    struct fake_camera *fake = add_small(0);
    struct frame *frame;
    void *camera;
    assert_int_equal(source_v4l2.open(&config, NULL, -1, &camera, &trouble), 0);
    for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
        fake->due_ms = UINT64_MAX; // never
        fake->poll_noise = noises[i];
        uint64_t begin = fake_ms();
        for (int n = 0; n < 20; n++)
            assert_int_equal(source_v4l2.next(camera, 100, &frame, &trouble), -EAGAIN);
        assert_true(fake_ms() - begin >= 15);
        fake->due_ms = 0; // and a frame among the noise is seen
        assert_int_equal(source_v4l2.next(camera, 100, &frame, &trouble), 0);
        source_v4l2.release(camera, frame);
    }
    source_v4l2.close(camera);
}

// ---- the whole path --------------------------------------------------------

// Pokes the source out of its back-off until its status says so.
static void wait_reason(const struct rig *rig, const char *reason)
{
    struct source_status status;
    uint64_t begin = fake_ms();
    do {
        source_wake(rig->source);
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        source_get_status(rig->source, &status);
    } while (!strstr(status.trouble.reason, reason) && fake_ms() - begin < 60000);
    if (!strstr(status.trouble.reason, reason))
        fail_msg("'%s' does not say '%s'", status.trouble.reason, reason);
    assert_true(status.state == SOURCE_WAITING || status.state == SOURCE_FAILED);
}

static void set_fault(struct fake_camera *fake, unsigned long request, int error)
{
    pthread_mutex_lock(&fake->lock);
    fake->fail_request = request;
    fake->fail_status = error;
    fake->fail_after = 0;
    fake->fatal_dequeues = request && request != VIDIOC_DQBUF && request != FAKE_POLL;
    pthread_mutex_unlock(&fake->lock);
}

// While a stream runs the camera is lost and does not come back, for every reason there is: the
// status says which, nothing is published, and when it has passed frames come as before.
static void test_every_loss(void **state)
{
    (void)state;
    static const unsigned long requests[] = {FAKE_OPEN,       VIDIOC_QUERYCAP, VIDIOC_S_FMT,
                                             VIDIOC_REQBUFS,  VIDIOC_QUERYBUF, FAKE_MMAP,
                                             VIDIOC_STREAMON, VIDIOC_DQBUF,    FAKE_POLL};
    static const int losses[] = {-ENOSPC, -EINVAL, -ENODEV, -EIO, -ENOMEM, -EACCES};
    struct rig rig;
    struct source_status status;
    struct config_source config = camera_config(NODE, 64, 48, 30, "auto");
    struct fake_camera *fake = add_small(0);
    fake->period_ms = 1;
    rig_start(&rig, &config);
    for (size_t r = 0; r < sizeof(requests) / sizeof(requests[0]); r++) {
        for (size_t e = 0; e < sizeof(losses) / sizeof(losses[0]); e++) {
            bool streaming = requests[r] == VIDIOC_DQBUF || requests[r] == FAKE_POLL;
            const char *reason = requests[r] == VIDIOC_QUERYCAP      ? "not a video device"
                                 : streaming && losses[e] == -ENODEV ? "unplugged"
                                 : streaming && losses[e] == -EIO    ? "fatal error"
                                                                     : strerror(-losses[e]);
            wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 2);
            set_fault(fake, requests[r], losses[e]);
            wait_reason(&rig, reason);
            set_fault(fake, 0, 0);
            source_wake(rig.source);
            wait_state(&rig, SOURCE_RUNNING, &status);
            assert_string_equal(status.trouble.reason, "");
        }
    }
    wait_for(&rig, STATS_FRAMES_PUBLISHED, counter(&rig, STATS_FRAMES_PUBLISHED) + 5);
    assert_int_equal(counter(&rig, STATS_FRAMES_BAD), 0);
    rig_stop(&rig);
}

// A camera that fails is tried again after 100, 200, 400 … 1000 ms, and no more often.
static void test_backoff(void **state)
{
    (void)state;
    struct rig rig;
    struct config_source config = camera_config(NODE, 64, 48, 30, "auto");
    struct fake_camera *fake = add_small(0);
    uint64_t begin = fake_ms(), pause = 100;
    int most = 1;
    set_fault(fake, VIDIOC_STREAMON, -EIO);
    rig_start(&rig, &config);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 250000000}, NULL);
    source_join(rig.source);
    for (uint64_t at = pause; at <= fake_ms() - begin; at += pause) {
        most++;
        pause = pause < 500 ? 2 * pause : 1000;
    }
    assert_in_range(fake->opens, 1, most);
    rig_stop(&rig);
}

// The camera's numbers jump, stand still, go back and wrap around: ours always grow.
static const uint32_t odd_sequence[] = {
    5,          6,          9, 9, 9, 3, 4, 0, 4000000000, 4000000001, 70,         71,
    0xfffffffe, 0xffffffff, 0, 1, 3, 0, 0, 1, 0x7fffffff, 0x80000000, 0x80000001, 5};
#define ODD_COUNT (sizeof(odd_sequence) / sizeof(odd_sequence[0]))
static size_t odd_at;

static int odd_sequences(struct fake_camera *fake, unsigned long request, void *argument,
                         int status)
{
    (void)fake;
    if (request == VIDIOC_DQBUF && status == 0)
        ((struct v4l2_buffer *)argument)->sequence =
            odd_at < ODD_COUNT ? odd_sequence[odd_at]
                               : odd_sequence[ODD_COUNT - 1] + (uint32_t)(odd_at - ODD_COUNT);
    odd_at += request == VIDIOC_DQBUF && status == 0;
    return status;
}

static void test_odd_sequences(void **state)
{
    (void)state;
    struct rig rig;
    struct ring_reader reader;
    struct ring_record record;
    struct source_status status;
    struct config_source config = camera_config(NODE, 64, 48, 30, "auto");
    struct fake_camera *fake = add_small(0);
    uint64_t lost, last = 0;
    int records = 0;
    odd_at = 0;
    fake->twist = odd_sequences;
    fake->period_ms = 3;
    rig_start(&rig, &config);
    assert_int_equal(ring_reader_init(&reader, rig.stream->publisher.ring.fd, true), 0);
    wait_for(&rig, STATS_FRAMES_IN, ODD_COUNT + 10);
    while (ring_next(&reader, &record, &lost) == 0) {
        assert_true(records++ == 0 || record.frame > last);
        last = record.frame;
    }
    assert_true(records > 0);
    source_get_status(rig.source, &status);
    assert_int_equal(status.missed, 2 + 1); // 6 to 9 and 1 to 3; the others are no losses
    ring_reader_finish(&reader);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_call, setup),
        cmocka_unit_test_setup(test_no_signal, setup),
        cmocka_unit_test_setup(test_every_answer, setup),
        cmocka_unit_test_setup(test_endless_lists, setup),
        cmocka_unit_test_setup(test_buffer_twice, setup),
        cmocka_unit_test_setup(test_ready_with_nothing, setup),
        cmocka_unit_test_setup(test_every_loss, setup),
        cmocka_unit_test_setup(test_backoff, setup),
        cmocka_unit_test_setup(test_odd_sequences, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
