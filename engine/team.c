// SPDX-License-Identifier: Apache-2.0
//
// The leader writes a list of jobs and opens it: the number of its first round in one cache line,
// which members spin on; the next job is the next round. Each member's share of a job's units is
// its lane, and a word of its own says how far they have been taken:
//
//     63          32 31           0
//     [   round     |   next unit  ]      an older round: none has been taken
//
// Units are taken by compare-and-swap on that word, by the lane's own member and, when that one is
// late, by those who have finished theirs. A round begins when all units before it are done: that
// is what everybody counts for himself, so that a round of two threads moves a line there and a
// line back at the same time. It waits for units that were taken, never for members that are late
// or asleep. Why a late one can do no harm: list and jobs are read like a seqlock's, so what they
// say belongs to one round; that round ends only when all units of each lane have been taken; so a
// swap that began before fails after.
//
// Who writes what: the leader the list, and of its jobs only those that differ from the last list's
// (a model's frames have the same ones: members find them in their caches), a member its lane's
// word and its count of units done. No fence and no system call: members spin while a frame is
// being run (`frame` is odd), and sleep on `frame` between frames. Who waits for long lets others
// have the CPU; who waits a little looks for units to take from others.

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
#define CLOSED 0 // no list: the leader is writing one
#define SPIN_NS 60000     // then the CPU is offered to others,
#define YIELD_NS 2000000  // and after this given up for a while
#define NAP_NS 50000
#define PAUSES 32      // between two looks at the clock
#define HELP_PAUSES 48 // before a look into others' lanes, which costs them time,
#define REST_PAUSES (10 * HELP_PAUSES) // and before their rests are taken, which they would do soon
#define CALM_ROUNDS 32 // nobody has taken from a member's rest: it leaves none,
#define CALM_PROBE 61  // but in one of so many
#define LINE 128       // two cache lines: they are fetched in pairs

// What somebody has read of the list that is open,
struct list {
    uint32_t first, count; // rounds
    uint32_t base;         // units done, all lists before together
};

// and of one of its jobs.
struct job {
    team_task *task;
    void *arg;
    uint32_t list;        // its first round
    uint32_t round, left; // rounds after it
    uint32_t units;       // 0: the leader's alone
};

struct entry {
    _Atomic(team_task *) task;
    _Atomic(void *) arg;
    _Atomic uint32_t units; // as in struct job
};

struct lane {
    _Alignas(LINE) _Atomic uint64_t taken;
    _Alignas(LINE) _Atomic uint32_t done; // units that this member did, all rounds together
    _Alignas(LINE) uint32_t calm; // the member's own: rounds in which it did the whole lane
};

struct member {
    struct team *team;
    uint32_t index;
    pthread_t thread;
};

