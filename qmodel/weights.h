// SPDX-License-Identifier: Apache-2.0
//
// Weights of convolutions and fully connected layers in fewer bits. The maths is in
// docs/QUANTIZATION.md.

#ifndef QEDGE_QMODEL_WEIGHTS_H
#define QEDGE_QMODEL_WEIGHTS_H

#include <stdbool.h>

#include "engine/draft.h"

// Is input `index` of this operator the weights of a convolution, depthwise convolution or fully
// connected layer?
bool weights_are(const struct draft_operator *op, uint32_t index);
// The axis of its output channels.
int32_t weights_axis(const struct draft_operator *op);

// All numbers finite? Else -EINVAL with the line written.
int weights_check(const struct draft *draft, struct model_error *error);

// Every float constant that a convolution or fully connected layer reads (weights and biases)
// becomes float16, nearest, half to even, with a DEQUANTIZE before its readers. What does not fit
// float16 (beyond 65504) is an error.
int weights_to_half(struct draft *draft, struct model_error *error);

// int8, symmetric: q = round(w / scale) in [-127, 127], scale = max |w| / 127 of each output
// channel, or of the whole tensor. `clipped`: instead, of 41 scales from that to half of it the one
// whose q have the least squared error. `floor`: NULL or the least scale of each channel. Returns
// the index of a new tensor, or -ENOMEM.
int32_t weights_to_int8(struct draft *draft, const struct draft_operator *op, bool per_tensor,
                        bool clipped, const float *floor);

// Dynamic range: int8 weights of at least `least` elements, biases and activations stay float.
int weights_to_dynamic(struct draft *draft, bool per_tensor, int64_t least,
                       struct model_error *error);

#endif
