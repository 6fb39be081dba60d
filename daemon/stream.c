// SPDX-License-Identifier: Apache-2.0

#include "daemon/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/labels.h"
#include "common/stats_window.h"
#include "daemon/network.h"
#include "daemon/source.h"
#include "daemon/worker.h"
#include "engine/classify.h"
#include "engine/team.h"

_Static_assert(PUBLISHER_WINDOW > CONFIG_THREADS_MAX, "every worker must be able to hold a ticket");

int stream_create(const struct config_stream *config, struct network *network,
                  struct stream **stream)
{
    struct gate_memory *gate_memory;
    struct stream *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    memcpy(&fresh->config, config, sizeof(*config));
    fresh->labels_fd = labels_create(network->labels, network->label_count, 1);
    int status = fresh->labels_fd < 0 ? fresh->labels_fd : 0;
    if (status == 0)
        status = publisher_init(&fresh->publisher, config->name, (uint32_t)config->ring_slots);
    if (status < 0)
        goto drop_labels;
    status = ring_reader_init(&fresh->tail, fresh->publisher.ring.fd, true);
    if (status < 0)
        goto drop_publisher;
    status = stats_window_create(STATS_STAGES, clock_now_ns(), &fresh->window);
    if (status < 0)
        goto drop_tail;
    status = gate_memory_create(&config->gate, &network->target, &gate_memory);
    if (status < 0)
        goto drop_window;
    snapshot_init(&fresh->snapshot);
    gate_init(&fresh->gate, &config->gate, gate_memory);
    fresh->max_fps = fresh->limit_fps = config->max_fps;
    rate_limit_set(&fresh->limit, config->max_fps);
    fresh->network = network;
    fresh->top_k = (uint32_t)config->top_k;
    fresh->generation = 1;
    fresh->paced = config->source.fps == CONFIG_FPS_MAX;
    ring_set_generation(&fresh->publisher.ring, fresh->generation);
    ring_set_wake(&fresh->publisher.ring, false); // nobody subscribed yet
    *stream = fresh;
    return 0;

drop_window:
    stats_window_destroy(fresh->window);
drop_tail:
    ring_reader_finish(&fresh->tail);
drop_publisher:
    publisher_finish(&fresh->publisher);
drop_labels:
    cleanup_close(&fresh->labels_fd);
    free(fresh);
    return status;
}

void stream_destroy(struct stream *stream)
{
    if (!stream)
        return;
    stats_window_destroy(stream->window);
    ring_reader_finish(&stream->tail);
    publisher_finish(&stream->publisher);
    snapshot_finish(&stream->snapshot);
    gate_finish(&stream->gate);
    cleanup_close(&stream->labels_fd);
    network_unref(stream->network);
    free(stream);
}

void stream_tune(struct stream *stream, uint32_t threads, uint32_t shared_by)
{
    double fps = stream->config.source.fps;
    tuner_init(&stream->tuner, (enum config_mode)stream->config.mode, threads,
               fps == CONFIG_FPS_AUTO ? 30 : fps, shared_by);
}

// ---- under the pool's lock -------------------------------------------------

bool stream_has_room(const struct stream *stream)
{
    return publisher_has_room(&stream->publisher, stream->tickets);
}

bool stream_wants_team(const struct stream *stream)
{
    return atomic_load_explicit(&stream->tuner.team, memory_order_relaxed);
}

void stream_take(struct stream *stream, struct job *job)
{
    *job = (struct job){.stream = stream,
                        .frame = mailbox_take(&stream->mailbox),
                        .network = network_ref(stream->network),
                        .ticket = stream->tickets++,
                        .top_k = stream->top_k,
                        .generation = stream->generation,
                        .paced = stream->paced,
                        .turn = gate_take_turn(&stream->gate)};
    stream->shape = job->frame->image;
}

void stream_count_in(struct stream *stream, bool dropped_one)
{
    stats_count(&stream->publisher.stats, STATS_FRAMES_IN, 1);
    if (dropped_one)
        stats_count(&stream->publisher.stats, STATS_FRAMES_DROPPED, 1);
}

void stream_count_dropped(struct stream *stream)
{
    stats_count(&stream->publisher.stats, STATS_FRAMES_DROPPED, 1);
}

void stream_count_skipped(struct stream *stream)
{
    stats_count(&stream->publisher.stats, STATS_FRAMES_IN, 1);
    stats_count(&stream->publisher.stats, STATS_FRAMES_SKIPPED, 1);
}

void stream_count_bad_in(struct stream *stream)
{
    stats_count(&stream->publisher.stats, STATS_FRAMES_IN, 1);
    stats_count(&stream->publisher.stats, STATS_FRAMES_BAD, 1);
}

void stream_end(struct stream *stream)
{
    publisher_end(&stream->publisher, stream->tickets);
}

void stream_swap(struct stream *stream, struct stream_change *change)
{
    struct network *old = stream->network;
    stream->network = change->network;
    change->network = old;
    change->gate_memory = gate_swap(&stream->gate, &change->gate, change->gate_memory);
    stream->top_k = change->top_k;
    if (change->generation != stream->generation)
        ring_set_generation(&stream->publisher.ring, change->generation);
    stream->generation = change->generation;
}

// ---- workers ---------------------------------------------------------------

