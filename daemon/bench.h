// SPDX-License-Identifier: Apache-2.0
//
// `qctl bench`: how fast this daemon, with its workers, runs the model of a stream on synthetic
// frames. The frames are spare work (pool.h): live frames go first and wait for one synthetic frame
// at most. With `alone` the streams pause meanwhile.
//
// It begins with the next tick of the loop and ends with a later one, just after power was sampled,
// so that energy and frames are of the same time. One at a time; it ends when its client goes.

#ifndef QEDGE_DAEMON_BENCH_H
#define QEDGE_DAEMON_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

#define BENCH_SECONDS_MAX 60

struct bench_load;
struct service;

struct bench {
    struct bench_load *load; // NULL: none runs
    uint64_t client;         // who waits for the answer
    uint32_t token;
    char stream[WIRE_NAME_MAX], mode[16];
    bool alone;
    uint32_t seconds, ticks; // to measure; measured so far
    uint64_t from_ns, from_live, from_done;
    double from_mj;
    bool powered;      // the meter gave numbers all the time
    uint32_t throttle; // what held the machine back meanwhile
    uint64_t inferences; // of the benches before
};

// text: "SECONDS alone|beside [STREAM]", 1..BENCH_SECONDS_MAX. The answer goes to this client
// later. 0; -EINVAL, -ENODEV (no such stream), -EBUSY, -ENOMEM with *error in words.
int bench_start(struct service *service, uint64_t client, uint32_t token, const char *text,
                const char **error);
bool bench_is_alone(const struct bench *bench);
// Once a second, after the power was sampled.
void bench_tick(struct service *service, uint64_t now_ns);
// This client is gone; if it waits for a bench, that ends.
void bench_forget_client(struct service *service, uint64_t client);
// Ends without an answer, before the pool goes.
void bench_finish(struct service *service);
// Done by all benches since the start: for the energy of an inference.
uint64_t bench_inferences(const struct bench *bench);

#endif
