// SPDX-License-Identifier: Apache-2.0

#include "engine/sharing.h"

#include <stdatomic.h>
#include <stdlib.h>

// A shared layer must take less than this part of its time alone, a frame less than that: measured
// times are not exact, and one thread leaves the other CPU to others.
#define LAYER_GAIN 0.95
#define FRAME_GAIN 0.97

enum way { ALONE, SHARED, WAYS };

struct step_times {
    uint64_t best_ns[WAYS];
};

struct sharing {
    _Atomic uint32_t refs;
    uint32_t steps;
    uint32_t runs;  // since it began; up to SHARING_RUNS trials
    uint32_t again; // runs after which it begins anew
    enum way way;  // of this run
    bool *chosen;
    bool any; // is true
    struct step_times *times;
    uint64_t frame_ns[WAYS];
};

static void forget(struct sharing *s)
{
    for (uint32_t i = 0; i < s->steps; i++) {
        s->chosen[i] = true;
        s->times[i] = (struct step_times){{UINT64_MAX, UINT64_MAX}};
    }
    s->frame_ns[ALONE] = s->frame_ns[SHARED] = UINT64_MAX;
    s->any = true;
    s->runs = 0;
}

struct sharing *sharing_create(uint32_t steps)
{
    struct sharing *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->refs = 1;
    s->steps = steps;
    s->chosen = calloc(steps + 1, sizeof(*s->chosen));
    s->times = calloc(steps + 1, sizeof(*s->times));
    if (!s->chosen || !s->times) {
        sharing_unref(s);
        return NULL;
    }
    s->again = SHARING_AGAIN;
    forget(s);
    return s;
}

struct sharing *sharing_ref(struct sharing *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sharing_unref(struct sharing *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(s->chosen);
    free(s->times);
    free(s);
}

static bool is_timing_layers(const struct sharing *s)
{
    return s->runs >= SHARING_WARM_UP && s->runs < SHARING_WARM_UP + 2 * SHARING_TRIES;
}

bool sharing_begin(struct sharing *s)
{
    bool turn = s->runs >= SHARING_WARM_UP && !sharing_decided(s) && s->runs % 2;
    s->way = turn ? ALONE : SHARED;
    return is_timing_layers(s);
}

bool sharing_shares(const struct sharing *s)
{
    return s->way == SHARED && s->any;
}

bool sharing_asks(const struct sharing *s, uint32_t step)
{
    return s->way == SHARED && s->chosen[step];
}

void sharing_add(struct sharing *s, uint32_t step, uint64_t ns)
{
    uint64_t *best = &s->times[step].best_ns[s->way];
    if (ns < *best)
        *best = ns;
}

static void choose_layers(struct sharing *s)
{
    for (uint32_t i = 0; i < s->steps; i++)
        s->chosen[i] = (double)s->times[i].best_ns[SHARED] <
                       LAYER_GAIN * (double)s->times[i].best_ns[ALONE];
}

static void check_frames(struct sharing *s)
{
    bool gains = (double)s->frame_ns[SHARED] < FRAME_GAIN * (double)s->frame_ns[ALONE];
    s->any = false;
    for (uint32_t i = 0; i < s->steps; i++) {
        s->chosen[i] = s->chosen[i] && gains;
        s->any = s->any || s->chosen[i];
    }
}

void sharing_end(struct sharing *s, uint64_t ns)
{
    if (sharing_decided(s)) {
        if (++s->runs == s->again) {
            forget(s);
            s->again = s->again < SHARING_AGAIN_MOST ? s->again * 4 : s->again;
        }
        return;
    }
    if (s->runs >= SHARING_WARM_UP && !is_timing_layers(s) && ns < s->frame_ns[s->way])
        s->frame_ns[s->way] = ns;
    s->runs++;
    if (s->runs == SHARING_WARM_UP + 2 * SHARING_TRIES)
        choose_layers(s);
    if (s->runs == SHARING_RUNS)
        check_frames(s);
}

bool sharing_wants_team(const struct sharing *s)
{
    return s->any;
}

bool sharing_decided(const struct sharing *s)
{
    return s->runs >= SHARING_RUNS;
}
