// SPDX-License-Identifier: Apache-2.0
//
// Cross-layer equalization: one scale serves all channels of an activation, so channels that stay
// small have few steps. A channel x between two layers may as well be x / f if the layer before
// makes it so and the layer behind multiplies by f: the model computes the same (Nagel et al.,
// "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, 4.1). What limits
// it is the weights behind, whose steps are shared by the inputs of one output channel. Per channel
// the f is chosen that makes the least of both errors:
//
//     f^2 * a + b / f^2       a = (step of the activation)^2 * sum over outputs of w^2
//                             b = sum over outputs of (step of its weights)^2 * E x^2
//     f^4 = b / a, between what fills the activation's range and 1
//
// Depthwise layers behind have no b: each channel has steps of its own. Of that, f^strength is
// taken: calibration cuts rare values off, of which a channel that fills the range has more, so
// that half the way is often better than all of it.
//
// Layers need not be neighbours: all tensors that operators without weights (additions, pools,
// padding) join have the same f. ReLU commutes with it, ReLU6 does not: its 6 would be another
// number for each channel. (Enlarging only what stays below 6 on the data was tried: channels that
// rarely speak up lose more, in EfficientNet-Lite0 9 dB.)

#ifndef QEDGE_QMODEL_EQUALIZE_H
#define QEDGE_QMODEL_EQUALIZE_H

#include "engine/draft.h"
#include "qmodel/ranges.h"

// Rescales the draft's float weights and biases. `ranges`: of all tensors, with channels
// (CALIBRATE_CHANNELS); void afterwards for tensors that changed. `steps`: of an activation's
// range, 255, or 65535 for 16x8. `strength` in (0, 1]. Returns the number of channels changed or
// -ENOMEM.
int equalize(struct draft *draft, const struct range *ranges, double steps, double strength);

#endif
