// SPDX-License-Identifier: Apache-2.0
//
// What `qctl top` shows: the picture of a sample, and what the keys change about it.

#ifndef QEDGE_CTL_TOP_VIEW_H
#define QEDGE_CTL_TOP_VIEW_H

#include <stdbool.h>
#include <time.h>

#include "ctl/frame.h"
#include "ctl/top_order.h"
#include "ctl/top_sample.h"

struct top_view {
    struct top_order order;
    size_t first; // row of each table, where a table is longer than its place
    bool paused, help;
    time_t gone; // when the daemon's answers ended; 0: they come
};

enum top_action {
    TOP_ACTION_NONE,
    TOP_ACTION_DRAW, // another picture of the same sample
    TOP_ACTION_TAKE, // a new sample
    TOP_ACTION_QUIT,
};

// What a key of screen_wait() does.
enum top_action top_view_key(struct top_view *view, int key);
// A picture of at most `rows` lines; 0: all there is, without the line about keys (batch).
void top_view_draw(struct top_view *view, struct top_sample *sample, struct frame *frame,
                   unsigned rows);

#endif
