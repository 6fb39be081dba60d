// SPDX-License-Identifier: Apache-2.0
//
// The upper lines of `qctl top`: is it well, since when, what it costs, how the machine is.

#ifndef QEDGE_CTL_TOP_HEAD_H
#define QEDGE_CTL_TOP_HEAD_H

#include <stdbool.h>
#include <time.h>

#include "ctl/frame.h"
#include "ctl/top_sample.h"

// Two lines; what is done for a budget, and reason and hint where there is something to do, are one
// more each. gone: when the
// daemon's answers ended, of a sample without them. What does not fit is left out as a whole, what
// matters least first.
void top_head_draw(struct frame *frame, const struct top_sample *sample, time_t gone, bool paused);

#endif
