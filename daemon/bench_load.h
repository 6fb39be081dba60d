// SPDX-License-Identifier: Apache-2.0
//
// What `qctl bench` makes the workers do: one synthetic frame, as those of the stream in format and
// size, through pre-processing and network again and again. Nothing is published.
//
// Counted by reference: the bench holds one, each worker that is at it another one, so that the
// loop can end a bench without waiting for them.

#ifndef QEDGE_DAEMON_BENCH_LOAD_H
#define QEDGE_DAEMON_BENCH_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/stats.h"
#include "imaging/encode.h"
#include "imaging/image.h"

struct network;
struct team;
struct worker;

enum bench_stage { BENCH_PREPROCESS, BENCH_INFER, BENCH_FRAME, BENCH_STAGES };

struct bench_load {
    _Atomic int32_t refs;
    _Atomic uint32_t readiness; // of the frame: 0 to be made, 1 a worker makes it, 2 there
    _Atomic int32_t error;      // -errno of the first frame that failed
    struct network *network;
    uint32_t top_k;
    struct image shape; // of the frame; no planes
    // written by the worker that makes it
    struct image image;
    uint8_t *pixels;
    struct encoded jpeg;
    uint64_t limit_ns; // no frame begins after that, even if the loop can not end it
    _Atomic uint64_t from_ns, until_ns; // frames that end outside are not counted
    _Atomic uint64_t done;              // in all
    struct stats_histogram stages[BENCH_STAGES];
};

// Frames like `shape` (format, colour, size; no pixels). Takes over a reference of network. NULL:
// no memory, and the reference is still the caller's.
struct bench_load *bench_load_create(struct network *network, const struct image *shape,
                                     uint32_t top_k, uint64_t limit_ns);
void bench_load_unref(struct bench_load *load); // takes NULL

// For pool_set_spare. take: false while another worker makes the frame, and after an error or
// the limit.
bool bench_load_take(void *load);
void bench_load_run(void *load, struct worker *worker, struct team *team);

#endif
