// SPDX-License-Identifier: Apache-2.0
//
// Bias correction (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
// Correction", 2019, 4.2): rounding weights shifts a channel's mean output by sum over its weights
// of (rounded - real) * mean input. What that shift will be is known from calibration, and the bias
// takes it back.

#ifndef QEDGE_QMODEL_CORRECTION_H
#define QEDGE_QMODEL_CORRECTION_H

#include "engine/draft.h"
#include "qmodel/ranges.h"

// The tensor whose values the layer `op` reads, looked up past what only moves them (reshapes) or
// pads them with zeros; -1 for an operator without weights.
int32_t correction_source(const struct draft *draft, uint32_t op);
// How many means the layer's input has: one for each input channel.
uint32_t correction_channels(const struct draft *draft, uint32_t op);

// Subtracts the shift from bias[output channels]. `weights` are the layer's floats, `rounded` their
// int8 form, `input` what calibration saw of correction_source, `means` of the channels of the same
// tensor in the integer model: what layers before have shifted is taken back, too; NULL = the float
// model's. False, and nothing changed, when the means do not fit the layer.
bool correction_apply(const struct draft_operator *op, const struct draft_tensor *weights,
                      const struct draft_tensor *rounded, const struct range *input,
                      const double *means, float *bias);

// Biases as the whole numbers that `bias`, int32 or int64, has at `steps`.
void correction_store(const float *values, const struct draft_tensor *bias, void *steps);

#endif
