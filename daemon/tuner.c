// SPDX-License-Identifier: Apache-2.0

#include "daemon/tuner.h"

#include "common/clock.h"
#include "engine/context.h"

#define GAIN 0.85 // a team must cut a frame's time at least to this part …
#define LOAD 0.7  // … and leave this much room to the source's rate

void tuner_init(struct tuner *tuner, enum config_mode mode, uint32_t threads, double fps,
                uint32_t shared_by)
{
    bool choose = mode == CONFIG_MODE_AUTO && threads > 1 && fps > 0;
    double frame_ns = fps > 0 ? (double)CLOCK_NS_PER_S / fps / (shared_by ? shared_by : 1) : 0;
    atomic_store(&tuner->frame_ns, (uint64_t)frame_ns);
    atomic_store(&tuner->team, mode == CONFIG_MODE_LATENCY && threads > 1);
    atomic_store(&tuner->decided, !choose);
    for (int i = 0; i < 2; i++) {
        atomic_store(&tuner->seen[i], 0);
        atomic_store(&tuner->best_ns[i], UINT64_MAX);
    }
}

static void decide(struct tuner *tuner)
{
    double alone = (double)atomic_load(&tuner->best_ns[0]),
           team = (double)atomic_load(&tuner->best_ns[1]);
    atomic_store(&tuner->team,
                 team < GAIN * alone && team < LOAD * (double)atomic_load(&tuner->frame_ns));
    atomic_store(&tuner->decided, true);
}

void tuner_add(struct tuner *tuner, bool with_team, uint64_t infer_ns)
{
    if (atomic_load_explicit(&tuner->decided, memory_order_relaxed))
        return;
    uint32_t seen = atomic_fetch_add(&tuner->seen[with_team], 1) + 1;
    uint32_t warm_up = with_team ? CONTEXT_TRIAL_RUNS : TUNER_WARM_UP;
    if (seen <= warm_up)
        return;
    uint64_t best = atomic_load(&tuner->best_ns[with_team]);
    while (infer_ns < best &&
           !atomic_compare_exchange_weak(&tuner->best_ns[with_team], &best, infer_ns))
        ;
    if (seen < warm_up + TUNER_FRAMES)
        return;
    if (with_team)
        decide(tuner);
    else
        atomic_store(&tuner->team, true);
}

bool tuner_is_measuring(const struct tuner *tuner)
{
    return !atomic_load_explicit(&tuner->decided, memory_order_relaxed);
}

const char *tuner_name(const struct tuner *tuner)
{
    if (tuner_is_measuring(tuner))
        return "auto: measuring";
    return atomic_load(&tuner->team) ? "latency" : "throughput";
}
