// SPDX-License-Identifier: Apache-2.0

#include "daemon/governor.h"

#include <stdio.h>

#include "common/clock.h"

#define CALM 0.88
#define COOL 0.75
#define AIM 0.95 // of the watts
#define SMOOTH 0.4
#define DEGREES 25.0 // of a pressure of 1
#define HOT 1.2
#define STEP_DOWN 0.8
#define STEP_DOWN_MIN 0.5
#define STEP_UP 1.2
#define BELOW_CEILING 0.97
#define SHARE_MIN 0.1
#define SHARE_MIN_MJ 0.5 // fewer frames do not make one cheaper for ever
#define PAST_CEILING 1.05
#define SLOW 0.2 // of the pressure that the present one is compared with: is it rising or falling?
#define TREND 0.004 // a tenth of a degree
#define LET_GO 2.0
#define LET_GO_NS (2 * CLOCK_NS_PER_S) // where nothing is to be held any more
#define FORGET_NS (300 * CLOCK_NS_PER_S)

static const struct {
    const char *key, *unit;
    uint64_t settle_ns, raise_ns; // from a change to the next step down, or up
} kinds[GOVERNOR_BUDGETS] = {
    [GOVERNOR_WATTS] = {"watts", "W", 3 * CLOCK_NS_PER_S, 6 * CLOCK_NS_PER_S},
    [GOVERNOR_CELSIUS] = {"celsius", "C", 6 * CLOCK_NS_PER_S, 12 * CLOCK_NS_PER_S},
    [GOVERNOR_MJ] = {"mj_per_inference", "mJ", 11 * CLOCK_NS_PER_S, 22 * CLOCK_NS_PER_S}};

const char *governor_key(enum governor_budget budget)
{
    return kinds[budget].key;
}

// ---- settings --------------------------------------------------------------

void governor_set(struct governor *governor, const struct config_budget *budget)
{
    governor->budget[GOVERNOR_WATTS] = budget->watts;
    governor->budget[GOVERNOR_CELSIUS] = budget->celsius;
    governor->budget[GOVERNOR_MJ] = budget->mj_per_inference;
    governor->ceiling = 1;
    governor->exceeded = false;
}

void governor_init(struct governor *governor, const struct config_budget *budget, uint32_t threads,
                   uint64_t now_ns)
{
    *governor = (struct governor){
        .threads_max = threads, .threads = threads, .share = 1, .changed_ns = now_ns};
    governor_set(governor, budget);
}

bool governor_has_budget(const struct governor *governor)
{
    for (int i = 0; i < GOVERNOR_BUDGETS; i++)
        if (governor->budget[i] > 0)
            return true;
    return false;
}

bool governor_holds(const struct governor *governor)
{
    return governor->share < 1 || governor->threads < governor->threads_max;
}

enum governor_budget governor_blind(const struct governor *governor)
{
    int i = 0;
    while (i < GOVERNOR_BUDGETS && (governor->budget[i] <= 0 || governor->reading.known[i]))
        i++;
    return (enum governor_budget)i;
}

// ---- measuring -------------------------------------------------------------

static void take(struct governor *governor, const struct governor_reading *reading)
{
    const struct governor_reading before = governor->reading;
    double *watts = &governor->reading.value[GOVERNOR_WATTS];
    governor->reading = *reading;
    double last = before.known[GOVERNOR_WATTS] ? before.value[GOVERNOR_WATTS] : 0;
    if (last > 0 && reading->known[GOVERNOR_WATTS])
        *watts = SMOOTH * *watts + (1 - SMOOTH) * last;
}

static double pressure(const struct governor *governor, int i)
{
    double budget = governor->budget[i], value = governor->reading.value[i];
    if (budget <= 0 || !governor->reading.known[i])
        return 0;
    return i == GOVERNOR_CELSIUS ? 1 + (value - budget) / DEGREES : value / budget;
}

static double worst(const struct governor *governor, enum governor_budget *which)
{
    double highest = 0;
    for (int i = 0; i < GOVERNOR_BUDGETS; i++) {
        double here = pressure(governor, i);
        if (here > highest) {
            highest = here;
            *which = (enum governor_budget)i;
        }
    }
    return highest;
}

// ---- steps -----------------------------------------------------------------

// Of the watts only what is above idle follows the frames.
static double step_down(const struct governor *governor, enum governor_budget which)
{
    double factor = pressure(governor, which) > HOT ? STEP_DOWN_MIN : STEP_DOWN;
    if (which == GOVERNOR_WATTS) {
        double idle = governor->reading.idle_w, now = governor->reading.value[which];
        if (idle >= now)
            idle = 0;
        factor = (AIM * governor->budget[which] - idle) / (now - idle);
    }
    return factor < STEP_DOWN_MIN ? STEP_DOWN_MIN : factor > AIM ? AIM : factor;
}

static bool fewer_threads(struct governor *governor)
{
    if (governor->threads <= 1)
        return false;
    governor->threads = (governor->threads + 1) / 2;
    return true;
}

static bool fewer_frames(struct governor *governor, enum governor_budget which)
{
    double least = which == GOVERNOR_MJ ? SHARE_MIN_MJ : SHARE_MIN;
    if (governor->share <= least)
        return false;
    governor->ceiling = governor->share * BELOW_CEILING;
    governor->share *= step_down(governor, which);
    if (governor->share < least)
        governor->share = least;
    return true;
}

