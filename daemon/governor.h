// SPDX-License-Identifier: Apache-2.0
//
// Holds a budget of watts, degrees or energy an inference by letting the streams work less: first
// fewer frames (a share of the rate that each had), then fewer workers at a time; for energy an
// inference the other way round, as workers that share a frame are what costs there.
//
// What is measured is turned into a pressure: 1 = exactly the budget, one degree = 1/25.
//
//   above 1      one step down unless it is falling already, then time to show itself: watts 3 s,
//                degrees 6 s, energy 11 s
//   0.88 … 1     nothing is changed
//   below 0.88   one step up unless it is rising already, every 6, 12, 22 s; at most to just below
//                where it last was too much, and past that in small steps only when the pressure is
//                below 0.75, or after five minutes
//
// So it settles in the band below the budget and does not swing. Pure arithmetic: governor_tick()
// once a second, on the loop's thread; who calls it applies `share` and `threads`.

#ifndef QEDGE_DAEMON_GOVERNOR_H
#define QEDGE_DAEMON_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"

enum governor_budget { GOVERNOR_WATTS, GOVERNOR_CELSIUS, GOVERNOR_MJ, GOVERNOR_BUDGETS };

// In the budget's own unit. known: there is something that measures it.
struct governor_reading {
    bool known[GOVERNOR_BUDGETS];
    double value[GOVERNOR_BUDGETS];
    double idle_w; // of the watts: what no frame causes; 0 = not known
};

struct governor {
    double budget[GOVERNOR_BUDGETS]; // 0 = none
    uint32_t threads_max;
    double share;     // of each stream's own frame rate, 1 = all
    uint32_t threads; // frames that may be worked on at a time
    // how that came
    enum governor_budget cause;            // of the last step down
    bool exceeded;                         // at the lowest, and still too much
    double ceiling;                        // no step goes above this share
    double slow;                           // the pressure of the last seconds
    uint64_t since_ns;                     // held since
    uint64_t changed_ns, over_ns, calm_ns; // the last change, the last time of too much, calm since
    struct governor_reading reading;       // the last one, watts smoothed
};

void governor_init(struct governor *governor, const struct config_budget *budget, uint32_t threads,
                   uint64_t now_ns);
// Other budgets after a reload; what is held is let go step by step.
void governor_set(struct governor *governor, const struct config_budget *budget);
bool governor_has_budget(const struct governor *governor);
// Is anything held back at the moment?
bool governor_holds(const struct governor *governor);
// True when share or threads are others than before.
bool governor_tick(struct governor *governor, const struct governor_reading *reading,
                   uint64_t now_ns);
// A budget that nothing measures, or GOVERNOR_BUDGETS.
enum governor_budget governor_blind(const struct governor *governor);

// "free", "holding", "exceeded" (too much at the lowest rate), "blind" (nothing measures a budget).
const char *governor_state(const struct governor *governor);
const char *governor_key(enum governor_budget budget); // "watts"
// In plain words; "" when there is nothing to say.
void governor_describe(const struct governor *governor, char *reason, size_t reason_size,
                       char *hint, size_t hint_size);

#endif
