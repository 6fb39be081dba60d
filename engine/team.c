// SPDX-License-Identifier: Apache-2.0
//
// Each member has a lane: the units that are its share of this round, and a word that says how far
// they have been taken:
//
//     63          32 31           0
//     [   round     |   next unit  ]      next unit CLOSED = the leader is writing the next job
//
// Units are taken by compare-and-swap on that word, by the lane's own member and, when that one is
// late, by those who have finished theirs. A swap fails once the round is over: the leader waits
// for units that were taken, never for members that are late or asleep. The job's fields are
// written only while the lane is closed; a swap that succeeds proves that what was read before it
// belongs to that round.
//
// Who writes what: the leader a lane's first cache line, its member the second (`done`). A round of
// two threads moves two lines there and one back. No fence and no system call: members spin on
// their own lane while a frame is being run (`frame` is odd), and sleep on `frame` between frames.
// Who waits for long lets others have the CPU.

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
#define CLOSED UINT32_MAX
#define SPIN_NS 60000     // then the CPU is offered to others,
#define YIELD_NS 2000000  // and after this given up for a while
#define NAP_NS 50000
#define PAUSES 32 // between two looks at the clock
#define LINE 128  // two cache lines: they are fetched in pairs

struct lane {
    _Alignas(LINE) _Atomic uint64_t cursor;
    _Atomic uint32_t end;
    _Atomic(team_task *) task;
    _Atomic(void *) arg;
    _Alignas(LINE) _Atomic uint32_t done; // units that this member did, all rounds together
};

struct member {
    struct team *team;
    uint32_t index;
    pthread_t thread;
};

struct team {
    struct lane lanes[TEAM_MEMBERS_MAX];
    _Alignas(LINE) _Atomic uint32_t frame; // futex of idle members; odd = a frame is being run
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    // The leader's own.
    _Alignas(LINE) uint32_t round;
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

// The owner leaves a quarter for those who might be faster; others take half of what is left.
static uint32_t piece_of(uint32_t left, bool own)
{
    return own ? left - left / 4 : left - left / 2;
}

// Takes units of `lane` until none is left or the round is over; returns how many.
static uint32_t work_lane(struct lane *lane, uint32_t member, uint32_t round, bool own)
{
    uint32_t count = 0;
    for (;;) {
        uint64_t cursor = atomic_load_explicit(&lane->cursor, memory_order_acquire);
        uint32_t next = (uint32_t)cursor;
        uint32_t end = atomic_load_explicit(&lane->end, memory_order_acquire);
        if ((uint32_t)(cursor >> 32) != round || next >= end)
            return count;
        team_task *task = atomic_load_explicit(&lane->task, memory_order_acquire);
        void *arg = atomic_load_explicit(&lane->arg, memory_order_acquire);
        uint32_t piece = piece_of(end - next, own);
        if (!atomic_compare_exchange_strong(&lane->cursor, &cursor, cursor + piece))
            continue;
        task(arg, member, (int32_t)next, (int32_t)(next + piece));
        count += piece;
    }
}

// The own lane, then the others'.
static uint32_t work(struct team *team, uint32_t member, uint32_t round)
{
    uint32_t count = 0, members = team->options.members;
    for (uint32_t i = 0; i < members; i++)
        count += work_lane(&team->lanes[(member + i) % members], member, round, i == 0);
    return count;
}

// Returns the round's number when it is not `seen` any more and its job is there, or `seen` when
// the team stops.
static uint32_t wait_for_round(struct team *team, const struct lane *lane, uint32_t seen)
{
    struct wait wait = {0};
    for (;;) {
        uint64_t cursor = atomic_load_explicit(&lane->cursor, memory_order_acquire);
        if ((uint32_t)(cursor >> 32) != seen && (uint32_t)cursor != CLOSED)
            return (uint32_t)(cursor >> 32);
        if (!wait_long(&wait))
            continue;
        uint32_t frame = atomic_load(&team->frame);
        if (atomic_load(&team->stop))
            return seen;
        if (frame % 2) {
            wait_politely(&wait);
        } else {
            sleep_until_frame(team, frame);
            wait = (struct wait){0};
        }
    }
}

static void *member_main(void *arg)
{
    struct member *self = arg;
    struct team *team = self->team;
    struct lane *lane = &team->lanes[self->index];
    if (team->options.on_start)
        team->options.on_start(team->options.on_start_arg, self->index);
    for (uint32_t seen = 0, round; (round = wait_for_round(team, lane, seen)) != seen;) {
        uint32_t count = work(team, self->index, round);
        if (count > 0)
            atomic_store_explicit(
                &lane->done, atomic_load_explicit(&lane->done, memory_order_relaxed) + count,
                memory_order_release);
        seen = round;
    }
    return NULL;
}

// ---- leading -----------------------------------------------------------------------------------

static void open_lane(struct lane *lane, uint32_t round, uint32_t first, uint32_t end,
                      team_task *task, void *arg)
{
    uint64_t tag = (uint64_t)round << 32;
    atomic_store_explicit(&lane->cursor, tag | CLOSED, memory_order_relaxed);
    atomic_store_explicit(&lane->end, end, memory_order_release);
    atomic_store_explicit(&lane->task, task, memory_order_release);
    atomic_store_explicit(&lane->arg, arg, memory_order_release);
    atomic_store_explicit(&lane->cursor, tag | first, memory_order_release);
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
    uint32_t members = team->options.members;
    if (units <= 0)
        return;
    if (units == 1 || members == 1) {
        task(arg, 0, 0, units);
        return;
    }
    team->round++;
    team->units_given += (uint32_t)units;
    for (uint32_t i = members; i-- > 0;)
        open_lane(&team->lanes[i], team->round, (uint32_t)((int64_t)units * i / members),
                  (uint32_t)((int64_t)units * (i + 1) / members), task, arg);
    uint32_t count = work(team, 0, team->round);
    struct lane *own = &team->lanes[0];
    atomic_store_explicit(&own->done,
                          atomic_load_explicit(&own->done, memory_order_relaxed) + count,
                          memory_order_relaxed);
    for (struct wait wait = {0}; units_done(team) != team->units_given;)
        if (wait_long(&wait))
            wait_politely(&wait);
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
    for (uint32_t i = 0; i < TEAM_MEMBERS_MAX; i++)
        team->lanes[i].cursor = CLOSED;
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
