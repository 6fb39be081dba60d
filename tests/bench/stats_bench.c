// SPDX-License-Identifier: Apache-2.0
//
// stats_bench MODEL.tflite [RUNS]: what counting latencies costs a frame. An inference alone and an
// inference with everything that the frame path does for the statistics (reading the clock for each
// stage, six histograms, the counters; once a second the loop's summing up) take turns, A B A B;
// then that part alone.

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/stats.h"
#include "common/stats_window.h"
#include "engine/context.h"
#include "engine/model.h"
#include "kernels/kernels.h"

#define RUNS_MAX 10000
#define ALONE 200000
#define STAMPS 6

static struct stats_writer stats;
static struct stats_window *window;

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static double median_us(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return (double)values[count / 2] / CLOCK_NS_PER_US;
}

// As daemon/publisher.c and daemon/stream.c do for one frame.
static void count_frame(void)
{
    uint64_t stamps[STAMPS];
    for (int i = 0; i < STAMPS; i++)
        stamps[i] = clock_now_ns();
    stats_count(&stats, STATS_FRAMES_IN, 1);
    for (unsigned i = 0; i + 1 < STAMPS; i++)
        stats_record(&stats, i, stamps[i + 1] - stamps[i] + 1000 * i);
    stats_record(&stats, STATS_STAGE_TOTAL, stamps[STAMPS - 1] - stamps[0]);
    stats_count(&stats, STATS_FRAMES_PUBLISHED, 1);
}

static void tick(void)
{
    struct stats_summary recent[STATS_STAGES];
    uint64_t ns = stats_window_tick(window, stats.page->stages, clock_now_ns(), recent);
    stats_recent_set(&stats, ns, recent);
}

static uint64_t run(struct context *context, bool counted)
{
    uint64_t start = clock_now_ns();
    context_run(context, NULL);
    if (counted)
        count_frame();
    return clock_now_ns() - start;
}

static void bench(struct context *context, size_t runs)
{
    static uint64_t without[RUNS_MAX], with[RUNS_MAX];
    for (size_t i = 0; i < runs / 10 + 1; i++)
        run(context, true);
    for (size_t i = 0; i < runs; i++) {
        without[i] = run(context, false);
        with[i] = run(context, true);
    }
    double a = median_us(without, runs), b = median_us(with, runs);
    uint64_t start = clock_now_ns();
    for (int i = 0; i < ALONE; i++)
        count_frame();
    double alone_us = (double)(clock_now_ns() - start) / ALONE / CLOCK_NS_PER_US;
    start = clock_now_ns();
    for (int i = 0; i < 200; i++)
        tick();
    double tick_us = (double)(clock_now_ns() - start) / 200 / CLOCK_NS_PER_US;
    printf(
        "inference alone %.1f us, with statistics %.1f us (medians of %zu each, in turns): %+.2f %%\n",
        a, b, runs, 100 * (b / a - 1));
    printf(
        "the statistics of a frame alone: %.3f us = %.3f %% of it; the loop's summing up: %.1f us a second\n",
        alone_us, 100 * alone_us / a, tick_us);
}

int main(int count, char **words)
{
    struct model *model;
    struct context *context;
    struct model_error error;
    long runs = count > 2 ? atol(words[2]) : 300;
    if (count < 2 || runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "usage: stats_bench MODEL.tflite [RUNS]\n");
        return 2;
    }
    struct model_options options = {.cpu = kernel_cpu_detect()};
    if (model_open(words[1], &options, &model, &error) < 0 ||
        context_create(model, 1, &context) < 0 || stats_writer_init(&stats, "bench") < 0 ||
        stats_window_create(STATS_STAGES, clock_now_ns(), &window) < 0) {
        fprintf(stderr, "stats_bench: %s can not be run\n", words[1]);
        return 1;
    }
    bench(context, (size_t)runs);
    stats_window_destroy(window);
    stats_writer_finish(&stats);
    context_destroy(context);
    model_close(model);
    return 0;
}