struct team {
    // The list.
    _Alignas(LINE) _Atomic uint32_t first; // CLOSED, or its first round
    _Atomic uint32_t count, base;
    _Alignas(LINE) struct entry entries[TEAM_JOBS_MAX];
    struct lane lanes[TEAM_MEMBERS_MAX];
    _Alignas(LINE) _Atomic uint32_t frame; // futex of idle members; odd = a frame is being run
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    // The leader's own.
    _Alignas(LINE) uint32_t last_round;
    uint32_t units_given; // all rounds together, as `done`
    const struct team_job *jobs;
    struct list list;
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

static bool is_open(const struct team *team, uint32_t list)
{
    return list != CLOSED && list == atomic_load_explicit(&team->first, memory_order_acquire);
}

// True with the list that is open.
static bool read_list(const struct team *team, struct list *list)
{
    list->first = atomic_load_explicit(&team->first, memory_order_acquire);
    list->count = atomic_load_explicit(&team->count, memory_order_acquire);
    list->base = atomic_load_explicit(&team->base, memory_order_acquire);
    return is_open(team, list->first);
}

// True with a job of the list that is still open.
static bool read_job(const struct team *team, const struct list *list, uint32_t index,
                     struct job *job)
{
    const struct entry *entry = &team->entries[index];
    job->units = atomic_load_explicit(&entry->units, memory_order_acquire);
    job->task = atomic_load_explicit(&entry->task, memory_order_acquire);
    job->arg = atomic_load_explicit(&entry->arg, memory_order_acquire);
    job->list = list->first;
    job->round = list->first + index;
    job->left = list->count - 1 - index;
    return is_open(team, list->first);
}

// What a job adds to the units done.
static uint32_t job_worth(uint32_t units)
{
    return units ? units : 1;
}

static uint32_t lane_first(const struct team *team, const struct job *job, uint32_t lane)
{
    return (uint32_t)((uint64_t)job->units * lane / team->options.members);
}

// The owner leaves a quarter for those who might be faster, unless nobody has been for long: a
// second piece costs a layer 1 to 5 %. Others take half of what is left.
static uint32_t piece_of(const struct lane *lane, const struct job *job, uint32_t left, bool own)
{
    if (own && lane->calm >= CALM_ROUNDS && job->round % CALM_PROBE)
        return left;
    return own ? left - left / 4 : left - left / 2;
}

// Takes units of lane `index` until none is left or the round is over; returns how many.
// Without `rests` only of a lane of which none has been taken before.
static uint32_t work_lane(struct team *team, const struct job *job, uint32_t index, uint32_t member,
                          bool rests)
{
    struct lane *lane = &team->lanes[index];
    uint32_t count = 0, end = lane_first(team, job, index + 1);
    for (;;) {
        uint64_t taken = atomic_load_explicit(&lane->taken, memory_order_acquire);
        uint32_t ahead = (uint32_t)(taken >> 32) - job->round;
        uint32_t next = ahead == 0 ? (uint32_t)taken : lane_first(team, job, index);
        // The round may be over: then the word is a later one's, or the list another, or no unit is
        // left.
        if (next >= end || (ahead > 0 && ahead <= job->left) || !is_open(team, job->list))
            return count;
        if (ahead == 0 && !rests)
            return count;
        uint32_t piece = piece_of(lane, job, end - next, index == member);
        uint64_t now_taken = (uint64_t)job->round << 32 | (next + piece);
        if (!atomic_compare_exchange_strong(&lane->taken, &taken, now_taken))
            continue;
        job->task(job->arg, member, (int32_t)next, (int32_t)(next + piece));
        count += piece;
        rests = true; // its owner is late
    }
}

static void report(struct lane *lane, uint32_t count)
{
    uint32_t done = atomic_load_explicit(&lane->done, memory_order_relaxed);
    if (count > 0)
        atomic_store_explicit(&lane->done, done + count, memory_order_release);
}

// The member's own lane.
static void work_own(struct team *team, const struct job *job, uint32_t member)
{
    struct lane *lane = &team->lanes[member];
    uint32_t units = lane_first(team, job, member + 1) - lane_first(team, job, member);
    uint32_t count = work_lane(team, job, member, member, true);
    lane->calm = count < units ? 0 : lane->calm + (lane->calm < CALM_ROUNDS ? 1 : 0);
    report(lane, count);
}

// Who has waited for a while looks into the others' lanes.
static void help_others(struct team *team, const struct job *job, uint32_t member, uint32_t pauses)
{
    if (pauses % HELP_PAUSES || job->units == 0)
        return;
    uint32_t count = 0, members = team->options.members;
    for (uint32_t i = 1; i < members; i++)
        count += work_lane(team, job, (member + i) % members, member, pauses >= REST_PAUSES);
    report(&team->lanes[member], count);
}

static uint32_t units_done(const struct team *team)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < team->options.members; i++)
        sum += atomic_load_explicit(&team->lanes[i].done, memory_order_acquire);
    return sum;
}

// Have so many units been done, of all rounds together?
static bool has_done(const struct team *team, uint32_t goal)
{
    return (int32_t)(units_done(team) - goal) >= 0;
}

enum call { CALL_STOP, CALL_LIST, CALL_JOB };

