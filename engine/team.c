// SPDX-License-Identifier: Apache-2.0
//
// One word, the ticket, holds the number of the round and the next free unit:
//
//     63          32 31           0
//     [   round     |   next unit  ]      next unit CLOSED = the leader is writing the next job
//
// A member takes units by compare-and-swap on the ticket, so a take fails once the round is over:
// the leader waits for units that were taken, never for members that are late or asleep. The job's
// fields are written only while the ticket is closed; a swap that succeeds proves that what was
// read before it belongs to that round.
//
// Idle members spin for a while on the ticket, then sleep on `round`. The leader spins, then sleeps
// on `done`. Memory order: everything sequentially consistent; the costs are in the cache misses,
// not there.

#include "engine/team.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEAM_SPINS 4000
#define TEAM_MEMBERS_MAX 64
#define CLOSED UINT32_MAX

struct member {
    struct team *team;
    uint32_t index;
    pthread_t thread;
};

struct team {
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) _Atomic uint32_t done; // units finished in this round
    _Atomic uint32_t leader_sleeps;
    _Alignas(64) _Atomic uint32_t round; // futex of idle members
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    // The job.
    _Atomic(team_task *) task;
    _Atomic(void *) arg;
    _Atomic uint32_t units;
    struct team_options options;
    struct member members[TEAM_MEMBERS_MAX];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

// Takes units of round `round` until none is left. Big pieces first, small ones at the end.
static void work(struct team *team, uint32_t member, uint32_t round)
{
    for (;;) {
        uint64_t ticket = atomic_load(&team->ticket);
        uint32_t next = (uint32_t)ticket, units = atomic_load(&team->units);
        if ((uint32_t)(ticket >> 32) != round || next >= units)
            return;
        uint32_t piece = (units - next) / (2 * team->options.members);
        piece = piece ? piece : 1;
        team_task *task = atomic_load(&team->task);
        void *arg = atomic_load(&team->arg);
        if (!atomic_compare_exchange_strong(&team->ticket, &ticket, ticket + piece))
            continue;
        task(arg, member, (int32_t)next, (int32_t)(next + piece));
        if (atomic_fetch_add(&team->done, piece) + piece == units &&
            atomic_load(&team->leader_sleeps))
            futex_wake(&team->done, 1);
    }
}

// Returns the round's number when it is not `seen` any more.
static uint32_t wait_for_round(struct team *team, uint32_t seen)
{
    for (int i = 0; i < TEAM_SPINS; i++) {
        uint32_t round = atomic_load(&team->round);
        if (round != seen)
            return round;
        relax();
    }
    atomic_fetch_add(&team->sleepers, 1);
    uint32_t round;
    while ((round = atomic_load(&team->round)) == seen)
        futex_wait(&team->round, seen);
    atomic_fetch_sub(&team->sleepers, 1);
    return round;
}

static void *member_main(void *arg)
{
    struct member *member = arg;
    struct team *team = member->team;
    uint32_t round = 0;
    if (team->options.on_start)
        team->options.on_start(team->options.on_start_arg, member->index);
    for (;;) {
        round = wait_for_round(team, round);
        if (atomic_load(&team->stop))
            return NULL;
        work(team, member->index, round);
    }
}

// A new round for everybody who waits.
static void announce(struct team *team, uint32_t round)
{
    atomic_store(&team->round, round);
    if (atomic_load(&team->sleepers))
        futex_wake(&team->round, INT_MAX);
}

static void wait_until_done(struct team *team, uint32_t units)
{
    for (int i = 0; i < TEAM_SPINS; i++) {
        if (atomic_load(&team->done) == units)
            return;
        relax();
    }
    atomic_store(&team->leader_sleeps, 1);
    uint32_t done;
    while ((done = atomic_load(&team->done)) != units)
        futex_wait(&team->done, done);
    atomic_store(&team->leader_sleeps, 0);
}

void team_run(struct team *team, int32_t units, team_task *task, void *arg)
{
    if (units <= 0)
        return;
    if (units == 1 || team->options.members == 1) {
        task(arg, 0, 0, units);
        return;
    }
    uint32_t round = atomic_load(&team->round) + 1;
    atomic_store(&team->ticket, (uint64_t)round << 32 | CLOSED);
    atomic_store(&team->task, task);
    atomic_store(&team->arg, arg);
    atomic_store(&team->units, (uint32_t)units);
    atomic_store(&team->done, 0);
    atomic_store(&team->ticket, (uint64_t)round << 32);
    announce(team, round);
    work(team, 0, round);
    wait_until_done(team, (uint32_t)units);
}

uint32_t team_members(const struct team *team)
{
    return team->options.members;
}

int team_create(const struct team_options *options, struct team **created)
{
    if (options->members < 1 || options->members > TEAM_MEMBERS_MAX)
        return -EINVAL;
    struct team *team = aligned_alloc(64, (sizeof(*team) + 63) / 64 * 64);
    if (!team)
        return -ENOMEM;
    *team = (struct team){.ticket = CLOSED, .options = *options};
    // Until all threads run, only those that do are members.
    team->options.members = 1;
    for (uint32_t i = 1; i < options->members; i++) {
        team->members[i] = (struct member){.team = team, .index = i};
        int rc = pthread_create(&team->members[i].thread, NULL, member_main, &team->members[i]);
        if (rc != 0) {
            team_destroy(team);
            return -rc;
        }
        team->options.members = i + 1;
    }
    *created = team;
    return 0;
}

void team_destroy(struct team *team)
{
    if (!team)
        return;
    atomic_store(&team->stop, true);
    announce(team, atomic_load(&team->round) + 1);
    for (uint32_t i = 1; i < team->options.members; i++)
        pthread_join(team->members[i].thread, NULL);
    free(team);
}
