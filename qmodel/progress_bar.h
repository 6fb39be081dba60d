// SPDX-License-Identifier: Apache-2.0
//
// A bar with the time that is left, on stderr while that is a terminal; else nothing at all.

#ifndef QEDGE_QMODEL_PROGRESS_BAR_H
#define QEDGE_QMODEL_PROGRESS_BAR_H

#include <stdbool.h>
#include <stdint.h>

struct progress_bar {
    const char *what; // borrowed
    uint64_t count, start_ns, shown_ns;
    bool on;
};

void progress_bar_start(struct progress_bar *progress, const char *what, uint64_t count);
// `done` of count are finished. Draws ten times a second at most.
void progress_bar_step(struct progress_bar *progress, uint64_t done);
// Wipes the line: before anything else is printed.
void progress_bar_finish(struct progress_bar *progress);

#endif