// Waits for another list than `list`, or if `goal` is not NULL for so many units done; helps with
// the job before meanwhile.
static enum call wait_for_call(struct team *team, uint32_t member, uint32_t list,
                               const uint32_t *goal, const struct job *job)
{
    for (struct wait wait = {0};;) {
        uint32_t first = atomic_load_explicit(&team->first, memory_order_relaxed);
        if (first != CLOSED && first != list)
            return CALL_LIST;
        if (goal && has_done(team, *goal))
            return CALL_JOB;
        bool late = wait_long(&wait);
        if (wait.pauses == HELP_PAUSES || wait.pauses == REST_PAUSES)
            help_others(team, job, member, wait.pauses);
        if (!late)
            continue;
        uint32_t frame = atomic_load(&team->frame);
        if (atomic_load(&team->stop))
            return CALL_STOP;
        if (frame % 2) {
            wait_politely(&wait);
        } else {
            sleep_until_frame(team, frame);
            wait = (struct wait){.pauses = REST_PAUSES};
        }
    }
}

// The jobs of a list, until it is done or another is open. False when the team stops.
static bool follow_list(struct team *team, uint32_t member, const struct list *list,
                        struct job *job)
{
    uint32_t goal = list->base;
    for (uint32_t index = 0; index < list->count; index++) {
        enum call call = wait_for_call(team, member, list->first, &goal, job);
        if (call != CALL_JOB || !read_job(team, list, index, job))
            return call != CALL_STOP;
        goal += job_worth(job->units);
        if (job->units > 0)
            work_own(team, job, member);
    }
    return true;
}

static void *member_main(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    struct list list = {.first = CLOSED};
    struct job job = {.list = CLOSED};
    if (team->options.on_start)
        team->options.on_start(team->options.on_start_arg, self->index);
    for (;;) {
        if (wait_for_call(team, self->index, list.first, NULL, &job) == CALL_STOP)
            return NULL;
        if (read_list(team, &list) && !follow_list(team, self->index, &list, &job))
            return NULL;
    }
}

// ---- leading -----------------------------------------------------------------------------------

static uint32_t shared_units(const struct team_job *job)
{
    return job->alone ? 0 : (uint32_t)job->units;
}

static void write_entry(struct entry *entry, const struct team_job *job)
{
    uint32_t units = shared_units(job);
    if (atomic_load_explicit(&entry->units, memory_order_relaxed) == units &&
        atomic_load_explicit(&entry->task, memory_order_relaxed) == job->task &&
        atomic_load_explicit(&entry->arg, memory_order_relaxed) == job->arg)
        return;
    atomic_store_explicit(&entry->units, units, memory_order_release);
    atomic_store_explicit(&entry->task, job->task, memory_order_release);
    atomic_store_explicit(&entry->arg, job->arg, memory_order_release);
}

void team_open(struct team *team, const struct team_job *jobs, uint32_t count)
{
    bool again = team->last_round > UINT32_MAX - count;
    team->jobs = jobs;
    team->list = (struct list){again ? 1 : team->last_round + 1, count, team->units_given};
    team->last_round = team->list.first + count - 1;
    if (team->options.members == 1)
        return;
    atomic_store_explicit(&team->first, CLOSED, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        write_entry(&team->entries[i], &jobs[i]);
    atomic_store_explicit(&team->count, count, memory_order_release);
    atomic_store_explicit(&team->base, team->list.base, memory_order_release);
    atomic_store_explicit(&team->first, team->list.first, memory_order_release);
}

static void share_job(struct team *team, const struct job *job)
{
    work_own(team, job, 0);
    for (struct wait wait = {0}; !has_done(team, team->units_given);) {
        if (wait_long(&wait))
            wait_politely(&wait);
        help_others(team, job, 0, wait.pauses);
    }
}

void team_do(struct team *team, uint32_t index)
{
    const struct team_job *given = &team->jobs[index];
    struct job job = {given->task, given->arg, team->list.first, team->list.first + index,
                      team->list.count - 1 - index, shared_units(given)};
    if (team->options.members == 1) {
        job.task(job.arg, 0, 0, given->units);
        return;
    }
    team->units_given += job_worth(job.units);
    if (job.units > 0) {
        share_job(team, &job);
    } else {
        job.task(job.arg, 0, 0, given->units);
        report(&team->lanes[0], 1);
    }
}

void team_run(struct team *team, int32_t units, team_task *task, void *arg)
{
    if (units <= 0)
        return;
    if (units == 1 || team->options.members == 1) {
        task(arg, 0, 0, units);
        return;
    }
    team_open(team, &(struct team_job){task, arg, units, false}, 1);
    team_do(team, 0);
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
