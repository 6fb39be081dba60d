// SPDX-License-Identifier: Apache-2.0
//
// Top-k: order, ties, all types, fewer classes than asked for.

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/classify.h"

static struct tensor_info info_of(enum tensor_type type, int32_t n, float scale, int32_t zero)
{
    return (struct tensor_info){
        .name = "out", .type = type, .rank = 2, .dims = {1, n}, .scale = scale, .zero_point = zero};
}

static void best_first_and_ties_by_index(void **state)
{
    (void)state;
    const int8_t data[] = {5, 9, -3, 9, 0, 9};
    struct tensor_info info = info_of(TENSOR_INT8, 6, 0.5f, -1);
    struct classify_hit hits[4];
    assert_int_equal(classify_top_k(&info, data, 4, hits), 4);
    assert_int_equal(hits[0].index, 1);
    assert_int_equal(hits[1].index, 3);
    assert_int_equal(hits[2].index, 5);
    assert_int_equal(hits[3].index, 0);
    assert_true(hits[0].score == 5.0f && hits[3].score == 3.0f);
}

static void k_beyond_the_classes(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 255, 3};
    struct tensor_info info = info_of(TENSOR_UINT8, 3, 1, 0);
    struct classify_hit hits[8];
    assert_int_equal(classify_top_k(&info, data, 8, hits), 3);
    assert_int_equal(hits[0].index, 1);
    assert_int_equal(hits[2].index, 0);
    assert_int_equal(classify_top_k(&info, data, 0, hits), 0);
}

static void floats_and_what_is_not_a_number(void **state)
{
    (void)state;
    const float data[] = {NAN, 0.25f, -INFINITY, 0.75f, NAN};
    struct tensor_info info = info_of(TENSOR_FLOAT32, 5, 0, 0);
    struct classify_hit hits[5];
    assert_int_equal(classify_top_k(&info, data, 5, hits), 5);
    assert_int_equal(hits[0].index, 3);
    assert_int_equal(hits[1].index, 1);
    assert_int_equal(hits[2].index, 2);
    assert_int_equal(hits[3].index, 0);
    assert_int_equal(hits[4].index, 4);
}

// Against a plain selection, over many pseudo-random outputs.
static void agrees_with_sorting(void **state)
{
    (void)state;
    uint32_t random = 99;
    for (int round = 0; round < 500; round++) {
        int16_t data[40];
        for (int i = 0; i < 40; i++) {
            random = random * 1664525u + 1013904223u;
            data[i] = (int16_t)(random >> 27);
        }
        struct tensor_info info = info_of(TENSOR_INT16, 40, 1, 0);
        struct classify_hit hits[7];
        assert_int_equal(classify_top_k(&info, data, 7, hits), 7);
        for (int k = 0; k < 7; k++) {
            int better = 0;
            for (int i = 0; i < 40; i++)
                better += data[i] > data[hits[k].index] ||
                          (data[i] == data[hits[k].index] && i < (int)hits[k].index);
            assert_int_equal(better, k);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_first_and_ties_by_index),
        cmocka_unit_test(k_beyond_the_classes),
        cmocka_unit_test(floats_and_what_is_not_a_number),
        cmocka_unit_test(agrees_with_sorting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
