// SPDX-License-Identifier: Apache-2.0
#include "qmodel/rounding.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qmodel/weights.h"

#define STEPS 127.0
#define SWEEPS 12 // over a channel's weights; nearly always fewer are needed

struct problem {
    uint32_t n;   // numbers of the block
    double *h;    // n x n, symmetric
    double *root; // n x n, upper: h = root' root
    double *target, *rest, *slope;
};

static void problem_finish(struct problem *p)
{
    free(p->h);
    free(p->root);
    free(p->target);
}

static int problem_start(struct problem *p, uint32_t size)
{
    size_t square = (size_t)size * size;
    p->h = malloc(square * sizeof(*p->h));
    p->root = malloc(square * sizeof(*p->root));
    p->target = malloc(3 * (size_t)size * sizeof(*p->target));
    if (!p->h || !p->root || !p->target)
        return -ENOMEM;
    p->rest = p->target + size;
    p->slope = p->rest + size;
    return 0;
}

// ---- the matrix -------------------------------------------------------------

// E x x' of block `g`, drawn towards its diagonal.
static void set_matrix(struct problem *p, const struct moments *m, uint32_t g)
{
    const int64_t *square = m->square + (size_t)g * m->size * m->size;
    double rows = (double)m->rows, keep = rows / (rows + (double)p->n), trace = 0;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t j = i; j < p->n; j++) {
            double v = (double)square[(size_t)i * m->size + j] / rows;
            p->h[(size_t)i * p->n + j] = p->h[(size_t)j * p->n + i] = i == j ? v : v * keep;
        }
    for (uint32_t i = 0; i < p->n; i++)
        trace += p->h[(size_t)i * p->n + i];
    for (uint32_t i = 0; i < p->n; i++) // inputs that never move get something to divide by
        p->h[(size_t)i * p->n + i] += 1e-3 * trace / p->n + 1e-9;
}

// Row by row; each row takes what it owes from those above.
static void set_root(struct problem *p)
{
    uint32_t n = p->n;
    memcpy(p->root, p->h, (size_t)n * n * sizeof(*p->root));
    for (uint32_t i = 0; i < n; i++) {
        double *row = p->root + (size_t)i * n, pivot = row[i] > 1e-12 ? sqrt(row[i]) : 1e-6;
        for (uint32_t j = i; j < n; j++)
            row[j] /= pivot;
        row[i] = pivot;
        for (uint32_t k = i + 1; k < n; k++) {
            double *below = p->root + (size_t)k * n, factor = row[k];
            for (uint32_t j = k; j < n; j++)
                below[j] -= factor * row[j];
        }
    }
}

// ---- one output channel -----------------------------------------------------

static double clamp(double step)
{
    return step < -STEPS ? -STEPS : step > STEPS ? STEPS : step;
}

// target in steps; rest = target - q afterwards.
static void round_back(struct problem *p)
{
    uint32_t n = p->n;
    for (uint32_t k = n; k-- > 0;) {
        const double *row = p->root + (size_t)k * n;
        double owed = 0;
        for (uint32_t j = k + 1; j < n; j++)
            owed += row[j] * p->rest[j];
        double q = clamp(rint(p->target[k] + owed / row[k]));
        p->rest[k] = p->target[k] - q;
    }
}

// A step of weight k by d changes rest' h rest by -2 d slope[k] + d^2 h[k][k].
static void move_single(struct problem *p)
{
    uint32_t n = p->n, moved = 1;
    for (uint32_t i = 0; i < n; i++) {
        p->slope[i] = 0;
        for (uint32_t j = 0; j < n; j++)
            p->slope[i] += p->h[(size_t)i * n + j] * p->rest[j];
    }
    for (uint32_t sweep = 0; sweep < SWEEPS && moved; sweep++) {
        moved = 0;
        for (uint32_t k = 0; k < n; k++) {
            double d = p->slope[k] > 0 ? 1 : -1, q = p->target[k] - p->rest[k];
            if (2 * fabs(p->slope[k]) <= p->h[(size_t)k * n + k] * (1 + 1e-9) ||
                clamp(q + d) != q + d)
                continue;
            p->rest[k] -= d;
            moved++;
            for (uint32_t j = 0; j < n; j++)
                p->slope[j] -= d * p->h[(size_t)k * n + j];
        }
    }
}

// `step`: distance between two of the channel's weights in this block.
static void round_channel(struct problem *p, const float *w, double scale, size_t step, int8_t *q)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->target[i] = (double)w[i * step] / scale;
    round_back(p);
    move_single(p);
    for (uint32_t i = 0; i < p->n; i++)
        q[i * step] = (int8_t)rint(p->target[i] - p->rest[i]);
}

int rounding_layer(const struct moments *m, const struct draft_operator *layer,
                   const struct draft_tensor *weights, const struct draft_tensor *rounded,
                   int8_t *q)
{
    struct problem p = {0};
    const float *w = weights->data;
    size_t out = (size_t)weights->dims[weights_axis(layer)],
           multiplier = m->depthwise ? out / (size_t)m->depth : 1;
    if (m->rows == 0)
        return 0;
    int rc = problem_start(&p, m->size);
    for (uint32_t g = 0; rc == 0 && g < m->groups; g++) {
        size_t first = (size_t)g * m->size;
        p.n = m->width - first < m->size ? (uint32_t)(m->width - first) : m->size;
        set_matrix(&p, m, g);
        set_root(&p);
        for (size_t o = 0; o < (m->depthwise ? multiplier : out); o++) {
            size_t channel = m->depthwise ? g * multiplier + o : o,
                   at = m->depthwise ? channel : o * m->width + first;
            double scale = (double)rounded->scales[rounded->scale_count > 1 ? channel : 0];
            round_channel(&p, w + at, scale, m->depthwise ? out : 1, q + at);
        }
    }
    problem_finish(&p);
    return rc;
}
