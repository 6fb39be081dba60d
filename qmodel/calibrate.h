// SPDX-License-Identifier: Apache-2.0
//
// Runs a float model on representative data and gathers the range of every activation. The model
// runs on the C kernels, whatever the CPU has: their sums are the same everywhere, so the ranges
// and the file made from them are.

#ifndef QEDGE_QMODEL_CALIBRATE_H
#define QEDGE_QMODEL_CALIBRATE_H

#include "engine/draft.h"
#include "qmodel/ranges.h"
#include "qmodel/sweep.h"

struct calibrate_options {
    struct sweep_options sweep;
    enum calibration method;
    // Of which tensors channels are looked at, too: none; what layers with weights read; every one.
    enum { CALIBRATE_NO_CHANNELS, CALIBRATE_LAYERS, CALIBRATE_CHANNELS } channels;
};

// `ranges` has one zeroed entry for each of the draft's tensors; those of activations are filled
// (range_finish is the caller's, also after an error). A model that takes pictures gets the range
// of all pixels for its input. 0, or the exit code with the line written; *samples = how many were
// run.
int calibrate(const struct draft *draft, const struct calibrate_options *options,
              struct range *ranges, uint32_t *samples);

#endif
