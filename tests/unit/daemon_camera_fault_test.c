// SPDX-License-Identifier: Apache-2.0
//
// Cameras whose driver fails. Every call of a camera's life fails once with every error that
// drivers give. After each: a reason or good frames, nothing left open or mapped, no buffer given
// back twice, and the same camera works again.

#include "tests/unit/daemon_camera_life.h"

#define CALLS 200 // more than a life makes

static const int errors[] = {-EBUSY,  -ENOSPC, -EINVAL, -ENODEV, -EIO,      -ENOMEM,
                             -EAGAIN, -EACCES, -EPIPE,  -ENOTTY, -ETIMEDOUT};
#define ERROR_COUNT (sizeof(errors) / sizeof(errors[0]))

// ---- every call fails ------------------------------------------------------

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_call, setup),
        cmocka_unit_test_setup(test_no_signal, setup),
        cmocka_unit_test_setup(test_every_loss, setup),
        cmocka_unit_test_setup(test_backoff, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
