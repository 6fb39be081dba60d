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
//
// The pictures are of one network and one setting (gate_memory): made where those are loaded, never
// on the frame path, handed over with them, and held by frames under way until they have decided.

#ifndef QEDGE_DAEMON_GATE_H
#define QEDGE_DAEMON_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"

struct convert_target;
struct gate_memory;
struct kernel_difference;

#define GATE_SIDE 28
#define GATE_WHOLE 3

// What a frame takes along from when it was taken out of the mailbox (under the pool's lock).
struct gate_turn {
    struct gate_memory *memory; // a reference; NULL: no gate
    uint64_t number;            // in the order of the frames
    struct config_gate settings;
};

struct gate {
    // under the pool's lock
    struct config_gate settings;
    struct gate_memory *memory; // of the network that comes next
    uint64_t turns;
    // the deciding worker's
    pthread_mutex_t lock;
    pthread_cond_t turned;
    uint64_t next; // whose turn it is
    const struct kernel_difference *kernel;
};

// ---- memory: any thread but those of the frame path ----
// For pictures of one network, empty: the first one infers. Lasts until the last reference goes.
// *memory is NULL when the settings are for no gate. 0, or -ENOMEM.
int gate_memory_create(const struct config_gate *settings, const struct convert_target *target,
                       struct gate_memory **memory);
void gate_memory_unref(struct gate_memory *memory); // takes NULL

// Takes over a reference of memory, which may be NULL.
void gate_init(struct gate *gate, const struct config_gate *settings, struct gate_memory *memory);
void gate_finish(struct gate *gate);

// ---- under the pool's lock ----
// From the next frame on; it infers in any case. Takes over memory, which must be new; returns the
// old one with its reference.
struct gate_memory *gate_swap(struct gate *gate, const struct config_gate *settings,
                              struct gate_memory *memory);
struct gate_turn gate_take_turn(struct gate *gate);

// ---- workers, one of them once for each turn; the turn's reference ends ----
// Waits for the frames before. input: as pre-processed for the memory's network. must: infer in any
// case. False: the last result stands for this frame.
bool gate_decide(struct gate *gate, const struct gate_turn *turn, const void *input,
                 uint64_t now_ns, bool must);
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
