// SPDX-License-Identifier: Apache-2.0
//
// Makes a converted model better with the calibration data: weights rounded together (rounding.h),
// then biases that give each layer the float model's mean output, measured in the integer model
// itself (correction.h). Memory is bounded: layers whose moments do not fit at once are done in
// several sweeps over the samples.

#ifndef QEDGE_QMODEL_REFINE_H
#define QEDGE_QMODEL_REFINE_H

#include "qmodel/ranges.h"
#include "qmodel/sweep.h"

struct refine_options {
    struct sweep_options sweep; // most: how many samples there are
    bool rounding, bias_correction;
    uint32_t per_input; // rows of inputs looked at for each number in one
};

// `integer` is what integer_convert made of a copy of `real` (tensors keep their numbers), `ranges`
// what calibration saw of it. `probe`: the int8 model whose inputs are looked at: `integer` itself,
// or for 16x8 an int8 form of the same. 0, or the exit code with the line written.
int refine(const struct refine_options *options, const struct draft *real,
           const struct range *ranges, const struct draft *probe, struct draft *integer);

#endif
