// SPDX-License-Identifier: Apache-2.0
//
// The end of a stream: results in frame order into the ring, wake-ups for those who asked,
// counters.
//
// Workers finish out of order; each job has a ticket, and a result waits in a small window until
// all tickets before it are settled (published, or given up because the frame was bad). The lock is
// held by workers of this stream, and by the loop when a client's wake-up comes or goes.
//
// A client's wake-up is one end of a pair of sockets, because nothing that a hostile client does to
// its end may make our writing wait. Flags of a shared eventfd belong to both sides: it could clear
// O_NONBLOCK. A pipe has one lock for both ends, which splice(2) of the reader holds while it waits
// for room elsewhere; O_NONBLOCK does not reach that lock.

#ifndef QEDGE_DAEMON_PUBLISHER_H
#define QEDGE_DAEMON_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/ring.h"
#include "common/stats.h"

struct snapshot;

#define PUBLISHER_WINDOW 128 // tickets under way at most; more than there are workers

struct publisher_place {
    bool settled, valid;
    struct ring_record record;
    struct snapshot *snapshot; // NULL, or what is told of the record when it is published
};

struct publisher {
    struct ring_writer ring;
    struct stats_writer stats;
    _Atomic uint64_t next; // ticket that is published next
    _Atomic uint64_t last_progress_ns;
    _Atomic uint32_t marks; // RING_RECORD_* that every record gets at the moment
    pthread_mutex_t lock; // of what follows
    struct publisher_place window[PUBLISHER_WINDOW];
    struct ring_record inferred; // the last one that was no repetition
    int *wakers; // our ends of pairs of sockets
    uint32_t waker_count, waker_capacity;
    bool ending, closed;
    uint64_t end_ticket;
};

int publisher_init(struct publisher *publisher, const char *name, uint32_t slots);
void publisher_finish(struct publisher *publisher);

// Room for this ticket in the window?
static inline bool publisher_has_room(const struct publisher *publisher, uint64_t ticket)
{
    return ticket - atomic_load_explicit(&publisher->next, memory_order_acquire) < PUBLISHER_WINDOW;
}

// Settles a ticket: record = the result, NULL = none will come. Publishes what is now in order. A
// record with RING_RECORD_GATED gets the hits of the last one before it that has it not.
// Workers.
void publisher_settle(struct publisher *publisher, uint64_t ticket,
                      const struct ring_record *record);
// The same for a frame whose picture was taken for a client. snapshot may be NULL.
void publisher_settle_shared(struct publisher *publisher, uint64_t ticket,
                             const struct ring_record *record, struct snapshot *snapshot);
// After ticket end - 1 is settled the ring is closed in order.
void publisher_end(struct publisher *publisher, uint64_t end);
bool publisher_is_closed(struct publisher *publisher);

// From now on every record carries these RING_RECORD_* flags. The loop.
static inline void publisher_mark(struct publisher *publisher, uint32_t marks)
{
    atomic_store_explicit(&publisher->marks, marks, memory_order_relaxed);
}

// Sends 8 bytes to fd, a socket, without waiting after every publish, until removed. The loop owns
// fd. 0 or -ENOMEM.
int publisher_add_waker(struct publisher *publisher, int fd);
void publisher_remove_waker(struct publisher *publisher, int fd);

#endif
