// SPDX-License-Identifier: Apache-2.0
//
// A reload: what is to become of each stream. For reload_plan.c, which makes the plan, and reload.c,
// which carries it out.

#ifndef QEDGE_DAEMON_RELOAD_IMPL_H
#define QEDGE_DAEMON_RELOAD_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/config.h"

struct gate_memory;
struct network;
struct service;
struct source;
struct stream;

enum action { KEEP, SWAP, MAKE };

// What becomes of one stream of the new configuration.
struct step {
    enum action action;
    struct stream *old;      // KEEP, SWAP: the running stream; MAKE: the one it replaces, or NULL
    struct stream *made;     // MAKE
    struct source *source;   // MAKE: where its frames come from
    bool own_source;         // … made for this step; waits to be started
    struct network *network; // SWAP: one reference
    struct gate_memory *gate_memory; // SWAP: one reference, or NULL
    int labels_fd; // SWAP with another model: labels of the next generation, else -1
};

struct garbage {
    struct stream *streams[CONFIG_STREAMS_MAX];
    struct source *sources[CONFIG_STREAMS_MAX];
    struct network *networks[CONFIG_STREAMS_MAX];
    uint32_t stream_count, source_count, network_count;
};

struct reload {
    struct service *service;
    uv_async_t loaded;
    pthread_t loader, reaper;
    bool loading, reaping; // threads to be joined
    _Atomic uint32_t busy; // … that have not ended
    bool again;            // SIGHUP came meanwhile
    uint64_t client;       // who waits for the answer
    uint32_t token;
    // made by the loader, taken by the loop
    struct config *config;
    struct config_errors errors;
    struct step steps[CONFIG_STREAMS_MAX];
    struct garbage garbage;
};

// Fills config and steps, or errors. On the loader's thread.
void reload_plan(struct reload *reload);
// Lets go of what was not taken out of the plan. On the loop, no loader running.
void reload_drop_plan(struct reload *reload);

#endif
