// SPDX-License-Identifier: Apache-2.0
//
// Cameras whose driver lies. Every number that it answers is nonsense once. After each: a reason or
// good frames, no byte outside of a buffer read, nothing left open or mapped, no buffer given back
// twice, and the same camera works again.

#include "tests/unit/daemon_camera_life.h"

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
        cmocka_unit_test_setup(test_every_answer, setup),
        cmocka_unit_test_setup(test_endless_lists, setup),
        cmocka_unit_test_setup(test_buffer_twice, setup),
        cmocka_unit_test_setup(test_ready_with_nothing, setup),
        cmocka_unit_test_setup(test_odd_sequences, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
