// SPDX-License-Identifier: Apache-2.0

#include "daemon/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "daemon/snapshot.h"

int publisher_init(struct publisher *publisher, const char *name, uint32_t slots)
{
    pthread_mutexattr_t attributes;
    memset(publisher, 0, sizeof(*publisher));
    publisher->ring.fd = -1;
    publisher->stats.fd = -1;
    int status = ring_writer_init(&publisher->ring, name, slots);
    if (status < 0)
        return status;
    status = stats_writer_init(&publisher->stats, name);
    if (status < 0) {
        ring_writer_finish(&publisher->ring);
        return status;
    }
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&publisher->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    publisher->last_progress_ns = clock_now_ns();
    return 0;
}

void publisher_finish(struct publisher *publisher)
{
    pthread_mutex_destroy(&publisher->lock);
    free(publisher->wakers);
    stats_writer_finish(&publisher->stats);
    ring_writer_finish(&publisher->ring);
}

static void record_stages(struct publisher *publisher, const struct ring_record *record)
{
    struct stats_writer *stats = &publisher->stats;
    stats_record(stats, STATS_STAGE_CAPTURE, record->dequeued_ns - record->sensor_ns);
    stats_record(stats, STATS_STAGE_WAIT, record->started_ns - record->dequeued_ns);
    stats_record(stats, STATS_STAGE_PREPROCESS, record->preprocessed_ns - record->started_ns);
    if (record->flags & RING_RECORD_GATED)
        stats_count(stats, STATS_FRAMES_GATED, 1);
    else
        stats_record(stats, STATS_STAGE_INFER, record->inferred_ns - record->preprocessed_ns);
    stats_record(stats, STATS_STAGE_PUBLISH, record->published_ns - record->inferred_ns);
    stats_record(stats, STATS_STAGE_TOTAL, record->published_ns - record->sensor_ns);
    stats_count(stats, STATS_FRAMES_PUBLISHED, 1);
}

static void wake_readers(const struct publisher *publisher)
{
    uint64_t one = 1;
    for (uint32_t i = 0; i < publisher->waker_count; i++)
        if (send(publisher->wakers[i], &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            continue; // full: it has wake-ups enough; broken: the loop will see its end
}

static void publish(struct publisher *publisher, struct ring_record *record)
{
    record->flags |= atomic_load_explicit(&publisher->marks, memory_order_relaxed);
    record->published_ns = clock_now_ns();
    ring_publish(&publisher->ring, record);
    wake_readers(publisher);
    record_stages(publisher, record);
}

static void close_if_ended(struct publisher *publisher, uint64_t next)
{
    if (!publisher->ending || publisher->closed || next != publisher->end_ticket)
        return;
    publisher->closed = true;
    ring_close(&publisher->ring);
    wake_readers(publisher);
}

void publisher_settle(struct publisher *publisher, uint64_t ticket,
                      const struct ring_record *record)
{
    publisher_settle_shared(publisher, ticket, record, NULL);
}

static void repeat_or_keep(struct publisher *publisher, struct ring_record *record)
{
    if (!(record->flags & RING_RECORD_GATED)) {
        publisher->inferred = *record;
        return;
    }
    record->hit_count = publisher->inferred.hit_count;
    memcpy(record->hits, publisher->inferred.hits, sizeof(record->hits));
}

static void settle_place(struct publisher *publisher, struct publisher_place *place)
{
    bool published = place->valid && !publisher->closed;
    if (place->valid)
        repeat_or_keep(publisher, &place->record);
    if (published)
        publish(publisher, &place->record);
    if (place->snapshot)
        snapshot_settle(place->snapshot, published ? &place->record : NULL);
    place->snapshot = NULL;
    place->settled = false;
}

void publisher_settle_shared(struct publisher *publisher, uint64_t ticket,
                             const struct ring_record *record, struct snapshot *snapshot)
{
    pthread_mutex_lock(&publisher->lock);
    struct publisher_place *place = &publisher->window[ticket % PUBLISHER_WINDOW];
    place->settled = true;
    place->valid = record != NULL;
    if (record)
        place->record = *record;
    place->snapshot = snapshot;
    uint64_t next = publisher->next;
    while ((place = &publisher->window[next % PUBLISHER_WINDOW])->settled) {
        settle_place(publisher, place);
        next++;
    }
    if (next != publisher->next) {
        atomic_store_explicit(&publisher->last_progress_ns, clock_now_ns(), memory_order_relaxed);
        atomic_store_explicit(&publisher->next, next, memory_order_release);
    }
    close_if_ended(publisher, next);
    pthread_mutex_unlock(&publisher->lock);
}

void publisher_end(struct publisher *publisher, uint64_t end)
{
    pthread_mutex_lock(&publisher->lock);
    publisher->ending = true;
    publisher->end_ticket = end;
    close_if_ended(publisher, publisher->next);
    pthread_mutex_unlock(&publisher->lock);
}

bool publisher_is_closed(struct publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    bool closed = publisher->closed;
    pthread_mutex_unlock(&publisher->lock);
    return closed;
}

int publisher_add_waker(struct publisher *publisher, int fd)
{
    int status = 0;
    pthread_mutex_lock(&publisher->lock);
    if (publisher->waker_count == publisher->waker_capacity) {
        uint32_t capacity = publisher->waker_capacity ? 2 * publisher->waker_capacity : 8;
        int *wakers = reallocarray(publisher->wakers, capacity, sizeof(*wakers));
        if (wakers) {
            publisher->wakers = wakers;
            publisher->waker_capacity = capacity;
        } else {
            status = -ENOMEM;
        }
    }
    if (status == 0)
        publisher->wakers[publisher->waker_count++] = fd;
    pthread_mutex_unlock(&publisher->lock);
    return status;
}

void publisher_remove_waker(struct publisher *publisher, int fd)
{
    pthread_mutex_lock(&publisher->lock);
    for (uint32_t i = 0; i < publisher->waker_count;) {
        if (publisher->wakers[i] == fd)
            publisher->wakers[i] = publisher->wakers[--publisher->waker_count];
        else
            i++;
    }
    pthread_mutex_unlock(&publisher->lock);
}
