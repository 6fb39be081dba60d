// SPDX-License-Identifier: Apache-2.0
//
// How far an integer model's first output is from the float model's, sample by sample, and whether
// one model is nearer than another or only luckier.
//
// The squared error of a classifier's output is mostly that of the few samples it is unsure of: of
// two models as good as each other one has 20 % less error on 100 samples by chance. So errors are
// compared in pairs: a model is better when the mean of (other's error - its own) is more than
// JUDGE_DEVIATIONS times what that mean scatters by, and the error less on each half.

#ifndef QEDGE_QMODEL_JUDGE_H
#define QEDGE_QMODEL_JUDGE_H

#include <stdbool.h>

#include "engine/draft.h"
#include "qmodel/sweep.h"

#define JUDGE_MOST 2048 // samples of a half that are run: memory does not grow with the data
#define JUDGE_DEVIATIONS 1.5

struct verdict {
    uint32_t count, first; // samples; those of the half that was judged first
    double total;          // of the errors
    double errors[2 * JUDGE_MOST];
};

// Adds the squared differences of the outputs on one half of the samples (options->part) to the
// verdict, which is zero at first and takes both halves. Before the quantizer puts other types at
// the edges. 0, or the exit code with the line written.
int judge_model(const struct sweep_options *options, const struct draft *real,
                const struct draft *integer, struct verdict *verdict);
bool judge_is_better(const struct verdict *verdict, const struct verdict *other);

#endif
