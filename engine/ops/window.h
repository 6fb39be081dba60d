// SPDX-License-Identifier: Apache-2.0
//
// Sizes of everything that slides a window over a picture: output size and leading padding, as
// TFLite computes them (padding SAME: total split in halves, the smaller first).

#ifndef QEDGE_ENGINE_OPS_WINDOW_H
#define QEDGE_ENGINE_OPS_WINDOW_H

#include "engine/build.h"

#define WINDOW_STEP_MAX 4096 // biggest stride, dilation and filter side that is taken for real

struct window_axis {
    int32_t in, filter, stride, dilation;
    int32_t out, pad; // results
};

// 0, or the error for numbers that make no sense (names them).
int window_solve(struct build *build, int32_t padding, struct window_axis *axis);

#endif
