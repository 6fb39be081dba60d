// SPDX-License-Identifier: Apache-2.0
//
// One way of making an integer draft from a float one, by a plan: equalize, calibrate, convert,
// refine.
//
//     real ──equalize──▶ base ──calibrate──▶ ranges ──convert, refine──▶ integer
//
// The integer draft borrows from the base.

#ifndef QEDGE_QMODEL_ATTEMPT_H
#define QEDGE_QMODEL_ATTEMPT_H

#include "qmodel/calibrate.h"
#include "qmodel/integer.h"
#include "qmodel/refine.h"

struct attempt_plan {
    double strength; // of equalization, 0 = none
    enum calibration method;
    double percentile;
    bool rounding;      // learned, else to the nearest
    uint32_t per_input; // rows a weight that rounding looks at (refine.h)
};

struct attempt_options {
    struct calibrate_options calibrate; // its sweep's part: what is fitted to
    struct integer_options integer;     // the plan's method is taken instead of its own
};

struct attempt {
    struct draft base, integer; // the base borrows from the float draft
    uint32_t samples;           // calibrated with so many
    bool made;
};

// 0, or the exit code with the line written. attempt_finish is the caller's in both cases.
int attempt_make(const struct attempt_options *options, const struct attempt_plan *plan,
                 const struct draft *real, struct attempt *attempt);
void attempt_finish(struct attempt *attempt);

#endif
