// SPDX-License-Identifier: Apache-2.0
//
// What a pool is made of, for pool.c (workers) and pool_capture.c (capture threads) only.

#ifndef QEDGE_DAEMON_POOL_IMPL_H
#define QEDGE_DAEMON_POOL_IMPL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/pool.h"
#include "daemon/worker.h"

struct pool_thread {
    struct pool *pool;
    struct worker worker;
    pthread_t thread;
    _Atomic uint64_t busy_since_ns; // 0 = waiting for work
};

struct pool {
    struct config_workers config;
    pthread_mutex_t lock;
    sem_t work; // one for each mailbox that was filled; a condition would cost a wake-up two more
                // system calls
    pthread_cond_t space;                           // a mailbox of a paced source was emptied
    struct stream *streams[2 * CONFIG_STREAMS_MAX]; // twice: a reload attaches before it detaches
    uint32_t stream_count;
    uint32_t cursor; // where the next search starts, so that no stream starves
    bool blocked;    // a frame was there but could not be taken
    bool paused;
    bool stopping;
    bool team_busy;
    uint32_t busy, busy_max; // frames being worked on, and how many may be
    struct pool_spare spare; // run NULL: none
    uint32_t spare_waiting;  // workers that found no piece of it
    _Atomic(struct team *) team;
    uint32_t thread_count;
    struct pool_thread *threads;
};

#endif
