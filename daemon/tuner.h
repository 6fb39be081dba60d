// SPDX-License-Identifier: Apache-2.0
//
// mode: auto. The stream's first frames run in throughput mode, then some in latency mode; then the
// better one is kept: latency when a team makes a frame clearly faster and still keeps up with the
// source, else throughput. A source that runs as fast as it can always gets throughput.

#ifndef QEDGE_DAEMON_TUNER_H
#define QEDGE_DAEMON_TUNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"

#define TUNER_WARM_UP 2 // frames alone that do not count; with a team: those in which it tries
#define TUNER_FRAMES 4  // of each way, that count

struct tuner {
    atomic_bool team; // run the next frame with the team
    atomic_bool decided;
    _Atomic uint64_t frame_ns; // time the source leaves for a frame
    _Atomic uint32_t seen[2];
    _Atomic uint64_t best_ns[2]; // alone, with the team
};

// fps: of the source, CONFIG_FPS_MAX when it is paced by the workers. shared_by: streams that use
// the pool.
void tuner_init(struct tuner *tuner, enum config_mode mode, uint32_t threads, double fps,
                uint32_t shared_by);
// Tells how long inference took. Any worker; a few atomic operations.
void tuner_add(struct tuner *tuner, bool with_team, uint64_t infer_ns);
// Every frame is needed for the measurement.
bool tuner_is_measuring(const struct tuner *tuner);
const char *tuner_name(const struct tuner *tuner); // "throughput", "latency", "auto: measuring"

#endif
