// SPDX-License-Identifier: Apache-2.0
#include "qmodel/search.h"

#include <math.h>
#include <stdlib.h>

#include "qmodel/command.h"
#include "qmodel/judge.h"

#define FAST_PER_INPUT 8 // rows a weight that rounding looks at
#define BEST_PER_INPUT 32

struct search {
    const struct search_options *options;
    const struct draft *real;
    struct attempt_plan fast, best;
    struct verdict *of_fast, *of_best, *of_this;
    bool other;      // best is another than fast
    uint32_t fitted; // samples of a half
};

static struct attempt_plan fast_plan(const struct search_options *o)
{
    return (struct attempt_plan){.strength = o->equalization ? 0.5 : 0,
                                 .method = o->attempt.integer.method,
                                 .percentile = o->attempt.integer.percentile,
                                 .rounding = o->rounding,
                                 .per_input = FAST_PER_INPUT};
}

// ---- in halves --------------------------------------------------------------

static int judge_half(struct search *s, const struct attempt_plan *plan, enum sweep_part fit,
                      enum sweep_part held, struct verdict *verdict)
{
    struct attempt_options options = s->options->attempt;
    struct sweep_options sweep = options.calibrate.sweep;
    struct attempt attempt;
    options.calibrate.sweep.part = fit;
    sweep.part = held;
    int rc = attempt_make(&options, plan, s->real, &attempt);
    s->fitted = attempt.samples;
    if (rc == 0 && s->fitted >= SEARCH_LEAST / 2)
        rc = judge_model(&sweep, s->real, &attempt.integer, verdict);
    attempt_finish(&attempt);
    return rc;
}

// Each half is held out once.
static int judge_halves(struct search *s, const struct attempt_plan *plan, struct verdict *verdict)
{
    verdict->count = 0;
    verdict->total = 0;
    int rc = judge_half(s, plan, SWEEP_FIT, SWEEP_HELD, verdict);
    return rc == 0 && verdict->count ? judge_half(s, plan, SWEEP_HELD, SWEEP_FIT, verdict) : rc;
}

// Taken when it errs least so far, and clearly less than fast's.
static int try_plan(struct search *s, const struct attempt_plan *plan)
{
    int rc = judge_halves(s, plan, s->of_this);
    if (rc != 0 || s->of_this->total >= s->of_best->total ||
        !judge_is_better(s->of_this, s->of_fast))
        return rc;
    struct verdict *swap = s->of_best;
    s->of_best = s->of_this;
    s->of_this = swap;
    s->best = *plan;
    s->other = true;
    return 0;
}

static int try_methods(struct search *s)
{
    static const struct {
        enum calibration method;
        double percentile;
    } methods[] = {{CALIBRATION_MINMAX, 0}, {CALIBRATION_PERCENTILE, 99.99}};
    struct attempt_plan plan = s->best;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(methods) / sizeof(methods[0]); i++) {
        plan.method = methods[i].method;
        plan.percentile = methods[i].percentile;
        rc = try_plan(s, &plan);
    }
    return rc;
}

static int try_strengths(struct search *s)
{
    struct attempt_plan plan = s->best;
    plan.strength = 1;
    int rc = try_plan(s, &plan);
    plan.strength = 0;
    return rc == 0 ? try_plan(s, &plan) : rc;
}

static int try_rounding(struct search *s)
{
    struct attempt_plan plan = s->best;
    plan.per_input = BEST_PER_INPUT;
    return try_plan(s, &plan);
}

static int choose(struct search *s)
{
    int rc = judge_halves(s, &s->fast, s->of_fast);
    if (rc != 0 || s->of_fast->count == 0)
        return rc;
    *s->of_best = *s->of_fast;
    s->best = s->fast;
    if (!s->options->calibration_given && !s->options->attempt.integer.wide)
        rc = try_methods(s);
    if (rc == 0 && s->options->equalization)
        rc = try_strengths(s);
    return rc == 0 && s->options->rounding ? try_rounding(s) : rc;
}

// ---- with all samples -------------------------------------------------------

// Fast's way is gone, too: what was chosen in halves must hold with all.
static int go_best(struct search *s, struct search_result *result)
{
    const struct attempt_options *o = &s->options->attempt;
    struct attempt other = {0};
    s->of_fast->count = s->of_best->count = 0;
    s->of_fast->total = s->of_best->total = 0;
    int rc = attempt_make(o, &s->fast, s->real, &result->attempt);
    if (rc == 0)
        rc = judge_model(&o->calibrate.sweep, s->real, &result->attempt.integer, s->of_fast);
    if (rc == 0)
        rc = attempt_make(o, &s->best, s->real, &other);
    if (rc == 0)
        rc = judge_model(&o->calibrate.sweep, s->real, &other.integer, s->of_best);
    if (rc != 0 || s->of_best->total > s->of_fast->total) {
        attempt_finish(&other);
        return rc;
    }
    attempt_finish(&result->attempt);
    result->attempt = other;
    result->other = true;
    return 0;
}

static int search_best(struct search *s, struct search_result *result)
{
    int rc = choose(s);
    if (rc != 0)
        return rc;
    result->held = s->of_fast->count;
    result->gain = 10 * log10(fmax(s->of_fast->total, 1e-30) / fmax(s->of_best->total, 1e-30));
    return s->other ? go_best(s, result)
                    : attempt_make(&s->options->attempt, &s->fast, s->real, &result->attempt);
}

int search_integer(const struct search_options *options, const struct draft *real,
                   struct search_result *result)
{
    struct search s = {.options = options, .real = real, .fast = fast_plan(options)};
    *result = (struct search_result){0};
    if (!options->best)
        return attempt_make(&options->attempt, &s.fast, real, &result->attempt);
    struct verdict *verdicts = calloc(3, sizeof(*verdicts));
    if (!verdicts)
        return command_fail(options->attempt.calibrate.sweep.command,
                            "no memory to compare the models");
    s.of_fast = verdicts;
    s.of_best = verdicts + 1;
    s.of_this = verdicts + 2;
    int rc = search_best(&s, result);
    free(verdicts);
    return rc;
}

void search_finish(struct search_result *result)
{
    attempt_finish(&result->attempt);
}
