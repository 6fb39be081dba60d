// SPDX-License-Identifier: Apache-2.0
//
// Pictures taken live from a stream of a running qedged: "ring:STREAM" or "ring:STREAM:COUNT". They
// are taken once a process, into a file without a name, so that everything that reads them (two
// models, several passes) sees the same ones and memory holds one at a time.

#ifndef QEDGE_QMODEL_RING_FRAMES_H
#define QEDGE_QMODEL_RING_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "imaging/image.h"

#define RING_FRAMES_DEFAULT 100
#define RING_FRAMES_MAX 10000

bool ring_frames_is(const char *data); // does it begin with "ring:"?
// Takes the pictures; *count = how many. 0, or the exit code with the line written.
int ring_frames_take(const char *command, const char *data, uint32_t *count);
// Picture `index`; its planes are valid until the next call. 0 or -errno.
int ring_frames_get(uint32_t index, struct image *image);

#endif
