// SPDX-License-Identifier: Apache-2.0

#include "daemon/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/affinity.h"
#include "daemon/frame.h"
#include "daemon/pool_impl.h"
#include "daemon/source.h"
#include "daemon/stream.h"
#include "engine/team.h"

#define SPARE_REST_SHARE 16 // of a piece of spare work, when workers are real-time

// ---- taking a frame (all under the lock) -----------------------------------

// Fewer workers than there are: then none shares its frame.
static struct team *team_for(const struct pool *pool, const struct stream *stream)
{
    return stream_wants_team(stream) && pool->busy_max == pool->thread_count ? pool->team : NULL;
}

static bool may_take(struct pool *pool, const struct stream *stream)
{
    if (pool->paused || pool->busy >= pool->busy_max || !stream_has_room(stream))
        return false;
    return !(team_for(pool, stream) && pool->team_busy);
}

static bool take_job(struct pool *pool, struct job *job)
{
    for (uint32_t i = 0; i < pool->stream_count; i++) {
        uint32_t at = (pool->cursor + i) % pool->stream_count;
        struct stream *stream = pool->streams[at];
        if (!mailbox_full(&stream->mailbox))
            continue;
        if (!may_take(pool, stream)) {
            pool->blocked = true;
            continue;
        }
        stream_take(stream, job);
        job->team = team_for(pool, stream);
        pool->busy++;
        pool->team_busy = pool->team_busy || job->team;
        pool->cursor = at + 1;
        return true;
    }
    return false;
}

// Those who found these frames could not take them and went back to sleep.
static void unblock(struct pool *pool)
{
    if (!pool->blocked || pool->paused)
        return;
    pool->blocked = false;
    for (uint32_t i = 0; i < pool->stream_count; i++)
        if (mailbox_full(&pool->streams[i]->mailbox))
            sem_post(&pool->work);
}

static bool take_spare(struct pool *pool, struct pool_spare *spare, struct team **team)
{
    *spare = pool->spare;
    *team = spare->with_team ? pool->team : NULL;
    if (!spare->run)
        return false;
    if ((*team && pool->team_busy) || !spare->take(spare->arg)) {
        pool->spare_waiting++;
        return false;
    }
    pool->team_busy = pool->team_busy || *team;
    return true;
}

static void post_spare(struct pool *pool, uint32_t count)
{
    for (uint32_t i = 0; pool->spare.run && i < count; i++)
        sem_post(&pool->work);
}

// A job or a piece of the spare work is done.
static void end_job(struct pool *pool, const struct team *team)
{
    if (team)
        pool->team_busy = false;
    unblock(pool);
    post_spare(pool, pool->spare_waiting);
    pool->spare_waiting = 0;
}

static void run_job(struct pool_thread *self, struct job *job)
{
    atomic_store_explicit(&self->busy_since_ns, clock_now_ns(), memory_order_relaxed);
    stream_run(&self->worker, job);
    atomic_store_explicit(&self->busy_since_ns, 0, memory_order_relaxed);
    pthread_mutex_lock(&self->pool->lock);
    self->pool->busy--;
    end_job(self->pool, job->team);
    pthread_mutex_unlock(&self->pool->lock);
}

// A real-time worker that never rests would shut out the loop and the capture threads.
static void rest(const struct pool *pool, uint64_t worked_ns)
{
    uint64_t ns = worked_ns / SPARE_REST_SHARE;
    struct timespec pause = {.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
    if (pool->config.realtime)
        nanosleep(&pause, NULL);
}

static void run_spare(struct pool_thread *self, const struct pool_spare *spare, struct team *team)
{
    uint64_t started = clock_now_ns();
    atomic_store_explicit(&self->busy_since_ns, started, memory_order_relaxed);
    spare->run(spare->arg, &self->worker, team);
    atomic_store_explicit(&self->busy_since_ns, 0, memory_order_relaxed);
    rest(self->pool, clock_now_ns() - started);
    pthread_mutex_lock(&self->pool->lock);
    end_job(self->pool, team);
    post_spare(self->pool, 1);
    pthread_mutex_unlock(&self->pool->lock);
}

static void *worker_thread(void *arg)
{
    struct pool_thread *self = arg;
    struct pool *pool = self->pool;
    char name[16];
    snprintf(name, sizeof(name), "qedge-work-%u", self->worker.index);
    prctl(PR_SET_NAME, name);
    affinity_apply(&pool->config, self->worker.index == 0);
    for (;;) {
        struct job job;
        struct pool_spare spare;
        struct team *team;
        while (sem_wait(&pool->work) < 0)
            ; // a signal
        pthread_mutex_lock(&pool->lock);
        bool stopping = pool->stopping, taken = !stopping && take_job(pool, &job);
        bool spares = !stopping && !taken && take_spare(pool, &spare, &team);
        if (taken && job.paced)
            pthread_cond_broadcast(&pool->space);
        pthread_mutex_unlock(&pool->lock);
        if (stopping)
            return NULL;
        if (taken)
            run_job(self, &job);
        else if (spares)
            run_spare(self, &spare, team);
    }
}

// ---- life ------------------------------------------------------------------

static void init_lock(struct pool *pool)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pool->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    sem_init(&pool->work, 0, 0);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->space, &clock);
    pthread_condattr_destroy(&clock);
}

