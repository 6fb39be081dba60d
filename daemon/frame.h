// SPDX-License-Identifier: Apache-2.0
//
// One captured image on its way to the workers. It lives in a buffer of its source (for a camera
// the very buffer that the driver filled); whoever holds a reference may read the pixels. The last
// one to let go hands the buffer back to the source, on whatever thread that is.

#ifndef QEDGE_DAEMON_FRAME_H
#define QEDGE_DAEMON_FRAME_H

#include <stdatomic.h>
#include <stdint.h>

#include "imaging/image.h"

struct source;

struct frame {
    struct image image;
    uint64_t number;    // counts at the source, gaps are frames that it lost itself
    uint64_t sensor_ns; // CLOCK_MONOTONIC
    uint64_t dequeued_ns;
    uint32_t index; // of the buffer at its source
    _Atomic int32_t refs;
    struct source *source;
};

// Drops one reference; NULL is fine. Any thread; takes no lock that waits for I/O.
void frame_release(struct frame *frame);

#endif
