// SPDX-License-Identifier: Apache-2.0
//
// The team: every unit exactly once, many jobs in a row, members that fall asleep in between.

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/team.h"

#define UNITS_MAX 257

struct job {
    _Atomic int seen[UNITS_MAX];
    _Atomic int bad_member;
    uint32_t members;
    int plain[UNITS_MAX]; // written by members, read by the leader: a checker sees a missing
                          // barrier
};

static void mark(void *arg, uint32_t member, int32_t first, int32_t last)
{
    struct job *job = arg;
    if (member >= job->members)
        atomic_fetch_add(&job->bad_member, 1);
    for (int32_t i = first; i < last; i++) {
        atomic_fetch_add(&job->seen[i], 1);
        job->plain[i]++;
    }
}

// Frames of three rounds, or rounds outside any frame; members asleep now and then.
static void vary_frame(struct team *team, int round, int nap_every)
{
    if (nap_every && round % nap_every == 0)
        usleep(2000);
    if (round % 4 == 0)
        team_wake(team);
    if (round % 4 == 3)
        team_rest(team);
}

static void run_rounds(uint32_t members, int rounds, int nap_every)
{
    static struct job job;
    struct team *team;
    struct team_options options = {.members = members};
    assert_int_equal(team_create(&options, &team), 0);
    assert_int_equal(team_members(team), members);
    for (int round = 0; round < rounds; round++) {
        int32_t units = 1 + round * 7 % UNITS_MAX;
        memset(&job, 0, sizeof(job));
        job.members = members;
        vary_frame(team, round, nap_every);
        team_run(team, units, mark, &job);
        for (int32_t i = 0; i < UNITS_MAX; i++) {
            assert_int_equal(atomic_load(&job.seen[i]), i < units);
            assert_int_equal(job.plain[i], i < units);
        }
        assert_int_equal(atomic_load(&job.bad_member), 0);
    }
    team_destroy(team);
}

static void alone(void **state)
{
    (void)state;
    run_rounds(1, 50, 0);
}

static void two_many_rounds(void **state)
{
    (void)state;
    run_rounds(2, 3000, 0);
}

static void more_than_cpus_and_naps(void **state)
{
    (void)state;
    run_rounds(5, 300, 10);
}

// A job of a list: each of its units looks at all that the job before it wrote.
struct link {
    const int *before;
    int *cells;
    int32_t before_count, mark;
    uint32_t members;
    _Atomic int *errors;
};

static void follow_link(void *arg, uint32_t member, int32_t first, int32_t last)
{
    const struct link *link = arg;
    for (int32_t i = first; i < last; i++) {
        for (int32_t j = 0; j < link->before_count; j++)
            if (link->before[j] != link->mark - 1)
                atomic_fetch_add(link->errors, 1);
        link->cells[i] += link->mark; // twice is wrong, too
    }
    if (member >= link->members)
        atomic_fetch_add(link->errors, 1);
}

#define LINKS_MAX 40

static void run_lists(uint32_t members, int lists, int nap_every)
{
    static int cells[LINKS_MAX + 1][UNITS_MAX];
    struct link links[LINKS_MAX];
    struct team_job jobs[LINKS_MAX];
    _Atomic int errors = 0;
    struct team *team;
    struct team_options options = {.members = members};
    assert_int_equal(team_create(&options, &team), 0);
    for (int round = 0; round < lists; round++) {
        uint32_t count = 1 + (uint32_t)round * 3 % LINKS_MAX;
        memset(cells, 0, sizeof(cells));
        for (uint32_t k = 0; k < count; k++) {
            bool few = (round + (int)k) % 3 == 0, alone = (round / 5 + (int)k) % 4 == 0;
            int32_t units = few ? 1 + (int32_t)k % 3 : 1 + (round + 29 * (int32_t)k) % UNITS_MAX;
            links[k] = (struct link){cells[k],       cells[k + 1], k ? jobs[k - 1].units : 0,
                                     (int32_t)k + 1, members,      &errors};
            jobs[k] = (struct team_job){follow_link, &links[k], units, alone};
        }
        vary_frame(team, round, nap_every);
        team_open(team, jobs, count);
        for (uint32_t k = 0; k < count; k++) {
            team_do(team, k);
            for (int32_t i = 0; i < UNITS_MAX; i++)
                assert_int_equal(cells[k + 1][i], i < jobs[k].units ? (int)k + 1 : 0);
        }
    }
    team_destroy(team);
    assert_int_equal(atomic_load(&errors), 0);
}

static void lists_are_done_in_order(void **state)
{
    (void)state;
    run_lists(1, 50, 0);
    run_lists(2, 400, 0);
    run_lists(2, 100, 7);
    run_lists(5, 60, 10);
}

static void count_units(void *arg, uint32_t member, int32_t first, int32_t last)
{
    if (member != 0 && first >= 32)
        atomic_fetch_add((_Atomic int *)arg, last - first);
    usleep(200);
}

// The second half is the second member's share; who sleeps inside a frame is woken for it.
static void shares_stay_with_their_member(void **state)
{
    (void)state;
    struct team *team;
    struct team_options options = {.members = 2};
    _Atomic int own = 0;
    assert_int_equal(team_create(&options, &team), 0);
    for (int round = 0; round < 20 || (round < 2000 && atomic_load(&own) == 0); round++) {
        usleep(1000);
        team_wake(team);
        usleep(5000);
        team_run(team, 64, count_units, &own);
        team_rest(team);
    }
    assert_true(atomic_load(&own) > 0);
    team_destroy(team);
}

static void created_and_destroyed_unused(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct team *team;
        struct team_options options = {.members = 4};
        assert_int_equal(team_create(&options, &team), 0);
        team_destroy(team);
    }
    team_destroy(NULL);
}

static void count_start(void *arg, uint32_t member)
{
    atomic_fetch_add((_Atomic uint32_t *)arg, 1u << (8 * member));
}

static void on_start_runs_on_each_thread(void **state)
{
    (void)state;
    _Atomic uint32_t started = 0;
    struct team *team;
    struct team_options options = {.members = 3, .on_start = count_start, .on_start_arg = &started};
    assert_int_equal(team_create(&options, &team), 0);
    team_destroy(team);
    assert_int_equal(atomic_load(&started), 0x00010100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone),
        cmocka_unit_test(two_many_rounds),
        cmocka_unit_test(more_than_cpus_and_naps),
        cmocka_unit_test(lists_are_done_in_order),
        cmocka_unit_test(shares_stay_with_their_member),
        cmocka_unit_test(created_and_destroyed_unused),
        cmocka_unit_test(on_start_runs_on_each_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
