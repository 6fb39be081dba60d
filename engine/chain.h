// SPDX-License-Identifier: Apache-2.0
//
// A chain: layers run together, band by band of output rows, so that the pictures between them
// never exist as a whole. A band needs some rows of the stage before, those some of the one before
// them, and so on; they lie in small buffers in the scratch that stay in the cache, and the rows
// that the next band needs too are kept. Every row is computed by its layer's own kernel, told that
// the picture is as high as the band: the same bytes as layer by layer.
//
// To the executor a chain is one layer whose units are output rows: threads meet once for all its
// stages. Only what lies on both sides of a cut between two threads is computed twice.

#ifndef QEDGE_ENGINE_CHAIN_H
#define QEDGE_ENGINE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/layer.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/conv.h"

enum {
    CHAIN_STAGES_MAX = 8,
    CHAIN_REACH_MAX = 16, // rows that a window may span
    CHAIN_STRIDE_MAX = 4,
    CHAIN_ROWS_MAX = 512, // rows of a stage that a band may need
};

// One layer of a chain. Batch 1; a picture's row is contiguous.
struct chain_stage {
    const struct conv_params *conv;        // or NULL: two operands of one shape,
    const struct broadcast_layer *element; // and this
    int32_t other;                         // element: the chain's input that is the other operand;
    bool other_first;                      // it is operand a
    int32_t in_h, out_h;
    size_t in_row, out_row;     // bytes
    int32_t stride, reach, pad; // of the window, in rows; 1, 1, 0 for element
    // Rows of the output that are kept at once, and where in the scratch; not of the last stage.
    int32_t rows;
    size_t offset;
};

struct chain {
    int32_t count;
    int32_t band; // output rows of a band
    struct chain_stage stages[CHAIN_STAGES_MAX];
};

// The bytes that bands of `band` rows take, SIZE_MAX when a stage would have too many.
size_t chain_bands(struct chain *chain, int32_t band);
// Lays the scratch out for such bands, which fit: first what any stage's kernel needs, then theirs.
// Returns the scratch that a thread needs.
size_t chain_layout(struct chain *chain, int32_t band);

// params: struct chain. io->in[0]: the picture; units: output rows of the last stage.
layer_run chain_run;

#endif
