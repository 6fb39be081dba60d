// SPDX-License-Identifier: Apache-2.0

#include "daemon/source.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/pool.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 1000
#define NEXT_WAIT_MS 200
#define SILENCE_NS                                                                                 \
    (3 * CLOCK_NS_PER_S) // a running camera that gives nothing that long is opened anew …
#define CAMERA_FPS 30.0 // where the settings leave it open
#define REOPEN 2        // not lost, but to be opened anew at once
#define SILENCE_FRAMES 3 // … but a slow one has time for so many frames
#define LEFT_OUT_MAX 10000 // no camera loses more before that; a farther leap is another count

struct source {
    struct config_source config;
    const struct source_kind *kind;
    struct pool *pool;
    void *self; // of the kind while open; set and cleared by the capture thread only when no frame
                // is out
    int wake_fd;
    pthread_t thread;
    bool joined;
    sem_t go; // posted by source_start, and by source_stop
    atomic_bool stopping, retune;
    _Atomic int32_t frames_out; // frames not yet released
    _Atomic uint64_t last_frame_ns, beat_ns;
    struct source_streams attached; // under the pool's lock
    struct log_cause cause, remark; // capture thread
    uint64_t number_next; // capture thread: frame numbers go on after the device was opened anew
    uint32_t device_next; // capture thread: the device's own number of the next frame
    _Atomic uint64_t missed; // frames that the device itself lost
    pthread_mutex_t lock;    // of what follows
    enum source_state state;
    struct source_trouble trouble;
    double asked_fps; // written by the capture thread only
    char description[544];
};

static const struct source_kind *const kinds[] = {[CONFIG_V4L2] = &source_v4l2,
                                                  [CONFIG_REPLAY] = &source_replay,
                                                  [CONFIG_PATTERN] = &source_pattern};

void frame_release(struct frame *frame)
{
    if (!frame)
        return;
    // read before the reference goes: afterwards the source may use the place for its next frame
    struct source *source = frame->source;
    if (atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) != 1)
        return;
    source->kind->release(source->self, frame);
    atomic_fetch_sub_explicit(&source->frames_out, 1, memory_order_release);
}

static void set_state(struct source *source, enum source_state state,
                      const struct source_trouble *trouble)
{
    pthread_mutex_lock(&source->lock);
    source->state = state;
    if (trouble)
        source->trouble = *trouble;
    else
        source->trouble = (struct source_trouble){0};
    if (state == SOURCE_RUNNING)
        source->kind->describe(source->self, source->description, sizeof(source->description));
    pthread_mutex_unlock(&source->lock);
}

static void beat(struct source *source)
{
    atomic_store_explicit(&source->beat_ns, clock_now_ns(), memory_order_relaxed);
}

// Sleeps at most `ms`, less when woken. Clears the wake-up.
static void pause_ms(struct source *source, int ms)
{
    struct pollfd wait = {.fd = source->wake_fd, .events = POLLIN};
    uint64_t count;
    if (poll(&wait, 1, ms) == 1 && read(source->wake_fd, &count, sizeof(count)) < 0)
        return;
}

// Gets every frame back: those waiting in mailboxes are taken out, those with a worker come soon.
static void call_back_frames(struct source *source)
{
    pool_withdraw(source->pool, source);
    while (atomic_load_explicit(&source->frames_out, memory_order_acquire) > 0) {
        struct timespec rest = {.tv_nsec = 200000};
        nanosleep(&rest, NULL);
    }
}

// Gives the frame its number in the source's life, always a higher one, and counts what the device
// left out. Devices count in 32 bits, some not at all, and some begin anew.
static void number_frame(struct source *source, struct frame *frame, bool first)
{
    uint32_t number = (uint32_t)frame->number, left_out = number - source->device_next;
    if (first || left_out > LEFT_OUT_MAX)
        left_out = 0;
    frame->number = source->number_next + left_out;
    atomic_fetch_add_explicit(&source->missed, left_out, memory_order_relaxed);
    source->number_next = frame->number + 1;
    source->device_next = number + 1;
}

