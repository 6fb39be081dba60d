// SPDX-License-Identifier: Apache-2.0
//
// From a float draft to an integer one: equalize, calibrate, convert, refine. With `best` in
// several ways, of which the one is kept whose outputs are nearest to the float model's on the
// calibration data:
//
//     equalization in full, half, not at all
//     x  ranges by least square error, all values, all but the rarest 0.01 %
//
// What the user chose is not varied.

#ifndef QEDGE_QMODEL_SEARCH_H
#define QEDGE_QMODEL_SEARCH_H

#include "qmodel/calibrate.h"
#include "qmodel/integer.h"
#include "qmodel/refine.h"

struct search_options {
    struct calibrate_options calibrate;
    struct integer_options integer;
    struct refine_options refine;
    bool best, equalization;
    bool calibration_given; // integer.method is the user's choice
};

#define SEARCH_STRENGTHS 3

struct search_result {
    struct draft integer;                 // borrows from one of the bases and from the float draft
    struct draft bases[SEARCH_STRENGTHS]; // the float draft, equalized more or less
    uint32_t base_count, samples;
    bool found;
};

// 0, or the exit code with the line written. Inputs and outputs are int8 or int16. search_finish is
// the caller's in both cases.
int search_integer(const struct search_options *options, const struct draft *real,
                   struct search_result *result);
void search_finish(struct search_result *result);

#endif
