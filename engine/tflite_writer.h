// SPDX-License-Identifier: Apache-2.0
//
// A draft as the bytes of a .tflite file: schema version 3, one subgraph, equal constants stored
// once, then the files (labels) that were packed to the end of the draft's own file. Same draft,
// same bytes.

#ifndef QEDGE_ENGINE_TFLITE_WRITER_H
#define QEDGE_ENGINE_TFLITE_WRITER_H

#include <stdint.h>

#include "engine/draft.h"

// *bytes for free(). 0, -ENOMEM, -EFBIG (2 GiB).
int tflite_write(const struct draft *draft, uint8_t **bytes, size_t *size);

#endif
