// SPDX-License-Identifier: Apache-2.0
//
// Cross-layer equalization multiplies a channel by a factor in one layer and divides by it in the
// next: the net computes the same, but inner values are others. That it was done shows in the
// weights, which differ by more than any rounding. Then each channel's factor is estimated from
// what A and B make of a few samples, and B's values are divided by it before layers are compared.

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "qmodel/comparison.h"

#define ROUNDED_MOST 0.01 // of the weights' energy: 20 dB, worse than 8 bits a tensor make of most
#define ALIKE_LEAST 0.98  // squared correlation of a channel that is the same but for a factor
#define FACTOR_LEAST 0.02 // a factor nearer to 1 than this is an error, and stays one

struct comparison_gain {
    double aa, ab, bb; // sums over A's and B's values
    float factor;
};

static bool is_rescaled(const struct comparison *c, const struct comparison_layer *l)
{
    struct stored_weights w[2];
    double signal = 0, noise = 0;
    for (uint32_t s = 0; s < 2; s++)
        if (!stored_weights_get(&c->sides[s].stored, l->operators[s], &w[s]))
            return false;
    if (w[0].elements != w[1].elements || w[0].axis != w[1].axis || w[0].channels != w[1].channels)
        return false;
    for (int64_t i = 0; i < w[0].elements; i++) {
        double a = (double)stored_value(&w[0], i), d = a - (double)stored_value(&w[1], i);
        signal += a * a;
        noise += d * d;
    }
    return noise > ROUNDED_MOST * signal;
}

int comparison_gains_start(struct comparison *c)
{
    for (uint32_t i = 0; i < c->layer_count && !c->rescaled; i++)
        c->rescaled = is_rescaled(c, &c->layers[i]);
    for (uint32_t i = 0; c->rescaled && i < c->layer_count; i++) {
        struct comparison_layer *l = &c->layers[i];
        l->gains = calloc(l->channels, sizeof(*l->gains));
        if (!l->gains)
            return -ENOMEM;
        for (uint32_t k = 0; k < l->channels; k++)
            l->gains[k].factor = 1;
    }
    return 0;
}

void comparison_gains_add(struct comparison_layer *l, uint64_t index, float a, float b)
{
    struct comparison_gain *g = &l->gains[index % l->channels];
    g->aa += (double)a * (double)a;
    g->ab += (double)a * (double)b;
    g->bb += (double)b * (double)b;
}

void comparison_gains_solve(struct comparison_layer *l)
{
    for (uint32_t k = 0; k < l->channels; k++) {
        struct comparison_gain *g = &l->gains[k];
        double factor = g->aa > 0 ? g->ab / g->aa : 1;
        bool alike = factor > 0 && g->ab * g->ab >= ALIKE_LEAST * g->aa * g->bb;
        g->factor = alike && fabs(factor - 1) > FACTOR_LEAST ? (float)factor : 1;
    }
}

float comparison_gain(const struct comparison_layer *l, uint64_t index)
{
    return l->gains ? l->gains[index % l->channels].factor : 1;
}
