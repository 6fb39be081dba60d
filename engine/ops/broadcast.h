// SPDX-License-Identifier: Apache-2.0
//
// Two tensors of different shapes against each other, NumPy's rules, cut into long runs:
// neighbouring dimensions in which the same sides repeat are merged, the last one is the run.

#ifndef QEDGE_ENGINE_OPS_BROADCAST_H
#define QEDGE_ENGINE_OPS_BROADCAST_H

#include "engine/build.h"

enum broadcast_side { BROADCAST_NONE, BROADCAST_A_REPEATS, BROADCAST_B_REPEATS };

struct broadcast {
    int32_t rank; // 0: one element
    int32_t dims[TENSOR_RANK_MAX];
    enum broadcast_side sides[TENSOR_RANK_MAX];
    int64_t runs;             // how many runs
    int64_t length;           // elements of a run
    enum broadcast_side side; // which operand is one value within a run
};

// Checks the shapes of inputs 0 and 1, gives output 0 its shape and fills `broadcast`.
int broadcast_solve(struct build *build, struct broadcast *broadcast);
// Element offsets of run `index` in both operands.
void broadcast_offsets(const struct broadcast *broadcast, int64_t index, size_t *a, size_t *b);

// One run: out[i] = a[i] op b[i], `b` one value when b_scalar. When the operands were exchanged to
// make it so, `swapped` says it.
typedef void broadcast_row(const void *params, bool swapped, const void *a, const void *b,
                           bool b_scalar, void *out, size_t n);

// Params of a broadcast layer start with this.
struct broadcast_layer {
    struct broadcast broadcast;
    broadcast_row *row;
    size_t element;
    int32_t tile; // how many short runs are done as one, the repeated operand tiled in the scratch;
                  // 1 = not
};

// Adds the layer; `layer` is the head of params that were filled but for the broadcast.
int broadcast_add(struct build *build, struct broadcast_layer *layer, const char *kernel);

// A layer whose operands both have its output's shape, or NULL.
const struct broadcast_layer *broadcast_plain(const struct layer *layer);

#endif
