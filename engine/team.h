// SPDX-License-Identifier: Apache-2.0
//
// A team: the caller plus members-1 threads that share the pieces of one layer at a time. One job
// at a time: the leader is whoever calls team_run; a team is not re-entrant.
//
//     team_wake(team);                 // a frame begins: members leave their futex and spin
//     team_run(team, ...); ...         // its layers
//     team_rest(team);                 // members spin a little longer, then sleep
//
// Every call is right at any time: a member that is asleep or late only means that the others do
// its part.

#ifndef QEDGE_ENGINE_TEAM_H
#define QEDGE_ENGINE_TEAM_H

#include <stdint.h>

struct team;

struct team_options {
    uint32_t members; // >= 1, the caller included
    // Called first on every thread that the team starts (set affinity, priority, name); may be
    // NULL.
    void (*on_start)(void *arg, uint32_t member);
    void *on_start_arg;
};

int team_create(const struct team_options *options, struct team **team);
void team_destroy(struct team *team); // joins the threads; takes NULL
uint32_t team_members(const struct team *team);

// A futex wake if members sleep, else a few nanoseconds; again and again is once.
void team_wake(struct team *team);
void team_rest(struct team *team);

// Calls task(arg, member, first, last) on the members so that [0, units) is covered once; returns
// when all is done. Each member has its share of neighbouring units, the same one in every job of
// as many units (what it wrote into its cache in one layer it finds there in the next), and takes
// it from the front in a few pieces; who has finished takes from those who have not.
typedef void team_task(void *arg, uint32_t member, int32_t first, int32_t last);
void team_run(struct team *team, int32_t units, team_task *task, void *arg);

#endif
