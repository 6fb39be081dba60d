// SPDX-License-Identifier: Apache-2.0
//
// Which way to round each weight of a layer, so that its outputs err least on the calibration data,
// instead of each weight by itself. With q the whole numbers, s the scale, w the real weights of
// one output channel and x its inputs, what counts is
//
//     E (w x - s q x)^2 = (w - s q)' H (w - s q),     H = E x x'
//
// H = R' R (Cholesky), and from the last weight to the first each is rounded to what is best
// given those behind it (Babai's nearest plane, which is what GPTQ does: Frantar et al. 2022); then
// single weights move by one step as long as that lowers the error. AdaRound (Nagel et al. 2020)
// minimises the same by gradient descent from random pictures; this is closed, deterministic and
// takes seconds.
//
// Few rows say little about H: it is drawn towards its diagonal, the more the fewer rows a weight
// has.

#ifndef QEDGE_QMODEL_ROUNDING_H
#define QEDGE_QMODEL_ROUNDING_H

#include "qmodel/moments.h"

// Rewrites `q`, the int8 weights of the layer that `moments` belongs to, as `layer` has them laid
// out, whose scales stay. `weights` are the real ones. 0, or -ENOMEM.
int rounding_layer(const struct moments *moments, const struct draft_operator *layer,
                   const struct draft_tensor *weights, const struct draft_tensor *rounded,
                   int8_t *q);

#endif
