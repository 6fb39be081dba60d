// SPDX-License-Identifier: Apache-2.0
//
// The ring: one writer, any number of read-only readers, in one sealed memfd. Layout: common/ring_abi.h;
// all memory ordering: common/ring.c; the protocol in words and proofs: docs/RING.md.
//
// Reading never writes to shared memory. A reader copies a record out, then checks the slot's sequence,
// then uses the copy. A hostile or dead reader can not stall, corrupt or slow the writer.

#ifndef QEDGE_COMMON_RING_H
#define QEDGE_COMMON_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ring_abi.h"

// ---- writer (the daemon; one thread at a time) ----
struct ring_writer {
    int fd;      // the memfd, sealed against everything but reading
    void *map;   // the only writable mapping there will ever be
    size_t size;
    uint64_t next; // sequence the next record gets
};
// Creates, maps writable, then seals (F_SEAL_SHRINK|GROW|FUTURE_WRITE|SEAL). slots: power of two, 8..65536.
int ring_writer_init(struct ring_writer *writer, const char *name, uint32_t slots);
void ring_writer_finish(struct ring_writer *writer);
// Stamps the sequence and publishes; one futex wake syscall only when a reader may be waiting.
// record->sequence is overwritten. Returns the sequence.
uint64_t ring_publish(struct ring_writer *writer, struct ring_record *record);
void ring_set_generation(struct ring_writer *writer, uint32_t generation);
// Marks the ring closed in order and wakes everybody.
void ring_close(struct ring_writer *writer);

// ---- reader ----
struct ring_reader {
    const void *map; // PROT_READ
    size_t size;
    uint32_t slots;
    uint64_t next;   // sequence wanted next
    uint64_t lost;   // overwritten before they were read, in all
};
// Checks seals, magic, version and sizes before use; borrows fd (may be closed afterwards).
// from_oldest: start at the oldest record still there, else at the next one to come.
int ring_reader_init(struct ring_reader *reader, int fd, bool from_oldest);
void ring_reader_finish(struct ring_reader *reader);
// 0: *record is a whole record, *lost = how many were skipped; -EAGAIN: none yet; -EPIPE: closed and drained.
int ring_next(struct ring_reader *reader, struct ring_record *record, uint64_t *lost);
int ring_latest(struct ring_reader *reader, struct ring_record *record, uint64_t *lost);
// Sleeps on the ring's futex until something may have changed. 0, -ETIMEDOUT, -EINTR.
int ring_wait(const struct ring_reader *reader, int64_t timeout_ns);
uint64_t ring_head(const struct ring_reader *reader); // newest published sequence, 0 = none
bool ring_closed(const struct ring_reader *reader);

#endif
