// SPDX-License-Identifier: Apache-2.0
//
// The memory plan: values alive together never overlap, and it is not wasteful.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/plan.h"

#define COUNT 64

static void check_plan(const struct plan_value *values, uint32_t count, size_t total)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(values[i].offset % PLAN_ALIGNMENT, 0);
        assert_true(values[i].offset + values[i].bytes <= total);
        for (uint32_t j = 0; j < i; j++) {
            int together = values[i].first <= values[j].last && values[j].first <= values[i].last;
            int apart = values[i].offset + values[i].bytes <= values[j].offset ||
                        values[j].offset + values[j].bytes <= values[i].offset;
            if (together && !apart)
                fail_msg("values %u and %u overlap at %zu and %zu", i, j, values[i].offset,
                         values[j].offset);
        }
    }
}

static void chain_needs_two_buffers(void **state)
{
    (void)state;
    struct plan_value values[10];
    uint32_t order[10];
    size_t total;
    for (int32_t i = 0; i < 10; i++)
        values[i] = (struct plan_value){.bytes = 1000, .first = i, .last = i + 1};
    assert_int_equal(plan_place(values, 10, order, &total), 0);
    check_plan(values, 10, total);
    assert_int_equal(total, 2 * 1024);
}

static void random_lives_never_overlap(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 300; round++) {
        struct plan_value values[COUNT];
        uint32_t order[COUNT];
        size_t total, sum = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            random = random * 1664525u + 1013904223u;
            int32_t first = (int32_t)(random >> 26), life = (int32_t)(random >> 20 & 15);
            values[i] = (struct plan_value){
                .bytes = random >> 8 & 0xffff, .first = first - 1, .last = first + life};
            sum += (values[i].bytes + 63) / 64 * 64;
        }
        assert_int_equal(plan_place(values, COUNT, order, &total), 0);
        check_plan(values, COUNT, total);
        assert_true(total <= sum);
    }
}

static void nothing_takes_nothing(void **state)
{
    (void)state;
    size_t total = 1;
    assert_int_equal(plan_place(NULL, 0, NULL, &total), 0);
    assert_int_equal(total, 0);
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    struct plan_value values[3] = {
        {PTRDIFF_MAX / 2, 0, 1, 0}, {PTRDIFF_MAX / 2, 0, 1, 0}, {PTRDIFF_MAX / 2, 0, 1, 0}};
    uint32_t order[3];
    size_t total;
    assert_true(plan_place(values, 3, order, &total) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_needs_two_buffers),
        cmocka_unit_test(random_lives_never_overlap),
        cmocka_unit_test(nothing_takes_nothing),
        cmocka_unit_test(absurd_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