// At the end of a recording the workers get the time to finish it.
static void drain(struct source *source)
{
    while (!atomic_load(&source->stopping) && !pool_is_drained(source->pool, source))
        pause_ms(source, 1);
}

static uint64_t silence_limit(const struct source *source)
{
    double fps = source->asked_fps;
    double frames = fps > 0 ? SILENCE_FRAMES * (double)CLOCK_NS_PER_S / fps : 0;
    return frames > (double)SILENCE_NS ? (uint64_t)frames : SILENCE_NS;
}

static void say_remark(struct source *source)
{
    char text[300] = "";
    if (source->kind->remark)
        source->kind->remark(source->self, text, sizeof(text));
    if (text[0])
        log_cause_say(&source->remark, LOG_LEVEL_NOTICE, "source %s: %s", source->kind->name, text);
}

// Recordings keep their own rate; a camera that gives fewer frames saves its own and the bus's work.
static double wanted_fps(struct source *source)
{
    double fps = source->config.fps;
    if (source->kind != &source_v4l2)
        return fps;
    return pool_wanted_fps(source->pool, source, fps > 0 ? fps : CAMERA_FPS);
}

static int open_kind(struct source *source, struct source_trouble *trouble)
{
    struct config_source config = source->config;
    double fps = wanted_fps(source);
    pthread_mutex_lock(&source->lock);
    source->asked_fps = fps;
    pthread_mutex_unlock(&source->lock);
    config.fps = fps;
    return source->kind->open(&config, source, source->wake_fd, &source->self, trouble);
}

static bool is_out_of_tune(struct source *source)
{
    return atomic_load_explicit(&source->retune, memory_order_relaxed) &&
           atomic_exchange(&source->retune, false) && wanted_fps(source) != source->asked_fps;
}

// Frames until the source is lost (-errno), at its end (1), to be opened anew (REOPEN), or the daemon
// stops (0).
static int run(struct source *source, struct source_trouble *trouble)
{
    uint64_t quiet_since = clock_now_ns();
    bool first = true;
    while (!atomic_load_explicit(&source->stopping, memory_order_relaxed)) {
        struct frame *frame = NULL;
        if (is_out_of_tune(source))
            return REOPEN;
        int status = source->kind->next(source->self, NEXT_WAIT_MS, &frame, trouble);
        uint64_t now = clock_now_ns();
        atomic_store_explicit(&source->beat_ns, now, memory_order_relaxed);
        if (status == 0) {
            quiet_since = now;
            number_frame(source, frame, first);
            if (first) // what opens and gives nothing is not well again
                log_cause_clear(&source->cause, "source %s: running again: %s", source->kind->name,
                                source->description);
            first = false;
            atomic_store_explicit(&source->last_frame_ns, now, memory_order_relaxed);
            atomic_fetch_add_explicit(&source->frames_out, 1, memory_order_relaxed);
            pool_offer(source->pool, source, frame);
        } else if (status == -EBADMSG) {
            quiet_since = now;
            source->number_next += !first; // it had a number, too
            source->device_next++;
            pool_count_bad(source->pool, source);
        } else if (status != -EAGAIN) {
            return status;
        } else if (source->kind == &source_v4l2 && now - quiet_since > silence_limit(source)) {
            snprintf(trouble->reason, sizeof(trouble->reason),
                     "the camera gave no frame for %.0f s",
                     (double)silence_limit(source) / CLOCK_NS_PER_S);
            snprintf(trouble->hint, sizeof(trouble->hint), "check cable and signal; opened anew");
            return -ETIMEDOUT;
        }
    }
    return 0;
}

// Does it pass without anybody touching settings, rights or the camera's make?
static enum source_state state_after(int status)
{
    switch (status) {
    case -EACCES:
    case -EPERM:
    case -ENOTSUP:
    case -ENOSPC:
    case -EPIPE:
    case -ENOTTY:
    case -EINVAL:
        return SOURCE_FAILED;
    default:
        return SOURCE_WAITING;
    }
}

