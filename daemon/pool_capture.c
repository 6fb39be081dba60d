// SPDX-License-Identifier: Apache-2.0
//
// The pool as capture threads see it: frames go into mailboxes, wait for room where a source must
// lose none, and are called back when the source closes.

#include "daemon/pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "daemon/frame.h"
#include "daemon/pool_impl.h"
#include "daemon/source.h"
#include "daemon/stream.h"

static bool has_waiting(const struct source_streams *attached)
{
    for (uint32_t i = 0; i < attached->count; i++)
        if (mailbox_full(&attached->stream[i]->mailbox))
            return true;
    return false;
}

// When the most frugal stream wants a frame.
static uint64_t latest_due(const struct source_streams *attached)
{
    uint64_t latest = 0;
    for (uint32_t i = 0; i < attached->count; i++) {
        uint64_t due = rate_limit_due(&attached->stream[i]->limit);
        latest = due > latest ? due : latest;
    }
    return latest;
}

// A paced source loses no frame: it waits for room, and for max_fps.
static void await_room(struct pool *pool, const struct source *source,
                       const struct source_streams *attached)
{
    while (!source_is_stopping(source)) {
        uint64_t due = latest_due(attached);
        if (has_waiting(attached)) {
            pthread_cond_wait(&pool->space, &pool->lock);
        } else if (due > clock_now_ns()) {
            struct timespec until = clock_timespec(due);
            pthread_cond_timedwait(&pool->space, &pool->lock, &until);
        } else {
            return;
        }
    }
}

// What the stream can do without: max_fps counts the moments when frames were taken by the camera.
static bool is_enough(struct stream *stream, const struct source *source, const struct frame *frame)
{
    if (source_is_paced(source)) {
        rate_limit_admits(&stream->limit, clock_now_ns());
        return false;
    }
    return !rate_limit_admits(&stream->limit, frame->sensor_ns);
}

void pool_offer(struct pool *pool, struct source *source, struct frame *frame)
{
    struct source_streams *attached = source_attached(source);
    struct frame *dropped[CONFIG_STREAMS_MAX];
    pthread_mutex_lock(&pool->lock);
    if (source_is_paced(source))
        await_room(pool, source, attached);
    // one reference for each stream and one for this function, so that the frame outlives the loop
    uint32_t count = attached->count;
    atomic_store_explicit(&frame->refs, (int32_t)count + 1, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        struct mailbox *mailbox = &attached->stream[i]->mailbox;
        if (is_enough(attached->stream[i], source, frame)) {
            dropped[i] = frame;
            stream_count_skipped(attached->stream[i]);
            continue;
        }
        // full although this source waits for room: it is being stopped, and what waits goes first
        bool keep = source_is_paced(source) && mailbox_full(mailbox);
        dropped[i] = keep ? frame : mailbox_put(mailbox, frame);
        stream_count_in(attached->stream[i], dropped[i] != NULL);
    }
    pthread_mutex_unlock(&pool->lock);
    // after the lock, so that a worker does not wake up only to wait for it; a frame that replaced
    // another one has that one's wake-up
    for (uint32_t i = 0; i < count; i++)
        if (!dropped[i])
            sem_post(&pool->work);
    for (uint32_t i = 0; i < count; i++)
        frame_release(dropped[i]);
    frame_release(frame);
}

void pool_withdraw(struct pool *pool, struct source *source)
{
    struct source_streams *attached = source_attached(source);
    struct frame *waiting[CONFIG_STREAMS_MAX];
    pthread_mutex_lock(&pool->lock);
    uint32_t count = attached->count;
    for (uint32_t i = 0; i < count; i++) {
        waiting[i] = mailbox_take(&attached->stream[i]->mailbox);
        if (waiting[i])
            stream_count_dropped(attached->stream[i]);
    }
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < count; i++)
        frame_release(waiting[i]);
}

double pool_wanted_fps(struct pool *pool, struct source *source, double fps)
{
    struct source_streams *attached = source_attached(source);
    double wanted = 0;
    pthread_mutex_lock(&pool->lock);
    bool all = attached->count == 0;
    for (uint32_t i = 0; i < attached->count; i++) {
        double limit = attached->stream[i]->max_fps;
        all = all || limit <= 0;
        wanted = limit > wanted ? limit : wanted;
    }
    pthread_mutex_unlock(&pool->lock);
    return all || wanted > fps ? fps : wanted;
}

void pool_count_bad(struct pool *pool, struct source *source)
{
    struct source_streams *attached = source_attached(source);
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < attached->count; i++)
        stream_count_bad_in(attached->stream[i]);
    pthread_mutex_unlock(&pool->lock);
}

void pool_source_ended(struct pool *pool, struct source *source)
{
    struct source_streams *attached = source_attached(source);
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < attached->count; i++)
        stream_end(attached->stream[i]);
    pthread_mutex_unlock(&pool->lock);
}

bool pool_is_drained(struct pool *pool, struct source *source)
{
    struct source_streams *attached = source_attached(source);
    bool drained = true;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < attached->count; i++)
        drained = drained && !mailbox_full(&attached->stream[i]->mailbox) &&
                  stream_is_idle(attached->stream[i]);
    pthread_mutex_unlock(&pool->lock);
    return drained;
}

void pool_wake_sources(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->space);
    pthread_mutex_unlock(&pool->lock);
}