static void fill_hits(const struct job *job, const void *output, struct ring_record *record)
{
    struct classify_hit hits[RING_TOP_K];
    uint32_t count = classify_top_k(model_output(job->network->model, 0), output, job->top_k, hits);
    for (uint32_t i = 0; i < count; i++)
        record->hits[i] = (struct ring_hit){.label = hits[i].index, .score = hits[i].score};
    record->hit_count = count;
}

// The picture is in the context. With the record's hits, or marked as gated.
static void infer(const struct job *job, struct context *context, struct ring_record *record)
{
    struct stream *stream = job->stream;
    record->preprocessed_ns = clock_now_ns();
    if (!gate_decide(&stream->gate, &job->turn, context_native_input(context),
                     record->preprocessed_ns, tuner_is_measuring(&stream->tuner))) {
        record->flags = RING_RECORD_GATED;
        record->inferred_ns = clock_now_ns();
        return;
    }
    context_run(context, job->team);
    fill_hits(job, context_output(context, 0), record);
    record->inferred_ns = clock_now_ns();
    tuner_add(&stream->tuner, job->team != NULL, record->inferred_ns - record->preprocessed_ns);
}

void stream_run(struct worker *worker, struct job *job)
{
    struct stream *stream = job->stream;
    struct context *context = job->network->contexts[worker->index];
    struct ring_record record = {.frame = job->frame->number,
                                 .sensor_ns = job->frame->sensor_ns,
                                 .dequeued_ns = job->frame->dequeued_ns,
                                 .started_ns = clock_now_ns(),
                                 .generation = job->generation};
    bool woken = job->team && !job->turn.memory && context_wants_team(context);
    if (woken)
        team_wake(job->team); // they are there when the picture is
    int status =
        worker_preprocess(worker, job->network, &job->frame->image, context_native_input(context));
    bool shared = snapshot_is_wanted(&stream->snapshot) &&
                  snapshot_take(&stream->snapshot, &job->frame->image);
    frame_release(job->frame); // as early as can be: the camera gets its buffer back
    if (status == 0) {
        infer(job, context, &record);
    } else {
        if (woken)
            team_rest(job->team);
        gate_pass(&stream->gate, &job->turn);
        stats_count(&stream->publisher.stats, STATS_FRAMES_BAD, 1);
    }
    network_unref(job->network);
    // the last touch: once the ticket is settled the stream may be taken down
    publisher_settle_shared(&stream->publisher, job->ticket, status == 0 ? &record : NULL,
                            shared ? &stream->snapshot : NULL);
}

// ---- the loop --------------------------------------------------------------

bool stream_is_idle(struct stream *stream)
{
    // the lock makes sure that the worker that settled last has left the publisher
    pthread_mutex_lock(&stream->publisher.lock);
    bool idle = atomic_load(&stream->publisher.next) == stream->tickets;
    pthread_mutex_unlock(&stream->publisher.lock);
    return idle;
}

uint64_t stream_inferences(const struct stream *stream)
{
    return stats_load(&stream->publisher.stats.page->stages[STATS_STAGE_INFER].count);
}

bool stream_last_record(struct stream *stream, struct ring_record *record)
{
    uint64_t lost;
    if (ring_latest(&stream->tail, &stream->last, &lost) == 0)
        stream->has_last = true;
    *record = stream->last;
    return stream->has_last;
}

static void sample_counts(struct stream *stream, uint64_t now_ns)
{
    struct stats_reader reader = stats_writer_reader(&stream->publisher.stats);
    uint32_t last = STREAM_RATE_SECONDS;
    memmove(stream->counts, stream->counts + 1, last * sizeof(stream->counts[0]));
    stream->counts[last] =
        (struct stream_counts){.ns = now_ns,
                               .in = stats_counter(&reader, STATS_FRAMES_IN),
                               .dropped = stats_counter(&reader, STATS_FRAMES_DROPPED),
                               .bad = stats_counter(&reader, STATS_FRAMES_BAD),
                               .published = stats_counter(&reader, STATS_FRAMES_PUBLISHED)};
    if (stream->count_count <= last)
        stream->count_count++;
}

void stream_sample(struct stream *stream, uint64_t now_ns)
{
    struct stats_writer *stats = &stream->publisher.stats;
    struct stats_summary recent[STATS_STAGES];
    uint64_t window_ns =
        stats_window_tick(stream->window, stats->page->stages, now_ns, recent);
    stats_recent_set(stats, window_ns, recent);
    sample_counts(stream, now_ns);
}

void stream_forget_rates(struct stream *stream)
{
    stream->count_count = 0;
}

void stream_get_rates(const struct stream *stream, struct stream_rates *rates)
{
    *rates = (struct stream_rates){0};
    if (stream->count_count < 2)
        return;
    const struct stream_counts *now = &stream->counts[STREAM_RATE_SECONDS];
    const struct stream_counts *then = now + 1 - stream->count_count;
    rates->seconds = (double)(now->ns - then->ns) / CLOCK_NS_PER_S;
    if (rates->seconds <= 0)
        return;
    rates->frames_in = now->in - then->in;
    rates->dropped = now->dropped - then->dropped;
    rates->bad_in = now->bad - then->bad;
    rates->fps_in = (double)rates->frames_in / rates->seconds;
    rates->fps_out = (double)(now->published - then->published) / rates->seconds;
}
