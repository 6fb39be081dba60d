// SPDX-License-Identifier: Apache-2.0
//
// The governor against machines made of arithmetic: watts that follow the frames at once, a heat
// sink that follows them slowly, energy that workers cost. It must get below the budget, stay there
// without swinging, come back when it may, and say what it does.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/governor.h"

#define S CLOCK_NS_PER_S
#define START (1000 * S)
#define THREADS 4

// ---- a machine -------------------------------------------------------------

struct machine {
    struct governor governor;
    uint64_t now_ns;
    int changes, rises;
    // what it is like
    double idle_w, busy_w, ambient_c, degrees_per_w, sink_seconds;
    double noise;
    double watts, celsius; // at the moment
};

static void machine_start(struct machine *machine, const struct config_budget *budget)
{
    machine->now_ns = START;
    machine->celsius = machine->ambient_c + machine->idle_w * machine->degrees_per_w;
    governor_init(&machine->governor, budget, THREADS, machine->now_ns);
}

static void machine_run(struct machine *machine, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        struct governor *governor = &machine->governor;
        double before = governor->share;
        uint32_t threads = governor->threads;
        double noise = machine->noise * (i % 3 - 1);
        machine->watts = machine->idle_w +
                         machine->busy_w * governor->share * (governor->threads == 1 ? 0.6 : 1) +
                         noise;
        double target = machine->ambient_c + machine->watts * machine->degrees_per_w;
        machine->celsius += (target - machine->celsius) / machine->sink_seconds;
        struct governor_reading reading = {
            .known = {true, true, true},
            .value = {machine->watts, machine->celsius + noise, 5.0 + 2.0 * governor->threads},
            .idle_w = 0};
        machine->now_ns += S;
        bool changed = governor_tick(governor, &reading, machine->now_ns);
        assert_int_equal(changed, before != governor->share || threads != governor->threads);
        assert_true(governor->share > 0 && governor->share <= 1);
        assert_in_range(governor->threads, 1, THREADS);
        machine->changes += changed;
        machine->rises += governor->share > before || governor->threads > threads;
    }
}

static void says(const struct machine *machine, const char *state, const char *words)
{
    char reason[200], hint[160];
    assert_string_equal(governor_state(&machine->governor), state);
    governor_describe(&machine->governor, reason, sizeof(reason), hint, sizeof(hint));
    if (!words[0])
        assert_true(!reason[0] && !hint[0]);
    else if (!strstr(reason, words) || !hint[0])
        fail_msg("'%s' lacks '%s'", reason, words);
}

// ---- each budget -----------------------------------------------------------

static void test_watts(void **state)
{
    (void)state;
    static const double idles[] = {1, 3};
    for (int i = 0; i < 2; i++) {
        struct machine machine = {
            .idle_w = idles[i], .busy_w = 4, .sink_seconds = 60, .noise = 0.05};
        machine_start(&machine, &(struct config_budget){.watts = idles[i] + 2});
        machine_run(&machine, 2);
        assert_int_equal(machine.changes, 0); // not at once
        machine_run(&machine, 30);
        assert_true(machine.watts <= idles[i] + 2.1 && machine.watts > idles[i] + 1.5);
        assert_int_equal(machine.governor.threads, THREADS); // frames come first
        says(&machine, "holding", "held back by budget.watts (");
        machine.changes = 0;
        machine_run(&machine, 1800);
        assert_in_range(machine.changes, 0, 12); // half an hour
        assert_true(machine.watts <= idles[i] + 2.1);
        // a lighter model
        machine.busy_w = 1;
        machine_run(&machine, 240);
        assert_true(machine.governor.share == 1);
        says(&machine, "free", "");
    }
}

static void test_heat(void **state)
{
    (void)state;
    // 25 + 7 * 9 = 88 degrees when nothing is held; a sink of two minutes
    struct machine machine = {.idle_w = 3,
                              .busy_w = 4,
                              .ambient_c = 25,
                              .degrees_per_w = 9,
                              .sink_seconds = 120,
                              .noise = 0.3};
    machine_start(&machine, &(struct config_budget){.celsius = 70});
    machine_run(&machine, 1200);
    assert_true(machine.celsius <= 71 && machine.celsius > 58);
    says(&machine, "holding", "held back by budget.celsius (");
    machine.changes = machine.rises = 0;
    double highest = 0;
    for (int i = 0; i < 3600; i++) {
        machine_run(&machine, 1);
        highest = fmax(highest, machine.celsius);
    }
    assert_true(highest < 72);
    assert_in_range(machine.rises, 0, 24);
    assert_in_range(machine.changes, 0, 48); // an hour
    machine.ambient_c = 0;                   // winter
    machine_run(&machine, 900);
    assert_true(machine.governor.share == 1);
    says(&machine, "free", "");
}

