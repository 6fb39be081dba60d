// SPDX-License-Identifier: Apache-2.0
//
// The worker pool: threads that take frames out of the streams' mailboxes and carry each one
// through pre-processing, inference and publishing.
//
// One lock guards who is attached to whom, which frame is taken next and the tickets that keep
// results in frame order. It is held for a few pointer moves, by capture threads, workers and (for
// attaching) the loop; never during I/O, pre-processing or inference. No client can hold it. It
// passes on priority, so a real-time worker does not wait behind a nice one.
//
// throughput: each worker runs its own frame. latency: the worker that took the frame leads a team
// (engine/team.h) of as many threads as there are workers; one such frame at a time.

#ifndef QEDGE_DAEMON_POOL_H
#define QEDGE_DAEMON_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "imaging/image.h"

struct frame;
struct pool;
struct source;
struct stream;
struct stream_change;
struct team;
struct worker;

// with_team: some stream may run in latency mode. Threads start at once.
int pool_create(const struct config_workers *config, bool with_team, struct pool **pool);
// Ends when the jobs at hand are done. Nothing may be attached any more. Takes NULL.
void pool_destroy(struct pool *pool);
uint32_t pool_threads(const struct pool *pool);
// Starts the team later on, when a reload asks for latency mode. 0 when it is there already.
int pool_need_team(struct pool *pool);
bool pool_has_team(const struct pool *pool);

// The stream gets the source's frames from now on. -ENOSPC: too many.
int pool_attach(struct pool *pool, struct stream *stream, struct source *source);
// It gets no more; a waiting frame is let go. Jobs at hand go on: see stream_is_idle.
void pool_detach(struct pool *pool, struct stream *stream);

// stream_swap under the pool's lock.
void pool_swap(struct pool *pool, struct stream *stream, struct stream_change *change);

// At most so many frames a second reach the stream's mailbox; 0 = all. configured: max_fps, which a
// camera may be told as well; limit: the same, or less for the moment.
void pool_set_max_fps(struct pool *pool, struct stream *stream, double configured, double limit);
// At most so many frames are worked on at a time, 1..pool_threads(). With fewer than all, no frame is
// shared by a team.
void pool_set_threads(struct pool *pool, uint32_t threads);

// While paused no frame is taken: mailboxes keep the newest one, older ones count as dropped, paced
// sources wait. Frames that are under way are finished.
void pool_set_paused(struct pool *pool, bool paused);

// Work for workers that find no frame, one piece after the other, also while paused: a frame waits
// no longer than for the pieces at hand. take, under the pool's lock: is there a piece now? If so
// run follows on that worker, with the team (or NULL) when with_team; arg must live until it
// returns.
struct pool_spare {
    bool (*take)(void *arg);
    void (*run)(void *arg, struct worker *worker, struct team *team);
    void *arg;
    bool with_team;
};
// NULL: no more of it. Pieces at hand go on.
void pool_set_spare(struct pool *pool, const struct pool_spare *spare);
// Format, colour and size of the frame that the stream was given last; format IMAGE_NONE: none yet.
void pool_get_shape(struct pool *pool, const struct stream *stream, struct image *shape);

// Has any worker been at one frame since before `before_ns`?
bool pool_is_stalled(const struct pool *pool, uint64_t before_ns);

// ---- capture threads ----
// Gives the frame to all attached streams that have not had enough of them (max_fps); takes it
// over. Paced sources wait for room, and until all streams want one.
void pool_offer(struct pool *pool, struct source *source, struct frame *frame);
// Takes the source's frames out of all mailboxes.
void pool_withdraw(struct pool *pool, struct source *source);
// What max_fps leaves of this rate: no attached stream wants more frames. 0 stays 0.
double pool_wanted_fps(struct pool *pool, struct source *source, double fps);
void pool_count_bad(struct pool *pool, struct source *source);
// Has everything that the source gave been published or given up?
bool pool_is_drained(struct pool *pool, struct source *source);
// The source has no more frames and all it gave were taken: its streams end in order.
void pool_source_ended(struct pool *pool, struct source *source);
// Lets paced sources look whether they are to stop.
void pool_wake_sources(struct pool *pool);

#endif
