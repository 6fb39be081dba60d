// SPDX-License-Identifier: Apache-2.0
//
// Runs one model, or two side by side, over all representative inputs and shows every tensor to a
// watcher, on several threads, so that the number of threads does not matter:
//
//     samples   0 1 2 3 4 5 6 7 8 …      lane = sample % SWEEP_LANES; a thread works on whole lanes
//     lane      0 1 2 3 0 1 2 3 0 …
//
// A lane sees its samples in order. Who gathers sums whose rounding depends on the order keeps one
// for each lane and adds them up, lane by lane, in the end. Float models run on the C kernels,
// whose sums are the same on every CPU; integer models on the quickest, which all give the same
// bytes.

#ifndef QEDGE_QMODEL_SWEEP_H
#define QEDGE_QMODEL_SWEEP_H

#include "engine/draft.h"
#include "qmodel/picture_input.h"

#define SWEEP_LANES 4

// Which samples: all, or one of two halves, every other one, of which one is fitted to and the
// other, which nothing was fitted to, tells how good that is. With one sample HELD has none.
enum sweep_part { SWEEP_ALL, SWEEP_FIT, SWEEP_HELD };

struct sweep_options {
    const char *command, *data;
    struct picture_options picture;
    uint32_t threads;
    uint32_t most;    // samples, evenly spread over the part; 0 = all
    enum sweep_part part;
    const char *what; // for the progress line, "calibrating"
};

struct sweep_samples {
    uint32_t count; // how many were run
    bool bounded;   // they were pictures, whose pixels give inputs in [low, high]
    float low, high;
};

// Called on the running thread for model `which` (0 or 1), with its input and then each layer's
// outputs; `tensor` is the draft's number. Calls of one lane never overlap. A negative errno stops
// the sweep.
typedef int sweep_watcher(void *arg, uint32_t lane, uint32_t sample, uint32_t which, int32_t tensor,
                          const void *data);

// `count` models, 1 or 2; of each sample the first runs first. The drafts are written as files and
// loaded anew. 0, or the exit code with the line written.
int sweep_run(const struct sweep_options *options, const struct draft *const *drafts,
              uint32_t count, sweep_watcher *watcher, void *arg, struct sweep_samples *samples);

#endif