static void test_energy(void **state)
{
    (void)state;
    struct machine machine = {.idle_w = 1, .busy_w = 1, .sink_seconds = 60};
    machine_start(&machine, &(struct config_budget){.mj_per_inference = 10});
    machine_run(&machine, 60);
    assert_int_equal(machine.governor.threads, 2); // 5 + 2 * 2
    assert_true(machine.governor.share == 1);
    says(&machine, "holding", "2 of 4 workers");
    machine.changes = 0;
    machine_run(&machine, 600);
    assert_int_equal(machine.changes, 0);
    // nothing helps: half of the frames stay, and that is said
    machine_start(&machine, &(struct config_budget){.mj_per_inference = 5});
    machine_run(&machine, 300);
    assert_int_equal(machine.governor.threads, 1);
    assert_true(machine.governor.share >= 0.5);
    says(&machine, "exceeded",
         "at the lowest, and still above budget.mj_per_inference (7.0 of 5 mJ)");
}

static void test_exceeded(void **state)
{
    (void)state;
    struct machine machine = {.idle_w = 6, .busy_w = 4, .sink_seconds = 60};
    machine_start(&machine, &(struct config_budget){.watts = 5}); // idling takes more
    machine_run(&machine, 120);
    assert_int_equal(machine.governor.threads, 1);
    assert_true(machine.governor.share >= 0.1 && machine.governor.share < 0.11);
    says(&machine, "exceeded", "at the lowest, and still above budget.watts (");
    // a larger budget by a reload
    governor_set(&machine.governor, &(struct config_budget){.watts = 20});
    machine_run(&machine, 240);
    says(&machine, "free", "");
    assert_true(machine.governor.share == 1 && machine.governor.threads == THREADS);
    // none at all
    machine_start(&machine, &(struct config_budget){.watts = 8});
    machine_run(&machine, 30);
    assert_true(governor_holds(&machine.governor));
    governor_set(&machine.governor, &(struct config_budget){0});
    assert_false(governor_has_budget(&machine.governor));
    char reason[200], hint[160];
    governor_describe(&machine.governor, reason, sizeof(reason), hint, sizeof(hint));
    assert_non_null(strstr(reason, "a budget is gone and the frames come back: "));
    assert_string_equal(hint, "");
    machine_run(&machine, 60);
    assert_false(governor_holds(&machine.governor));
}

static void test_blind(void **state)
{
    (void)state;
    static const struct config_budget budgets[] = {
        {.watts = 5}, {.celsius = 60}, {.mj_per_inference = 5}};
    static const char *const words[] = {"no meter for this budget",
                                        "no temperature sensor for this budget",
                                        "no meter, or no idle power, for this budget"};
    for (int i = 0; i < 3; i++) {
        struct machine machine = {0};
        struct governor_reading reading = {.value = {100, 100, 100}};
        governor_init(&machine.governor, &budgets[i], THREADS, START);
        for (int k = 1; k < 60; k++)
            assert_false(governor_tick(&machine.governor, &reading, START + (uint64_t)k * S));
        says(&machine, "blind", words[i]);
        assert_int_equal(governor_blind(&machine.governor), i);
        reading.known[i] = true;
        for (int k = 60; k < 90; k++)
            governor_tick(&machine.governor, &reading, START + (uint64_t)k * S);
        assert_true(governor_holds(&machine.governor)); // a meter was plugged in
        reading.known[i] = false; // and out: nothing is held for a budget that nothing measures
        for (int k = 90; k < 240; k++)
            governor_tick(&machine.governor, &reading, START + (uint64_t)k * S);
        assert_false(governor_holds(&machine.governor));
    }
}

// Two budgets: the one that is worse off counts.
static void test_two(void **state)
{
    (void)state;
    struct machine machine = {
        .idle_w = 3, .busy_w = 4, .ambient_c = 25, .degrees_per_w = 9, .sink_seconds = 30};
    machine_start(&machine, &(struct config_budget){.watts = 6.5, .celsius = 70});
    machine_run(&machine, 900);
    assert_true(machine.celsius <= 71 && machine.watts <= 6.5);
    says(&machine, "holding", "budget.celsius");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watts),  cmocka_unit_test(test_heat),
        cmocka_unit_test(test_energy), cmocka_unit_test(test_exceeded),
        cmocka_unit_test(test_blind),  cmocka_unit_test(test_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
