// SPDX-License-Identifier: Apache-2.0
//
// From a float draft to an integer one. `fast` goes one way. `best` tries others, one thing after
// the other, and keeps what errs less:
//
//     ranges by least square error, of all values, of all but the rarest 0.01 %
//     equalization half, in full, not at all
//     rounding that looks at a little of the data, at more
//
// What the user chose is not varied. A way is judged by what it has not seen: it is fitted to one
// half of the samples and its outputs' error taken on the other half, and the other way round. The
// best one is then gone with all samples, if it is clearly nearer to the float model than fast's
// (judge.h). Where it is not, or where the file so made is further away than fast's after all, the
// result is fast's, byte for byte.

#ifndef QEDGE_QMODEL_SEARCH_H
#define QEDGE_QMODEL_SEARCH_H

#include "qmodel/attempt.h"

#define SEARCH_LEAST 16 // samples; with fewer nothing can be told, and best is fast

struct search_options {
    struct attempt_options attempt; // part: all
    bool best, equalization, rounding;
    bool calibration_given; // integer.method is the user's choice
};

struct search_result {
    struct attempt attempt; // borrows from the float draft
    // `best` only: whether another way than fast's was taken, what its error on samples that it had
    // not seen is in decibels below fast's, and how many those were; 0 = too few to judge by.
    bool other;
    double gain;
    uint32_t held;
};

// 0, or the exit code with the line written. Inputs and outputs are int8 or int16. search_finish is
// the caller's in both cases.
int search_integer(const struct search_options *options, const struct draft *real,
                   struct search_result *result);
void search_finish(struct search_result *result);

#endif
