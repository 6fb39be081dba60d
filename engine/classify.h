// SPDX-License-Identifier: Apache-2.0
//
// From an output tensor to a classification: the k best classes with scores as real numbers.

#ifndef QEDGE_ENGINE_CLASSIFY_H
#define QEDGE_ENGINE_CLASSIFY_H

#include "engine/model.h"

struct classify_hit {
    uint32_t index; // class
    float score;    // dequantized output value (a probability when the net ends in a softmax)
};

// Best first; equal scores: lower index first. Returns how many were written: min(k, elements).
// `data` is of `info`'s type and size. No allocation.
uint32_t classify_top_k(const struct tensor_info *info, const void *data, uint32_t k,
                        struct classify_hit *hits);

// Element `index` as a real number. `data` may be unaligned.
float classify_value(const struct tensor_info *info, const void *data, uint32_t index);

#endif
