// SPDX-License-Identifier: Apache-2.0
//
// Layers that only move elements: every copy between boxes of two tensors is a nest of loops with
// one stride per loop on each side. Concatenation, split, slice, transpose and pad are lists of
// these.

#ifndef QEDGE_ENGINE_OPS_MOVE_H
#define QEDGE_ENGINE_OPS_MOVE_H

#include "engine/build.h"

struct move {
    uint32_t in, out; // which of the layer's tensors
    int32_t rank;
    int32_t dims[TENSOR_RANK_MAX];
    int64_t in_at, out_at; // first element on each side
    int64_t in_stride[TENSOR_RANK_MAX], out_stride[TENSOR_RANK_MAX];
    const uint8_t *table; // bytes are looked up on the way; NULL = plain copy
};

struct move_params {
    size_t element; // bytes
    uint32_t count;
    struct move *moves;
    bool fill; // output 0 is filled with `value` first
    uint8_t value[8];
    size_t out_elements; // of output 0
};

// A layer's params with room for `count` moves; element size is output 0's. NULL after the error.
struct move_params *move_create(struct build *build, uint32_t count);
// A copy of outer rows of `length` elements: row pitch `in_pitch` and `out_pitch` elements.
void move_set_rows(struct move *move, int64_t outer, int64_t length, int64_t in_pitch,
                   int64_t out_pitch);
// Dense row-major strides of a tensor's shape.
void move_strides(const struct graph_tensor *tensor, int64_t stride[TENSOR_RANK_MAX]);

void move_run(const void *params, const struct layer_io *io, void *scratch, int32_t first,
              int32_t last);

// Checks that both tensors have one type that the engine reads, in the file too (no uint8/int8
// mix).
int move_same_type(struct build *build, const struct graph_tensor *a, const struct graph_tensor *b);

#endif
