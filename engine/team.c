// SPDX-License-Identifier: Apache-2.0
//
// The job is one cache line that the leader writes and members spin on: the round, how many
// units, what to call. Each member's share of the units is its lane, and a word of its own says how
// far they have been taken:
//
//     63          32 31           0
//     [   round     |   next unit  ]      an older round: none has been taken
//
// Units are taken by compare-and-swap on that word, by the lane's own member and, when that one is
// late, by those who have finished theirs. The leader waits for units that were taken, never for
// members that are late or asleep. Why a late one can do no harm: the job's line is read like a
// seqlock's, so what it says belongs to one round; that round ends only when all units of each lane
// have been taken; so a swap that began before fails after.
//
// Who writes what: the leader the job, a member its lane's word and its count of units done. A
// round of two threads moves one line there and one back. No fence and no system call: members spin
// while a frame is being run (`frame` is odd), and sleep on `frame` between frames. Who waits for
// long lets others have the CPU; who waits a little looks for units to take from others.

#include "engine/team.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TEAM_MEMBERS_MAX 64
#define CLOSED 0 // no round: the leader is writing the job
#define SPIN_NS 60000     // then the CPU is offered to others,
#define YIELD_NS 2000000  // and after this given up for a while
#define NAP_NS 50000
#define PAUSES 32      // between two looks at the clock
#define HELP_PAUSES 48 // before a look into others' lanes, which costs them time
#define LINE 128       // two cache lines: they are fetched in pairs

struct job {
    team_task *task;
    void *arg;
    uint32_t round, units;
};

struct lane {
    _Alignas(LINE) _Atomic uint64_t taken;
    _Alignas(LINE) _Atomic uint32_t done; // units that this member did, all rounds together
};

struct member {
    struct team *team;
    uint32_t index;
    pthread_t thread;
};

struct team {
    // The job.
    _Alignas(LINE) _Atomic uint32_t round; // CLOSED, or
    _Atomic uint32_t units;
    _Atomic(team_task *) task;
    _Atomic(void *) arg;
    struct lane lanes[TEAM_MEMBERS_MAX];
    _Alignas(LINE) _Atomic uint32_t frame; // futex of idle members; odd = a frame is being run
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    // The leader's own.
    _Alignas(LINE) uint32_t last_round;
    uint32_t units_given; // all rounds together, as `done`
    struct team_options options;
    struct member members[TEAM_MEMBERS_MAX];
};

// ---- waiting -----------------------------------------------------------------------------------

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// How long somebody has been waiting.
struct wait {
    uint32_t pauses;
    uint64_t since_ns, ns;
};

// One step of a wait. True, after SPIN_NS, when it is time to do something else than spinning.
static bool wait_long(struct wait *wait)
{
    relax();
    if (++wait->pauses % PAUSES)
        return false;
    uint64_t t = now();
    if (!wait->since_ns)
        wait->since_ns = t;
    wait->ns = t - wait->since_ns;
    return wait->ns > SPIN_NS;
}

