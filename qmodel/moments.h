// SPDX-License-Identifier: Apache-2.0
//
// What rounding needs to know of a layer's inputs: how its products move together. Rows are what
// one output element of a layer reads (a patch of a convolution, the vector of a fully connected
// layer, one channel's patch of a depthwise convolution); of `size` numbers each. Gathered from an
// integer model:
//
//     x  a row, in steps of the input           square[i][j] = sum x_i x_j, for j >= i
//
// All are whole numbers, so neither threads nor vectors nor the order of samples can change them.
// Long rows are cut into blocks of at most MOMENTS_BLOCK whose numbers are taken as independent.

#ifndef QEDGE_QMODEL_MOMENTS_H
#define QEDGE_QMODEL_MOMENTS_H

#include "engine/draft.h"
#include "qmodel/sweep.h"

#define MOMENTS_BLOCK 2048

struct moments {
    uint32_t layer;  // operator of the integer draft
    int32_t source;  // tensor whose values it reads, looked up past what only moves them
    uint32_t groups; // depthwise: channels, each with moments of its own; else blocks of a row
    uint32_t size;   // numbers in a group
    uint32_t width;  // of a whole row: groups * size, the last block may be shorter
    uint64_t rows;
    int64_t *square; // groups x size x size, the upper halves
    // How rows are cut from the source, [height, wide, depth].
    int32_t height, wide, depth, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w,
        top, left, out_h, out_w;
    bool depthwise;
    int32_t zero_point;
};

// What layer `layer` of an integer draft needs, nothing gathered yet. False when its rows cannot be
// cut (grouped convolutions, other than 4 dimensions).
bool moments_plan(struct moments *moments, const struct draft *draft, uint32_t layer);
size_t moments_bytes(const struct moments *moments);

// Gathers for `count` layers in one sweep over the samples. `per_input`: about how many rows for
// each number in one. options->most must say how many samples there are. Memory is the caller's to
// give back with moments_finish, also after an error. 0, or the exit code with the line written.
int moments_gather(struct moments *moments, uint32_t count, const struct draft *integer,
                   const struct sweep_options *options, uint32_t per_input);
void moments_finish(struct moments *moments);

#endif
