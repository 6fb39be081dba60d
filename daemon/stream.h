// SPDX-License-Identifier: Apache-2.0
//
// A stream: frames of one source through one model into one ring.
//
//   mailbox ─take─▶ job {frame, network, ticket} ─▶ pre-process ─▶ gate ─▶ infer ─▶ top k ─▶ publisher
//                                                                   └──────────────────────┘ nothing new

#ifndef QEDGE_DAEMON_STREAM_H
#define QEDGE_DAEMON_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/frame.h"
#include "daemon/gate.h"
#include "daemon/mailbox.h"
#include "daemon/publisher.h"
#include "daemon/rate_limit.h"
#include "daemon/snapshot.h"
#include "daemon/tuner.h"

struct network;
struct source;
struct stats_window;
struct team;
struct worker;

#define STREAM_RATE_SECONDS 5

struct stream_counts {
    uint64_t ns, in, dropped, bad, published;
};

struct stream {
    struct config_stream config; // the loop's; workers read top_k from `top_k` below
    struct source *source;
    struct mailbox mailbox;
    struct publisher publisher;
    struct tuner tuner;
    struct gate gate;
    struct snapshot snapshot; // a picture for who asks for one
    // under the pool's lock
    struct network *network;
    uint64_t tickets; // given out so far
    struct image shape; // of the last frame; its planes are gone
    uint32_t top_k, generation;
    bool paced;
    double max_fps;          // as configured; written by the loop only
    struct rate_limit limit; // max_fps, or less while a budget is held
    // the loop's
    int labels_fd; // labels of this generation, for clients
    uint32_t subscribers;
    double free_fps;  // results a second when no budget held it back; 0 = not known yet
    double limit_fps; // what `limit` is set to
    uint64_t snapshot_next_ns; // not before is another picture taken
    struct stream_counts counts[STREAM_RATE_SECONDS + 1]; // of the last seconds, the newest last
    uint32_t count_count;
    struct stats_window *window; // latencies of the last seconds
    struct ring_reader tail; // the daemon reads its own results like any client
    struct ring_record last;
    bool has_last;
};

struct job {
    struct stream *stream;
    struct frame *frame;
    struct network *network; // a reference of its own
    struct team *team;       // NULL: this worker alone
    uint64_t ticket;
    uint32_t top_k, generation;
    bool paced;
    struct gate_turn turn;
};

// Takes over one reference of network. 0, or -errno with nothing taken.
int stream_create(const struct config_stream *config, struct network *network,
                  struct stream **stream);
// Only when idle and detached. Takes NULL.
void stream_destroy(struct stream *stream);
// Set the mode anew (start, or the settings changed). shared_by: streams that use the pool.
void stream_tune(struct stream *stream, uint32_t threads, uint32_t shared_by);

// ---- under the pool's lock ----
bool stream_has_room(const struct stream *stream);
bool stream_wants_team(const struct stream *stream);
// The mailbox is full and there is room: makes the job.
void stream_take(struct stream *stream, struct job *job);
void stream_count_in(struct stream *stream, bool dropped_one);
void stream_count_dropped(struct stream *stream);
void stream_count_skipped(struct stream *stream);
void stream_count_bad_in(struct stream *stream);
// After what is under way the ring is closed in order.
void stream_end(struct stream *stream);
// What a reload replaces in a running stream, all at once.
struct stream_change {
    struct network *network;         // one reference
    struct gate_memory *gate_memory; // one reference, new, for this network; NULL: no gate
    struct config_gate gate;
    uint32_t top_k, generation;
};
// From the next frame on. Takes over the references; afterwards those of what was replaced are in
// their place.
void stream_swap(struct stream *stream, struct stream_change *change);

// ---- workers ----
void stream_run(struct worker *worker, struct job *job);

// ---- the loop ----
// Nothing under way (only meaningful when detached).
bool stream_is_idle(struct stream *stream);
// Once a second: frame rates, and the latencies of the last seconds into the stats page.
void stream_sample(struct stream *stream, uint64_t now_ns);
// Frames that went through the model since the start.
uint64_t stream_inferences(const struct stream *stream);
// The newest result there is; false: none yet.
bool stream_last_record(struct stream *stream, struct ring_record *record);
// What came and went in the last STREAM_RATE_SECONDS; all 0 before there are two samples.
struct stream_rates {
    double seconds, fps_in, fps_out;
    uint64_t frames_in, dropped, bad_in;
};
void stream_get_rates(const struct stream *stream, struct stream_rates *rates);
// After a pause, which says nothing about them.
void stream_forget_rates(struct stream *stream);

#endif
