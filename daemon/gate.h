// SPDX-License-Identifier: Apache-2.0
//
// The motion gate of a stream: is there anything new in this picture, or will the last result do?
//
// What is compared is the network's own input (the small picture that pre-processing has made) with
// the picture of the last real inference, not with the frame before: a slow change adds up until it
// opens the gate as well. Both are laid out in at most GATE_SIDE x GATE_SIDE cells; a cell's
// difference is the mean of |now - then| over its pixels and channels, in grey levels of 0 … 255.
//
//   noise, flicker   raise all cells alike: a cell counts as changed when its difference is more
//                    than `level` above the median of all cells
//   opens when       the changed cells are more than `threshold` of all (and at least one), or the
//                    median itself is above GATE_WHOLE times `level` (lights went on, the camera was
//                    turned), or the last real inference is `heartbeat` ago, or the network or
//                    the settings are others than then
//
// Workers pre-process several frames at once, but decide in the order of the frames, so that the
// result that is published again is always the one of the picture that was compared with. Nothing
// here waits longer than the frames before take to be pre-processed.

#ifndef QEDGE_DAEMON_GATE_H
#define QEDGE_DAEMON_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"

struct kernel_difference;
struct network;

#define GATE_SIDE 28
#define GATE_WHOLE 3

// What a frame takes along from when it was taken out of the mailbox (under the pool's lock).
struct gate_turn {
    bool on;
    uint64_t number; // in the order of the frames
    uint32_t epoch;  // of the settings
    struct config_gate settings;
};

struct gate {
    // under the pool's lock
    struct config_gate settings;
    uint64_t turns;
    uint32_t epoch;
    // the deciding worker's
    pthread_mutex_t lock;
    pthread_cond_t turned;
    uint64_t next;    // whose turn it is
    uint64_t network; // number of the one that `then` is of, 0 = none
    uint32_t then_epoch;
    uint64_t then_ns;   // when `then` was inferred
    int8_t *then, *now; // now: of models that do not take int8
    size_t then_capacity, now_capacity;
    const struct kernel_difference *kernel;
};

void gate_init(struct gate *gate, const struct config_gate *settings);
void gate_finish(struct gate *gate);

// ---- under the pool's lock ----
// The next frame infers in any case.
void gate_set(struct gate *gate, const struct config_gate *settings);
struct gate_turn gate_take_turn(struct gate *gate);

// ---- workers, once for each turn ----
// Waits for the frames before. input: as pre-processed for `network`. must: infer in any case.
// False: the last result stands for this frame. Allocates only with a network's first frame;
// without memory the gate stays open.
bool gate_decide(struct gate *gate, const struct gate_turn *turn, const struct network *network,
                 const void *input, uint64_t now_ns, bool must);
// The frame was broken: the next one's turn.
void gate_pass(struct gate *gate, const struct gate_turn *turn);

// ---- the comparison alone, for tests ----
struct gate_picture {
    int32_t width, height, channels;
    double levels; // grey levels of one step of its values
};
struct gate_change {
    uint32_t cells, changed;
    double median; // grey levels
};
void gate_compare(const struct kernel_difference *kernel, const struct gate_picture *picture,
                  const int8_t *now, const int8_t *then, double level, struct gate_change *change);

#endif
