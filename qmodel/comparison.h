// SPDX-License-Identifier: Apache-2.0
//
// What qmodel compare has found out about two models: A is the one to be like, B the one that is
// judged. compare.c fills it with answers, compare_layers.c with layers, compare_costs.c with times
// and energy; the three reports print it.

#ifndef QEDGE_QMODEL_COMPARISON_H
#define QEDGE_QMODEL_COMPARISON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/context.h"
#include "engine/stored.h"
#include "qmodel/ranges.h"
#include "qmodel/samples.h"

#define COMPARISON_TIMES 4096 // p50 and p99 are those of the last so many runs
#define COMPARISON_BINS 61    // of the reports' histograms

struct comparison_side {
    const char *path;
    struct model *model;
    struct context *context;
    struct samples samples;
    struct stored stored;
    uint64_t file_bytes, weight_bytes, weight_elements;
    uint64_t times_ns[COMPARISON_TIMES], runs;
    double p50_us, p99_us;
    double joules;  // an inference; below 0: not known
    uint32_t right; // of the samples whose class is known
};

// One layer of B and the one of A that does the same.
struct comparison_layer {
    const char *name, *op; // B's
    int32_t tensors[2];    // outputs in A's and B's file
    uint32_t operators[2]; // in the files: for the weights
    uint64_t elements;
    uint32_t channels;             // of the innermost axis
    struct comparison_gain *gains; // NULL, or one a channel (compare_gains.c)
    float *values;                 // B's output of the sample at hand, as numbers in A's terms
    // Sums over all values of the samples looked at. own: A's layer on B's input against B's
    // output: what this layer alone adds. whole: A's run against B's: what has come together up to
    // here.
    double own_signal, own_noise, whole_signal, whole_noise;
    struct range seen[2]; // values in A's and B's own runs
};

struct comparison {
    struct comparison_side sides[2];
    const char *data;
    uint32_t samples, known, same_best, in_five;
    uint64_t values;                  // of all outputs
    double signal, noise, difference; // sums of A^2, (A-B)^2, |A-B|
    struct comparison_layer *layers;  // in the order in which B runs them
    uint32_t layer_count, layer_samples;
    uint32_t unmatched; // layers of B without a counterpart
    bool rescaled;      // B's channels are A's times a factor
    bool scanning;      // while those are estimated
    char meter[160];    // what measured the energy, or why nothing did
};

// Decibels; infinite when there is no noise, NaN when there is neither.
double comparison_db(double signal, double noise);
// "38.21", "exact" (no noise), "-" (no values). Returns text.
const char *comparison_db_text(double signal, double noise, char *text, size_t size);
// Indices of the `count` layers that add most (least own SQNR first) into `worst`; returns how many
// there are.
uint32_t comparison_worst(const struct comparison *c, uint32_t count, uint32_t *worst);

// ---- compare_costs.c --------------------------------------------------------
// One inference of what the side's context has as inputs; its time is kept. `team`: NULL or as many
// members as the context was made for.
void comparison_run(struct comparison_side *side, struct team *team);
// After the last sample (there was one): goes on with it, both sides in turns, until percentiles
// have enough runs (a second at most), and then for two seconds to measure energy where the machine
// has a meter. Leaves p50_us, p99_us, joules and meter; times_ns is sorted. 0 or the exit code, the
// line written.
int comparison_measure_costs(struct comparison *c, struct team *team);

// ---- compare_layers.c -------------------------------------------------------
// Pairs the layers of both models. 0 or the exit code, the line written.
int comparison_pair(struct comparison *c);
// Runs the first samples to learn what factors B's channels have. 0 or the exit code.
int comparison_scan(struct comparison *c);
// Takes in one sample. 0 or the exit code.
int comparison_add_layers(struct comparison *c, uint32_t sample);
void comparison_finish_layers(struct comparison *c);

// ---- compare_gains.c --------------------------------------------------------
// Looks at the weights: is B rescaled? Makes room for the factors then. 0 or -ENOMEM.
int comparison_gains_start(struct comparison *c);
void comparison_gains_add(struct comparison_layer *layer, uint64_t index, float a, float b);
void comparison_gains_solve(struct comparison_layer *layer);
// What B's value `index` is to be divided by.
float comparison_gain(const struct comparison_layer *layer, uint64_t index);

// ---- reports ----------------------------------------------------------------
// `worst` layers are shown; JSON has all of them.
void comparison_print(const struct comparison *c, uint32_t worst);
int comparison_print_json(const struct comparison *c);
// A page that needs nothing else. 0 or -errno.
int comparison_write_html(const struct comparison *c, uint32_t worst, const char *path);

#endif
