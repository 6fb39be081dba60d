// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: the weights of one axis of a resize, as convert.h defines them, in exact
// integers.

#ifndef QEDGE_IMAGING_CONVERT_TAPS_H
#define QEDGE_IMAGING_CONVERT_TAPS_H

#include <stdint.h>

struct taps_axis {
    int32_t offset, length; // the crop on this axis, in picture pixels
    int32_t step;           // pixels a sample stands for: 1, or 2 for halved chroma
    int32_t samples;        // that the plane has on this axis
    int32_t targets;
    int32_t sum; // of the weights of one target
};

struct taps {
    int32_t targets;
    int32_t width;     // weights stored for each target: even, the unused ones 0
    int32_t *first;    // [targets] first sample
    int32_t *used;     // [targets] samples that count, 1..width
    int16_t *weights;  // [targets][width]
    int32_t low, high; // every sample used is in [low, high)
};

// 0 or -ENOMEM. The axis has been checked: offset >= 0, length, samples, targets >= 1, within
// IMAGE_SIDE_MAX.
int taps_create(struct taps *taps, const struct taps_axis *axis);
void taps_finish(struct taps *taps); // takes an all-zero one

#endif
