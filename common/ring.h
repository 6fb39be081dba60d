// SPDX-License-Identifier: Apache-2.0
//
// The ring: one writer, any number of read-only readers, in one sealed memfd. Layout:
// common/ring_abi.h; all memory ordering: common/ring.c; the protocol in words and proofs:
// docs/RING.md.
//
// Reading never writes to shared memory. A reader copies a record out, then checks the slot's
// stamp, then uses the copy. A hostile or dead reader can not stall, corrupt or slow the writer; a
// hostile writer can give a reader wrong numbers, but no crash and no endless loop.

#ifndef QEDGE_COMMON_RING_H
#define QEDGE_COMMON_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ring_abi.h"

// ---- writer (the daemon; one thread at a time) ----
struct ring_writer {
    int fd;    // the memfd, sealed against everything but reading
    void *map; // the only writable mapping there will ever be
    size_t size;
    uint32_t slots;
    uint32_t wake; // ring_set_wake()
    uint64_t next; // sequence the next record gets, from 1
};
// Creates, maps writable, then seals (F_SEAL_SHRINK|GROW|FUTURE_WRITE|SEAL). slots: power of
// two, 8..65536. name: for /proc/PID/maps only. 0 or -errno (-EINVAL: slots); on failure nothing is
// held. Wake starts on.
int ring_writer_init(struct ring_writer *writer, const char *name, uint32_t slots);
// Does not close the ring for its readers: call ring_close() first when the end is an orderly one.
// Takes a zeroed writer.
void ring_writer_finish(struct ring_writer *writer);
// Random number of this start of the daemon, before the fd is handed to anybody.
void ring_set_daemon_id(struct ring_writer *writer, uint64_t daemon_id);
// Whether somebody may sleep on the ring. Readers leave no trace in shared memory, so only the
// daemon knows: turn it on BEFORE a subscriber is given the fd, off when the last one has gone.
// Off: publishing makes no system call. Any thread.
void ring_set_wake(struct ring_writer *writer, bool wake);
// Stamps sequence and check into *record and publishes it (hit_count above RING_TOP_K is cut). With
// wake on, one futex wake, whatever the number of readers. Returns the sequence. Hot path: no
// malloc, no lock, no log.
uint64_t ring_publish(struct ring_writer *writer, struct ring_record *record);
void ring_set_generation(struct ring_writer *writer, uint32_t generation);
// Marks the ring closed in order and wakes everybody.
void ring_close(struct ring_writer *writer);

// ---- reader (one thread at a time; different readers are independent) ----
struct ring_reader {
    const void *map; // PROT_READ
    size_t size;
    uint32_t slots;
    uint32_t stride, offset; // as checked at init: the header is not believed again
    uint64_t next;           // sequence wanted next
    uint64_t lost;           // overwritten or skipped before they were read, in all
};
// Checks seals, magic, version and sizes before use; borrows fd (may be closed afterwards).
// from_oldest: start at the oldest record still there, else at the next one to come.
// 0, -EPROTO (not a ring, or another major version), or another -errno; on failure nothing is held.
int ring_reader_init(struct ring_reader *reader, int fd, bool from_oldest);
void ring_reader_finish(struct ring_reader *reader); // takes a zeroed one
// Records between the oldest one and the one that an overtaken reader goes on with: it must not be
// overtaken again at once.
#define RING_OVERRUN_MARGIN(slots) ((slots) / 8)
// 0: *record is a whole record, *lost = how many were skipped; -EAGAIN: none yet; -EPIPE: closed
// and drained. A reader that was overtaken goes on RING_OVERRUN_MARGIN after the oldest record.
// *lost is set (maybe not 0) also with -EAGAIN, and adds up in reader->lost.
int ring_next(struct ring_reader *reader, struct ring_record *record, uint64_t *lost);
// The newest record when it was not read yet, skipping the older ones (they count as lost).
int ring_latest(struct ring_reader *reader, struct ring_record *record, uint64_t *lost);
// Sleeps on the ring's futex until something may have changed. timeout_ns < 0: for ever. 0,
// -ETIMEDOUT, -EINTR.
int ring_wait(const struct ring_reader *reader, int64_t timeout_ns);
uint64_t ring_head(const struct ring_reader *reader); // newest published sequence, 0 = none
bool ring_closed(const struct ring_reader *reader);
uint64_t ring_daemon_id(const struct ring_reader *reader);

// The record's check word: over all words before it and the hits in use.
uint64_t ring_record_check(const struct ring_record *record);

#endif
