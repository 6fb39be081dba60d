// SPDX-License-Identifier: Apache-2.0
//
// Whole models: the plan of a real net, threads give the same bytes, limits and errors.

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/classify.h"
#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/team.h"
#include "kernels/kernels.h"

#define DEFAULT_MODEL "models/efficientnet_lite0_int8.tflite"

static struct model *open_model(const char *path)
{
    struct model_options options = {.cpu = kernel_cpu_detect()};
    struct model_error error = {{0}};
    struct model *model = NULL;
    if (model_open(path, &options, &model, &error) < 0)
        fail_msg("%s: %s", path, error.text);
    return model;
}

static void fill(const struct model *model, struct context *context, uint32_t seed)
{
    uint8_t *in = context_native_input(context);
    for (size_t i = 0; i < model_native_input(model)->bytes; i++) {
        seed = seed * 1664525u + 1013904223u;
        in[i] = (uint8_t)(seed >> 24);
    }
}

static void default_model_has_all_it_needs(void **state)
{
    struct model *model = *state;
    float mean[4], std[4];
    int32_t height, width, channels;
    assert_int_equal(model_label_count(model), 1000);
    assert_non_null(model_label(model, 999));
    assert_null(model_label(model, 1000));
    assert_true(model_normalisation(model, mean, std) > 0);
    assert_int_equal(model_picture_size(model, &height, &width, &channels), 0);
    assert_int_equal(height * width * channels, 224 * 224 * 3);
    assert_true(model_macs(model) > 300000000);
}

static void live_tensors_do_not_overlap(void **state)
{
    struct model *model = *state;
    uint32_t n = model_value_count(model);
    for (uint32_t i = 0; i < n; i++) {
        struct value_info a, b;
        if (!model_value(model, i, &a) || a.constant || a.alias)
            continue;
        assert_true(a.offset + a.tensor->bytes <= model_arena_size(model));
        for (uint32_t j = 0; j < i; j++) {
            if (!model_value(model, j, &b) || b.constant || b.alias || a.first > b.last ||
                b.first > a.last)
                continue;
            assert_true(a.offset + a.tensor->bytes <= b.offset ||
                        b.offset + b.tensor->bytes <= a.offset);
        }
    }
}

static void threads_and_kernels_give_the_same_bytes(void **state)
{
    struct model *model = *state, *plain = NULL;
    struct model_options options = {.cpu = 0};
    struct model_error error;
    assert_int_equal(model_open(DEFAULT_MODEL, &options, &plain, &error), 0);
    struct context *alone, *shared, *reference;
    struct team *team;
    struct team_options team_options = {.members = 3};
    assert_int_equal(context_create(model, 1, &alone), 0);
    assert_int_equal(context_create(model, 3, &shared), 0);
    assert_int_equal(context_create(plain, 1, &reference), 0);
    assert_int_equal(team_create(&team_options, &team), 0);
    // Through all trials of the team and past them.
    for (uint32_t seed = 1; seed < CONTEXT_TRIAL_RUNS + 3; seed++) {
        fill(model, alone, seed);
        fill(model, shared, seed);
        context_run(alone, NULL);
        context_run(shared, team);
        size_t bytes = model_output(model, 0)->bytes;
        assert_memory_equal(context_output(alone, 0), context_output(shared, 0), bytes);
        if (seed > 2)
            continue; // C is slow
        fill(plain, reference, seed);
        context_run(reference, NULL);
        assert_memory_equal(context_output(alone, 0), context_output(reference, 0), bytes);
    }
    team_destroy(team);
    context_destroy(alone);
    context_destroy(shared);
    context_destroy(reference);
    model_close(plain);
}

static void output_stays_while_the_next_input_is_written(void **state)
{
    struct model *model = *state;
    struct context *context;
    assert_int_equal(context_create(model, 1, &context), 0);
    fill(model, context, 5);
    context_run(context, NULL);
    size_t bytes = model_output(model, 0)->bytes;
    uint8_t *before = malloc(bytes);
    memcpy(before, context_output(context, 0), bytes);
    fill(model, context, 6);
    assert_memory_equal(before, context_output(context, 0), bytes);
    free(before);
    context_destroy(context);
}

static void profile_has_a_time_for_each_layer(void **state)
{
    struct model *model = *state;
    struct context *context;
    uint64_t *ns = calloc(model_layer_count(model), sizeof(*ns)), sum = 0;
    assert_int_equal(context_create(model, 1, &context), 0);
    fill(model, context, 1);
    context_profile(context, ns);
    context_run(context, NULL);
    for (uint32_t i = 0; i < model_layer_count(model); i++)
        sum += ns[i];
    assert_true(sum > 0);
    context_destroy(context);
    free(ns);
}

static void arena_limit_is_kept(void **state)
{
    (void)state;
    struct model_options options = {.cpu = 0, .arena_max = 1 << 16};
    struct model_error error = {{0}};
    struct model *model;
    assert_int_equal(model_open(DEFAULT_MODEL, &options, &model, &error), -ENOTSUP);
    assert_non_null(strstr(error.text, "limit"));
}

static void expect_refused(const char *path, int code, const char *word)
{
    struct model_options options = {.cpu = 0};
    struct model_error error = {{0}};
    struct model *model;
    assert_int_equal(model_open(path, &options, &model, &error), code);
    if (!strstr(error.text, word))
        fail_msg("'%s' does not say '%s'", error.text, word);
}

static void files_that_are_no_models(void **state)
{
    (void)state;
    char path[80] = "/tmp/qedge_model_XXXXXX", folder[] = "/tmp/qedge_models_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    expect_refused(path, -EINVAL, "empty");
    assert_int_equal(write(fd, "hello, this is no model", 23), 23);
    expect_refused(path, -EINVAL, "not a .tflite");
    close(fd);
    unlink(path);
    expect_refused(path, -ENOENT, "No such file");
    expect_refused("/tmp", -EINVAL, "regular");
    expect_refused("/dev/zero", -EINVAL, "regular");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(path, -EINVAL, "regular"); // and does not wait for somebody to write
    unlink(path);
    rmdir(folder);
}

static int setup(void **state)
{
    *state = open_model(DEFAULT_MODEL);
    return 0;
}

static int teardown(void **state)
{
    model_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_model_has_all_it_needs),
        cmocka_unit_test(live_tensors_do_not_overlap),
        cmocka_unit_test(threads_and_kernels_give_the_same_bytes),
        cmocka_unit_test(output_stays_while_the_next_input_is_written),
        cmocka_unit_test(profile_has_a_time_for_each_layer),
        cmocka_unit_test(arena_limit_is_kept),
        cmocka_unit_test(files_that_are_no_models),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