static bool lower(struct governor *governor, enum governor_budget which, uint64_t now_ns)
{
    if (!governor_holds(governor))
        governor->since_ns = now_ns;
    bool done = which == GOVERNOR_MJ ? fewer_threads(governor) || fewer_frames(governor, which)
                                     : fewer_frames(governor, which) || fewer_threads(governor);
    governor->exceeded = !done;
    governor->cause = which;
    governor->changed_ns = now_ns;
    return done;
}

static bool more(struct governor *governor, double highest, uint64_t now_ns)
{
    double before = governor->share;
    if (highest <= 0)
        governor->ceiling = 1;
    else if (highest < COOL && governor->share * PAST_CEILING > governor->ceiling)
        governor->ceiling = governor->share * PAST_CEILING;
    else if (governor->share >= governor->ceiling && now_ns - governor->over_ns > FORGET_NS)
        governor->ceiling *= STEP_UP;
    if (governor->ceiling > 1)
        governor->ceiling = 1;
    double factor = highest > 0 ? STEP_UP : LET_GO;
    bool frames_first = governor->cause == GOVERNOR_MJ && governor->share < governor->ceiling;
    if (governor->threads < governor->threads_max && !frames_first) {
        governor->threads = 2 * governor->threads < governor->threads_max ? 2 * governor->threads
                                                                          : governor->threads_max;
        governor->changed_ns = now_ns;
        return true;
    }
    if (governor->share < governor->ceiling)
        governor->share = governor->share * factor < governor->ceiling ? governor->share * factor
                                                                       : governor->ceiling;
    if (governor->share > before)
        governor->changed_ns = now_ns;
    return governor->share > before;
}

bool governor_tick(struct governor *governor, const struct governor_reading *reading,
                   uint64_t now_ns)
{
    enum governor_budget which = GOVERNOR_WATTS;
    take(governor, reading);
    double highest = worst(governor, &which), trend = highest - governor->slow;
    governor->slow += SLOW * trend;
    if (highest >= CALM)
        governor->calm_ns = now_ns;
    if (highest > 1) {
        governor->over_ns = now_ns;
        return now_ns - governor->changed_ns >= kinds[which].settle_ns && trend > -TREND &&
               lower(governor, which, now_ns);
    }
    governor->exceeded = false;
    uint64_t quiet_ns = governor->calm_ns > governor->changed_ns ? governor->calm_ns
                                                                 : governor->changed_ns;
    uint64_t raise_ns = highest > 0 ? kinds[governor->cause].raise_ns : LET_GO_NS;
    return governor_holds(governor) && trend < TREND && now_ns - quiet_ns >= raise_ns &&
           more(governor, highest, now_ns);
}

// ---- telling ---------------------------------------------------------------

const char *governor_state(const struct governor *governor)
{
    return governor_blind(governor) != GOVERNOR_BUDGETS ? "blind"
           : governor->exceeded                         ? "exceeded"
           : governor_holds(governor)                   ? "holding"
                                                        : "free";
}

static void describe_blind(enum governor_budget which, char *reason, size_t reason_size, char *hint,
                           size_t hint_size)
{
    static const char *const missing[] = {
        [GOVERNOR_WATTS] = "no meter for this budget",
        [GOVERNOR_CELSIUS] = "no temperature sensor for this budget",
        [GOVERNOR_MJ] = "no meter, or no idle power, for this budget"};
    static const char *const help[] = {
        [GOVERNOR_WATTS] = "qctl power says what was looked for; power.source chooses",
        [GOVERNOR_CELSIUS] = "the machine has no thermal zone that can be read",
        [GOVERNOR_MJ] = "qctl power --baseline measures the idle power, where there is a meter"};
    snprintf(reason, reason_size, "budget.%s can not be held: %s", kinds[which].key,
             missing[which]);
    snprintf(hint, hint_size, "%s", help[which]);
}

void governor_describe(const struct governor *governor, char *reason, size_t reason_size,
                       char *hint, size_t hint_size)
{
    static const char *const help[] = {
        [GOVERNOR_WATTS] = "a smaller model, fewer streams, the motion gate, or a larger budget",
        [GOVERNOR_CELSIUS] = "better cooling, a smaller model, the motion gate, or a larger budget",
        [GOVERNOR_MJ] = "a smaller model, mode: throughput, or a larger budget"};
    enum governor_budget blind = governor_blind(governor), cause = governor->cause;
    char threads[48] = "";
    reason[0] = hint[0] = '\0';
    if (blind != GOVERNOR_BUDGETS) {
        describe_blind(blind, reason, reason_size, hint, hint_size);
        return;
    }
    if (!governor_holds(governor) && !governor->exceeded)
        return;
    if (governor->threads < governor->threads_max)
        snprintf(threads, sizeof(threads), " and %u of %u workers", governor->threads,
                 governor->threads_max);
    if (governor->budget[cause] <= 0) {
        snprintf(reason, reason_size, "a budget is gone and the frames come back: %.0f %%%s",
                 100 * governor->share, threads);
        return;
    }
    snprintf(reason, reason_size, "%s budget.%s (%.1f of %.4g %s): %.0f %% of the frames%s",
             governor->exceeded ? "at the lowest, and still above" : "held back by",
             kinds[cause].key, governor->reading.value[cause], governor->budget[cause],
             kinds[cause].unit, 100 * governor->share, threads);
    snprintf(hint, hint_size, "%s", help[cause]);
}
