// SPDX-License-Identifier: Apache-2.0
//
// Where a frame's time goes: a bar that is divided among the stages. A kind of cell for each stage,
// so that it can be read without colour.

#ifndef QEDGE_CTL_STAGE_BAR_H
#define QEDGE_CTL_STAGE_BAR_H

#include "ctl/paint.h"

#define STAGE_BAR_STAGES 5 // capture, wait, preprocess, infer, publish

// Names as the daemon's JSON has them.
extern const char *const stage_bar_names[STAGE_BAR_STAGES];

// Exactly `columns` columns (1..256), dealt out in proportion to shares[] (any unit, >= 0; a sum of
// 0: spaces). The largest remainders get what is left over by rounding.
void stage_bar_paint(struct paint_line *line, const double shares[STAGE_BAR_STAGES],
                     unsigned columns);
// What the cells mean: as much of it as the line takes.
void stage_bar_paint_legend(struct paint_line *line);

#endif
