// SPDX-License-Identifier: Apache-2.0
//
// What an inference of each model costs: time while samples are compared, and energy after that.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/rapl.h"
#include "engine/team.h"
#include "qmodel/comparison.h"

#define TIMED_LEAST 200 // runs that percentiles are made of, when TIMED_NS is enough for them
#define TIMED_NS CLOCK_NS_PER_S
#define ENERGY_NS (CLOCK_NS_PER_S / 2) // of each of ENERGY_ROUNDS turns of each model
#define ENERGY_ROUNDS 2

// ---- time -------------------------------------------------------------------

void comparison_run(struct comparison_side *s, struct team *team)
{
    uint64_t start = clock_now_ns();
    context_run(s->context, team);
    s->times_ns[s->runs++ % COMPARISON_TIMES] = clock_now_ns() - start;
}

// A few samples make no percentile: both go on with the last one, in turns.
static int run_more(struct comparison *c, struct team *team)
{
    uint64_t until = clock_now_ns() + TIMED_NS;
    while (c->sides[1].runs < TIMED_LEAST && clock_now_ns() < until)
        for (uint32_t s = 0; s < 2; s++) {
            int rc = samples_load(&c->sides[s].samples, c->samples - 1, c->sides[s].context);
            if (rc != 0)
                return rc;
            comparison_run(&c->sides[s], team);
        }
    return 0;
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void solve_times(struct comparison_side *s)
{
    uint64_t n = s->runs < COMPARISON_TIMES ? s->runs : COMPARISON_TIMES;
    qsort(s->times_ns, n, sizeof(uint64_t), compare_times);
    s->p50_us = (double)s->times_ns[(n - 1) * 50 / 100] / 1000;
    s->p99_us = (double)s->times_ns[(n - 1) * 99 / 100] / 1000;
}

// ---- energy -----------------------------------------------------------------

// The processor packages' counters: everything that runs is in them, not only we.
static int open_meter(struct comparison *c, struct rapl *rapl)
{
    const char *root = getenv("QEDGE_ROOT");
    int rc = rapl_open(rapl, root ? root : "");
    if (rc == 0)
        snprintf(c->meter, sizeof(c->meter), "RAPL, %d package%s, all that ran included",
                 rapl->count, rapl->count == 1 ? "" : "s");
    else if (rc == -ENODEV)
        snprintf(c->meter, sizeof(c->meter), "no meter: nothing in " RAPL_FOLDER);
    else
        snprintf(c->meter, sizeof(c->meter), "no meter: " RAPL_FOLDER "/intel-rapl:*: %s",
                 strerror(-rc));
    return rc;
}

static void measure_energy(struct comparison *c, struct team *team)
{
    struct rapl rapl;
    double joules[2] = {0}, used_uj;
    uint64_t runs[2] = {0};
    if (open_meter(c, &rapl) < 0)
        return;
    int rc = 0;
    for (uint32_t turn = 0; turn < 2 * ENERGY_ROUNDS; turn++) {
        uint32_t s = turn % 2;
        uint64_t until = clock_now_ns() + ENERGY_NS;
        rc = rc < 0 ? rc : rapl_spent(&rapl, &used_uj); // from here on
        do {
            context_run(c->sides[s].context, team);
            runs[s]++;
        } while (clock_now_ns() < until);
        rc = rc < 0 ? rc : rapl_spent(&rapl, &used_uj);
        joules[s] += rc < 0 ? 0 : used_uj / 1e6;
    }
    for (uint32_t s = 0; s < 2; s++)
        c->sides[s].joules = rc < 0 ? -1 : joules[s] / (double)runs[s];
}

// ---- both -------------------------------------------------------------------

int comparison_measure_costs(struct comparison *c, struct team *team)
{
    int rc = run_more(c, team);
    if (rc != 0)
        return rc;
    measure_energy(c, team);
    for (uint32_t s = 0; s < 2; s++)
        solve_times(&c->sides[s]);
    return 0;
}
