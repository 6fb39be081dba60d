// SPDX-License-Identifier: Apache-2.0
//
// Which layers are shared: told times, what is chosen.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/sharing.h"

struct times {
    uint64_t alone[3], shared[3]; // of the layers
    uint64_t frame_alone, frame_shared;
};

// All trial runs, in which nobody shares a layer that was found not worth it.
static struct sharing *tried(const struct times *t)
{
    struct sharing *s = sharing_create(3);
    assert_non_null(s);
    int runs = 0;
    for (; !sharing_decided(s); runs++) {
        bool timed = sharing_begin(s), any = false;
        for (uint32_t i = 0; i < 3; i++) {
            bool asked = sharing_asks(s, i);
            any = any || asked;
            // A late first time must not count for ever.
            uint64_t late = runs < SHARING_WARM_UP + 2 ? 1000 : 0;
            if (timed)
                sharing_add(s, i, late + (asked ? t->shared[i] : t->alone[i]));
        }
        sharing_end(s, any ? t->frame_shared : t->frame_alone);
    }
    assert_int_equal(runs, SHARING_RUNS);
    return s;
}

static void assert_chosen(struct sharing *s, int a, int b, int c)
{
    assert_false(sharing_begin(s));
    assert_int_equal(sharing_asks(s, 0), a);
    assert_int_equal(sharing_asks(s, 1), b);
    assert_int_equal(sharing_asks(s, 2), c);
    assert_int_equal(sharing_wants_team(s), a || b || c);
    sharing_end(s, 0);
    sharing_unref(s);
}

static void the_quicker_way_of_each_layer(void **state)
{
    (void)state;
    assert_chosen(tried(&(struct times){{100, 10, 50}, {55, 12, 49}, 160, 115}), 1, 0, 0);
}

static void no_gain_for_the_frame(void **state)
{
    (void)state;
    assert_chosen(tried(&(struct times){{100, 10, 50}, {55, 12, 30}, 160, 159}), 0, 0, 0);
}

// What was decided while others were busy does not last.
static void tried_again(void **state)
{
    (void)state;
    struct sharing *s = tried(&(struct times){{100, 10, 50}, {155, 12, 99}, 160, 315});
    for (int runs = SHARING_RUNS; runs < SHARING_AGAIN; runs++) {
        assert_false(sharing_wants_team(s));
        assert_false(sharing_begin(s));
        sharing_end(s, 100);
    }
    assert_true(sharing_wants_team(s));
    assert_false(sharing_decided(s));
    sharing_unref(s);
}

static void all_shared_until_decided_and_references(void **state)
{
    (void)state;
    struct sharing *s = sharing_create(2), *same = sharing_ref(s);
    assert_false(sharing_begin(s));
    assert_true(sharing_asks(same, 0) && sharing_asks(same, 1));
    sharing_unref(s);
    assert_false(sharing_decided(same));
    sharing_unref(same);
    sharing_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quicker_way_of_each_layer),
        cmocka_unit_test(no_gain_for_the_frame),
        cmocka_unit_test(tried_again),
        cmocka_unit_test(all_shared_until_decided_and_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