static void team_member_start(void *arg, uint32_t member)
{
    struct pool *pool = arg;
    char name[16];
    snprintf(name, sizeof(name), "qedge-team-%u", member);
    prctl(PR_SET_NAME, name);
    affinity_apply(&pool->config, false);
}

bool pool_has_team(const struct pool *pool)
{
    return atomic_load(&pool->team) != NULL;
}

int pool_need_team(struct pool *pool)
{
    if (pool_has_team(pool) || pool->thread_count < 2)
        return 0;
    struct team_options options = {
        .members = pool->thread_count, .on_start = team_member_start, .on_start_arg = pool};
    struct team *team;
    int status = team_create(&options, &team);
    if (status == 0)
        atomic_store(&pool->team, team);
    return status;
}

static int start_threads(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        struct pool_thread *thread = &pool->threads[i];
        thread->pool = pool;
        int status = worker_init(&thread->worker, i);
        if (status == 0)
            status = -pthread_create(&thread->thread, NULL, worker_thread, thread);
        if (status < 0) {
            worker_finish(&thread->worker);
            pool->thread_count = i;
            return status;
        }
    }
    return 0;
}

int pool_create(const struct config_workers *config, bool with_team, struct pool **pool)
{
    struct pool *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    fresh->config = *config;
    init_lock(fresh);
    fresh->thread_count =
        config->threads ? (uint32_t)config->threads : affinity_cpu_count(&config->cpus);
    fresh->busy_max = fresh->thread_count;
    fresh->threads = calloc(fresh->thread_count, sizeof(*fresh->threads));
    int status = fresh->threads ? start_threads(fresh) : -ENOMEM;
    if (status == 0 && with_team)
        status = pool_need_team(fresh);
    if (status < 0) {
        pool_destroy(fresh);
        return status;
    }
    *pool = fresh;
    return 0;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        sem_post(&pool->work);
    for (uint32_t i = 0; pool->threads && i < pool->thread_count; i++) {
        pthread_join(pool->threads[i].thread, NULL);
        worker_finish(&pool->threads[i].worker);
    }
    team_destroy(pool->team);
    sem_destroy(&pool->work);
    pthread_cond_destroy(&pool->space);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}

uint32_t pool_threads(const struct pool *pool)
{
    return pool->thread_count;
}

bool pool_is_stalled(const struct pool *pool, uint64_t before_ns)
{
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        uint64_t since =
            atomic_load_explicit(&pool->threads[i].busy_since_ns, memory_order_relaxed);
        if (since && since < before_ns)
            return true;
    }
    return false;
}

void pool_set_paused(struct pool *pool, bool paused)
{
    pthread_mutex_lock(&pool->lock);
    pool->paused = paused;
    unblock(pool);
    pthread_mutex_unlock(&pool->lock);
}

void pool_set_spare(struct pool *pool, const struct pool_spare *spare)
{
    pthread_mutex_lock(&pool->lock);
    pool->spare = spare ? *spare : (struct pool_spare){0};
    pool->spare_waiting = 0;
    post_spare(pool, pool->spare.with_team && pool->team ? 1 : pool->thread_count);
    pthread_mutex_unlock(&pool->lock);
}

void pool_get_shape(struct pool *pool, const struct stream *stream, struct image *shape)
{
    pthread_mutex_lock(&pool->lock);
    *shape = stream->shape;
    pthread_mutex_unlock(&pool->lock);
}

// ---- attaching -------------------------------------------------------------

int pool_attach(struct pool *pool, struct stream *stream, struct source *source)
{
    int status = 0;
    pthread_mutex_lock(&pool->lock);
    struct source_streams *attached = source_attached(source);
    if (attached->count == CONFIG_STREAMS_MAX || pool->stream_count == 2 * CONFIG_STREAMS_MAX) {
        status = -ENOSPC;
    } else {
        attached->stream[attached->count++] = stream;
        pool->streams[pool->stream_count++] = stream;
        stream->source = source;
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

static void list_remove(struct stream **list, uint32_t *count, const struct stream *stream)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (list[i] == stream) {
            memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(list[0]));
            --*count;
            return;
        }
    }
}

void pool_detach(struct pool *pool, struct stream *stream)
{
    pthread_mutex_lock(&pool->lock);
    struct frame *waiting = mailbox_take(&stream->mailbox);
    if (stream->source) {
        struct source_streams *attached = source_attached(stream->source);
        list_remove(attached->stream, &attached->count, stream);
    }
    list_remove(pool->streams, &pool->stream_count, stream);
    pthread_cond_broadcast(&pool->space);
    pthread_mutex_unlock(&pool->lock);
    frame_release(waiting);
}

void pool_swap(struct pool *pool, struct stream *stream, struct stream_change *change)
{
    pthread_mutex_lock(&pool->lock);
    stream_swap(stream, change);
    pthread_mutex_unlock(&pool->lock);
}

void pool_set_max_fps(struct pool *pool, struct stream *stream, double configured, double limit)
{
    pthread_mutex_lock(&pool->lock);
    stream->max_fps = configured;
    rate_limit_set(&stream->limit, limit);
    pthread_cond_broadcast(&pool->space);
    pthread_mutex_unlock(&pool->lock);
}

void pool_set_threads(struct pool *pool, uint32_t threads)
{
    pthread_mutex_lock(&pool->lock);
    pool->busy_max = threads;
    unblock(pool);
    pthread_mutex_unlock(&pool->lock);
}
