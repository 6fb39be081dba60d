// SPDX-License-Identifier: Apache-2.0
//
// What one worker thread has for itself: a JPEG decoder and the conversion plans it has used
// lately.

#ifndef QEDGE_DAEMON_WORKER_H
#define QEDGE_DAEMON_WORKER_H

#include <stdint.h>

#include "imaging/convert.h"
#include "imaging/decode.h"
#include "imaging/image.h"

struct network;

#define WORKER_PLANS 8 // geometries x models that a worker remembers

struct worker_plan {
    uint64_t network; // number of the network, 0 = empty
    struct convert *convert;
    uint64_t used;
};

struct worker {
    uint32_t index;
    struct jpeg_decoder *jpeg; // made with the first JPEG
    struct worker_plan plans[WORKER_PLANS];
    uint64_t clock; // counts uses, for the oldest plan
};

int worker_init(struct worker *worker, uint32_t index);
void worker_finish(struct worker *worker);

// Converts a frame's image into dst, the network's input. -EBADMSG or another -errno: the frame is
// bad. Allocates only for a geometry that this worker has not seen lately.
int worker_preprocess(struct worker *worker, const struct network *network,
                      const struct image *image, void *dst);

#endif
