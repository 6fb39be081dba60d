// SPDX-License-Identifier: Apache-2.0
//
// A stream's picture for clients who ask for one: copied by the worker that has the frame, only
// when somebody asked; else a frame pays one relaxed load for this.
//
//        loop                    worker                         publisher
//   IDLE ──arm──▶ WANTED ──take──▶ COPYING ──(the frame was bad: WANTED again)
//     ▲             ▲                 ├─ no room ─▶ TOO_SMALL ──grow, loop──▶ WANTED
//     └──collect────┼── DONE ◀────────┴─ its result is published ─┘
//
// There is one memfd a stream, made when it is first needed and written again for the next picture
// (common/picture_abi.h): clients can hold on to it, but not make the daemon hold more.

#ifndef QEDGE_DAEMON_SNAPSHOT_H
#define QEDGE_DAEMON_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ring_abi.h"
#include "imaging/image.h"

enum snapshot_state {
    SNAPSHOT_IDLE,
    SNAPSHOT_WANTED,
    SNAPSHOT_COPYING,
    SNAPSHOT_TOO_SMALL,
    SNAPSHOT_DONE
};

struct snapshot {
    _Atomic uint32_t state; // enum snapshot_state: says whose the rest is
    int fd;                 // -1: none yet
    void *map;
    size_t capacity; // bytes of pixels that it holds
    size_t bytes;    // of this picture; TOO_SMALL: what it needs
    uint32_t stamp;
    struct image image; // its geometry; the planes are gone
    struct ring_record record;
};

void snapshot_init(struct snapshot *snapshot);
// Only when no worker has the stream any more.
void snapshot_finish(struct snapshot *snapshot);

// ---- workers ----
static inline bool snapshot_is_wanted(struct snapshot *snapshot)
{
    return atomic_load_explicit(&snapshot->state, memory_order_relaxed) == SNAPSHOT_WANTED;
}
// Copies the frame's image. True: this worker's result must be settled with the snapshot.
bool snapshot_take(struct snapshot *snapshot, const struct image *image);
// The picture led to this result; or to none (NULL), and another one will be taken.
void snapshot_settle(struct snapshot *snapshot, const struct ring_record *record);

// ---- the loop ----
enum snapshot_state snapshot_get_state(const struct snapshot *snapshot);
// IDLE -> WANTED
void snapshot_arm(struct snapshot *snapshot);
// TOO_SMALL -> WANTED with room, or IDLE: -EFBIG past PICTURE_BYTES_MAX, -ENOMEM …
int snapshot_grow(struct snapshot *snapshot);
// DONE -> IDLE; what it holds stays as it is until it is armed again.
void snapshot_collect(struct snapshot *snapshot);

#endif
