// SPDX-License-Identifier: Apache-2.0
//
// A team: the caller plus members-1 threads that share the pieces of one layer at a time. One list
// of jobs at a time: the leader is whoever calls team_open and team_do; a team is not re-entrant.
//
//     team_wake(team);                 // a frame begins: members leave their futex and spin
//     team_open(team, jobs, count);    // its layers,
//     team_do(team, 0); ...            // one after the other
//     team_rest(team);                 // members spin a little longer, then sleep
//
// Every call is right at any time: a member that is asleep or late only means that the others do
// its part.

#ifndef QEDGE_ENGINE_TEAM_H
#define QEDGE_ENGINE_TEAM_H

#include <stdbool.h>
#include <stdint.h>

enum { TEAM_JOBS_MAX = 256 }; // of a list

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

// A job calls task(arg, member, first, last) on the members so that [0, units) is covered once.
// Each member has its share of neighbouring units, the same one in every job of as many units (what
// it wrote into its cache in one layer it finds there in the next), and takes it from the front in
// a few pieces; who has finished takes from those who have not.
typedef void team_task(void *arg, uint32_t member, int32_t first, int32_t last);

struct team_job {
    team_task *task;
    void *arg;
    int32_t units; // >= 1
    bool alone;    // the leader does it; those after it wait for that
};

// Opens a list of at most TEAM_JOBS_MAX jobs, whose memory stays as it is until the last is done.
// team_do(index) for all of them in turn: each returns when that job is done. Members go from one
// to the next without hearing from the leader: when team_do returns they may be at the job after
// it.
void team_open(struct team *team, const struct team_job *jobs, uint32_t count);
void team_do(struct team *team, uint32_t index);

// A list of one shared job.
void team_run(struct team *team, int32_t units, team_task *task, void *arg);

#endif
