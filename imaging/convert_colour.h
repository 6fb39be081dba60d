// SPDX-License-Identifier: Apache-2.0
//
// Inside imaging: from resized components to output channels, as a matrix in fixed point.

#ifndef QEDGE_IMAGING_CONVERT_COLOUR_H
#define QEDGE_IMAGING_CONVERT_COLOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "imaging/image.h"

#define COLOUR_SHIFT 19 // 1/64 steps of the components times 1/8192 of the matrix

// channel[c] = clamp((sum over k of matrix[c][k] * component[k] + bias[c]) >> COLOUR_SHIFT, 0,
// 255). Components are 0..255 * 64; every sum fits int32. What is not used is 0.
struct colour_mix {
    int32_t components, channels; // 1 or 3
    bool copy;                    // channel c is component c, or all are component 0
    bool reversed;                // components are wanted as B G R
    int16_t matrix[3][3];
    int32_t bias[3];
};

// The mix for a picture's format, matrix and range; components are R G B or Y U V (Y alone when
// channels is 1). `bgr` turns the order of 3 channels round.
void colour_mix_init(struct colour_mix *mix, const struct image *like, int32_t channels, bool bgr);

#endif
