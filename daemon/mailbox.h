// SPDX-License-Identifier: Apache-2.0
//
// One place for one frame between a source and a stream: the newest wins, the one it replaces is
// dropped and counted by whoever put the new one. A swap of one pointer: no lock, nothing to wait
// for.

#ifndef QEDGE_DAEMON_MAILBOX_H
#define QEDGE_DAEMON_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/frame.h"

struct mailbox {
    _Atomic(struct frame *) frame;
};

// Takes over one reference of frame. Returns the frame it replaced (its reference is the caller's
// now) or NULL.
static inline struct frame *mailbox_put(struct mailbox *mailbox, struct frame *frame)
{
    return atomic_exchange_explicit(&mailbox->frame, frame, memory_order_acq_rel);
}

// The frame with its reference, or NULL.
static inline struct frame *mailbox_take(struct mailbox *mailbox)
{
    return atomic_exchange_explicit(&mailbox->frame, NULL, memory_order_acq_rel);
}

static inline bool mailbox_full(const struct mailbox *mailbox)
{
    return atomic_load_explicit(&mailbox->frame, memory_order_relaxed) != NULL;
}

#endif