// Somebody else may need this CPU, perhaps the one that is waited for.
static void wait_politely(const struct wait *wait)
{
    if (wait->ns < YIELD_NS)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

static void sleep_until_frame(struct team *team, uint32_t seen)
{
    atomic_fetch_add(&team->sleepers, 1);
    syscall(SYS_futex, &team->frame, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_fetch_sub(&team->sleepers, 1);
}

// ---- working -----------------------------------------------------------------------------------

// True with the job of the round that is open, not CLOSED.
static bool read_job(const struct team *team, struct job *job)
{
    job->round = atomic_load_explicit(&team->round, memory_order_acquire);
    job->units = atomic_load_explicit(&team->units, memory_order_acquire);
    job->task = atomic_load_explicit(&team->task, memory_order_acquire);
    job->arg = atomic_load_explicit(&team->arg, memory_order_acquire);
    return job->round != CLOSED &&
           job->round == atomic_load_explicit(&team->round, memory_order_relaxed);
}

static uint32_t lane_first(const struct team *team, const struct job *job, uint32_t lane)
{
    return (uint32_t)((uint64_t)job->units * lane / team->options.members);
}

// The owner leaves a quarter for those who might be faster; others take half of what is left.
static uint32_t piece_of(uint32_t left, bool own)
{
    return own ? left - left / 4 : left - left / 2;
}

// Takes units of lane `index` until none is left or the round is over; returns how many.
static uint32_t work_lane(struct team *team, const struct job *job, uint32_t index, uint32_t member)
{
    struct lane *lane = &team->lanes[index];
    uint32_t count = 0, end = lane_first(team, job, index + 1);
    for (;;) {
        uint64_t taken = atomic_load_explicit(&lane->taken, memory_order_acquire);
        bool begun = (uint32_t)(taken >> 32) == job->round;
        uint32_t next = begun ? (uint32_t)taken : lane_first(team, job, index);
        // The round may be over: then the word is not what this round left, or nothing is.
        if (next >= end ||
            atomic_load_explicit(&team->round, memory_order_acquire) != job->round)
            return count;
        uint32_t piece = piece_of(end - next, index == member);
        uint64_t now_taken = (uint64_t)job->round << 32 | (next + piece);
        if (!atomic_compare_exchange_strong(&lane->taken, &taken, now_taken))
            continue;
        job->task(job->arg, member, (int32_t)next, (int32_t)(next + piece));
        count += piece;
    }
}

static uint32_t help_others(struct team *team, const struct job *job, uint32_t member)
{
    uint32_t count = 0, members = team->options.members;
    for (uint32_t i = 1; i < members; i++)
        count += work_lane(team, job, (member + i) % members, member);
    return count;
}

static void report(struct lane *lane, uint32_t count)
{
    uint32_t done = atomic_load_explicit(&lane->done, memory_order_relaxed);
    if (count > 0)
        atomic_store_explicit(&lane->done, done + count, memory_order_release);
}

// Fills `job` when it is another than it was; false when the team stops. Helps with the old one
// while there is no new one.
static bool wait_for_job(struct team *team, uint32_t member, struct job *job)
{
    struct wait wait = {0};
    for (struct job next;;) {
        uint32_t round = atomic_load_explicit(&team->round, memory_order_relaxed);
        if (round != CLOSED && round != job->round && read_job(team, &next)) {
            *job = next;
            return true;
        }
        bool late = wait_long(&wait);
        if (wait.pauses == HELP_PAUSES && job->round != CLOSED)
            report(&team->lanes[member], help_others(team, job, member));
        if (!late)
            continue;
        uint32_t frame = atomic_load(&team->frame);
        if (atomic_load(&team->stop))
            return false;
        if (frame % 2) {
            wait_politely(&wait);
        } else {
            sleep_until_frame(team, frame);
            wait = (struct wait){.pauses = HELP_PAUSES};
        }
    }
}

static void *member_main(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    struct job job = {.round = CLOSED};
    if (team->options.on_start)
        team->options.on_start(team->options.on_start_arg, self->index);
    while (wait_for_job(team, self->index, &job))
        report(&team->lanes[self->index], work_lane(team, &job, self->index, self->index));
    return NULL;
}

// ---- leading -----------------------------------------------------------------------------------

static void open_round(struct team *team, const struct job *job)
{
    atomic_store_explicit(&team->round, CLOSED, memory_order_relaxed);
    atomic_store_explicit(&team->units, job->units, memory_order_release);
    atomic_store_explicit(&team->task, job->task, memory_order_release);
    atomic_store_explicit(&team->arg, job->arg, memory_order_release);
    atomic_store_explicit(&team->round, job->round, memory_order_release);
}

static uint32_t units_done(const struct team *team)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < team->options.members; i++)
        sum += atomic_load_explicit(&team->lanes[i].done, memory_order_acquire);
    return sum;
}

void team_run(struct team *team, int32_t units, team_task *task, void *arg)
{
    if (units <= 0)
        return;
    if (units == 1 || team->options.members == 1) {
        task(arg, 0, 0, units);
        return;
    }
    team->last_round = team->last_round == UINT32_MAX ? 1 : team->last_round + 1;
    team->units_given += (uint32_t)units;
    struct job job = {task, arg, team->last_round, (uint32_t)units};
    open_round(team, &job);
    report(&team->lanes[0], work_lane(team, &job, 0, 0));
    for (struct wait wait = {0}; units_done(team) != team->units_given;) {
        if (wait_long(&wait))
            wait_politely(&wait);
        if (wait.pauses % HELP_PAUSES == 0)
            report(&team->lanes[0], help_others(team, &job, 0));
    }
}

void team_wake(struct team *team)
{
    if (atomic_load_explicit(&team->frame, memory_order_relaxed) % 2)
        return;
    atomic_fetch_add(&team->frame, 1);
    if (atomic_load(&team->sleepers))
        syscall(SYS_futex, &team->frame, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void team_rest(struct team *team)
{
    if (atomic_load_explicit(&team->frame, memory_order_relaxed) % 2)
        atomic_fetch_add(&team->frame, 1);
}

// ---- life --------------------------------------------------------------------------------------

uint32_t team_members(const struct team *team)
{
    return team->options.members;
}

int team_create(const struct team_options *options, struct team **created)
{
    if (options->members < 1 || options->members > TEAM_MEMBERS_MAX)
        return -EINVAL;
    struct team *team = aligned_alloc(LINE, (sizeof(*team) + LINE - 1) / LINE * LINE);
    if (!team)
        return -ENOMEM;
    *team = (struct team){.options = *options};
    for (uint32_t i = 1; i < options->members; i++) {
        team->members[i] = (struct member){.team = team, .index = i};
        int rc = pthread_create(&team->members[i].thread, NULL, member_main, &team->members[i]);
        if (rc != 0) {
            team->options.members = i; // those that run
            team_destroy(team);
            return -rc;
        }
    }
    *created = team;
    return 0;
}

void team_destroy(struct team *team)
{
    if (!team)
        return;
    atomic_store(&team->stop, true);
    team_rest(team);
    team_wake(team);
    for (uint32_t i = 1; i < team->options.members; i++)
        pthread_join(team->members[i].thread, NULL);
    free(team);
}