static void *capture_thread(void *arg)
{
    struct source *source = arg;
    prctl(PR_SET_NAME, "qedge-capture");
    while (sem_wait(&source->go) < 0)
        ; // a signal
    int backoff = BACKOFF_MIN_MS;
    while (!atomic_load(&source->stopping)) {
        struct source_trouble trouble = {0};
        beat(source);
        int status = open_kind(source, &trouble);
        if (status == 0) {
            uint64_t opened = clock_now_ns();
            set_state(source, SOURCE_RUNNING, NULL);
            say_remark(source);
            status = run(source, &trouble);
            if (status == 1)
                drain(source);
            call_back_frames(source);
            source->kind->close(source->self);
            source->self = NULL;
            if (clock_now_ns() - opened > 2 * CLOCK_NS_PER_S)
                backoff = BACKOFF_MIN_MS;
        }
        if (status == 1) {
            set_state(source, SOURCE_FINISHED, NULL);
            pool_source_ended(source->pool, source);
            break;
        }
        if (status == REOPEN)
            continue;
        if (status == 0)
            break;
        set_state(source, state_after(status), &trouble);
        log_cause_say(&source->cause, LOG_LEVEL_WARNING, "source %s: %s%s%s", source->kind->name,
                      trouble.reason, trouble.hint[0] ? "; " : "", trouble.hint);
        pause_ms(source, backoff);
        backoff = backoff * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff * 2;
    }
    return NULL;
}

int source_create(const struct config_source *config, struct pool *pool, struct source **source)
{
    struct source *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    fresh->config = *config;
    fresh->kind = kinds[config->type];
    fresh->pool = pool;
    fresh->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fresh->wake_fd < 0) {
        int status = -errno;
        free(fresh);
        return status;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    sem_init(&fresh->go, 0, 0);
    snprintf(fresh->description, sizeof(fresh->description), "%s",
             config->type == CONFIG_V4L2 ? config->device : config->path);
    beat(fresh);
    int status = -pthread_create(&fresh->thread, NULL, capture_thread, fresh);
    if (status < 0) {
        fresh->joined = true;
        source_destroy(fresh);
        return status;
    }
    *source = fresh;
    return 0;
}

void source_start(struct source *source)
{
    beat(source);
    sem_post(&source->go);
}

void source_wake(struct source *source)
{
    uint64_t one = 1;
    if (write(source->wake_fd, &one, sizeof(one)) < 0)
        return; // full: a wake-up is pending anyway
}

void source_retune(struct source *source)
{
    atomic_store(&source->retune, true);
    source_wake(source);
}

void source_stop(struct source *source)
{
    atomic_store(&source->stopping, true);
    sem_post(&source->go);
    source_wake(source);
    pool_wake_sources(source->pool);
}

void source_join(struct source *source)
{
    source_stop(source);
    if (!source->joined)
        pthread_join(source->thread, NULL);
    source->joined = true;
}

void source_destroy(struct source *source)
{
    if (!source)
        return;
    source_join(source);
    pthread_mutex_destroy(&source->lock);
    sem_destroy(&source->go);
    close(source->wake_fd);
    free(source);
}

const struct config_source *source_config(const struct source *source)
{
    return &source->config;
}

bool source_is_stopping(const struct source *source)
{
    return atomic_load(&source->stopping);
}

bool source_is_paced(const struct source *source)
{
    return source->config.fps == CONFIG_FPS_MAX;
}

struct source_streams *source_attached(struct source *source)
{
    return &source->attached;
}

void source_get_status(struct source *source, struct source_status *status)
{
    pthread_mutex_lock(&source->lock);
    status->state = source->state;
    status->trouble = source->trouble;
    status->asked_fps = source->asked_fps;
    snprintf(status->text, sizeof(status->text), "%s %s", source->kind->name, source->description);
    pthread_mutex_unlock(&source->lock);
    status->missed = atomic_load_explicit(&source->missed, memory_order_relaxed);
    status->last_frame_ns = atomic_load_explicit(&source->last_frame_ns, memory_order_relaxed);
    status->beat_ns = atomic_load_explicit(&source->beat_ns, memory_order_relaxed);
}
