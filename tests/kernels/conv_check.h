// SPDX-License-Identifier: Apache-2.0
//
// Every convolution row against the C row: same bytes on shapes around the tiles, nothing read or
// written outside the buffers, and every cut of the units gives the whole. A program calls
// conv_check_main() with the rows that it is about: the dispatch table, or rows that only exist for
// a test.

#ifndef QEDGE_TESTS_KERNELS_CONV_CHECK_H
#define QEDGE_TESTS_KERNELS_CONV_CHECK_H

#include <math.h>

#include "tests/kernels/conv_bench.h"
#include "tests/kernels/conv_shapes.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 64, SIZE_MAX_BYTES = 4 << 20, UNWRITTEN = 0x55 };

static struct guard guard_input, guard_output, guard_packed, guard_scratch, guard_weights,
    guard_bias, guard_scale;
static int8_t *expected;
static const struct kernel_conv *const *check_rows;
static size_t check_count;
static int shapes_done[ROWS_MAX];

static void describe(const char *row, const struct kernel_conv_shape *s, const char *what)
{
    snprintf(
        harness_doing, sizeof harness_doing,
        "%s (%s): %s batch %d in %dx%dx%d out %dx%dx%d k %dx%d stride %dx%d dilation %dx%d pad %d,%d "
        "groups %d multiplier %d zero points %d %d %d act %d..%d, seed %llu",
        row, what, s->kind == KERNEL_CONV ? "conv" : "depthwise", s->batch, s->in_h, s->in_w,
        s->in_c, s->out_h, s->out_w, s->out_c, s->k_h, s->k_w, s->stride_h, s->stride_w,
        s->dilation_h, s->dilation_w, s->pad_top, s->pad_left, s->groups, s->depth_multiplier,
        s->input_zero_point, s->weight_zero_point, s->output_zero_point, s->act_min, s->act_max,
        (unsigned long long)harness.seed);
}

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

// ---- one shape ---------------------------------------------------------------------------------

static float random_scale(int mode, double depth)
{
    float unit = 1.0f + (float)(harness_random() >> 8) * 0x1p-24f;
    switch (mode) {
    case 0: return unit * (float)harness_between(1, 1000);           // multipliers >= 1
    case 1: return ldexpf(unit, -harness_between(31, 60));           // below 2^-31
    case 2: return ldexpf(unit, harness_between(20, 100));           // products outside int32
    case 3: return ldexpf(1.0f, -harness_between(1, 12));            // exact halves
    default: return unit / (float)(sqrt(depth) * harness_between(20, 120)); // as in a real model
    }
}

static void fill_weights(const struct kernel_conv_shape *s, struct kernel_conv_weights *weights,
                         bool at_end)
{
    size_t n = (size_t)s->out_c;
    double depth = (double)s->k_h * s->k_w * (s->kind == KERNEL_CONV ? s->in_c / s->groups : 1);
    size_t count = (size_t)(depth * (double)n);
    int8_t *w = guard_place(&guard_weights, count, 1, at_end);
    int32_t *bias = guard_place(&guard_bias, n * 4, 4, at_end);
    float *scale = guard_place(&guard_scale, n * 4, 4, at_end);
    harness_fill(w, count);
    int mode = harness_between(0, 11);
    int bias_bits = HARNESS_PICK(8, 12, 16, 24, 31);
    for (size_t c = 0; c < n; c++) {
        scale[c] = random_scale(mode == 11 ? harness_between(0, 11) : mode, depth);
        bias[c] = (int32_t)harness_random() >> (32 - bias_bits);
    }
    *weights = (struct kernel_conv_weights){w, harness_chance(90) ? bias : NULL, scale};
}

struct job {
    const struct kernel_conv *row;
    const struct kernel_conv_shape *shape;
    const void *packed;
    const int8_t *input;
    size_t output_size, scratch_size;
    bool at_end;
};

static int8_t *fresh_output(const struct job *job)
{
    int8_t *output = guard_place(&guard_output, job->output_size, 1, job->at_end);
    memset(output, UNWRITTEN, job->output_size);
    return output;
}

static void run_slice(const struct job *job, int8_t *output, int32_t first, int32_t last)
{
    void *scratch = guard_place(&guard_scratch, job->scratch_size, 64, job->at_end);
    memset(scratch, (int)harness_random(), job->scratch_size);
    job->row->run(job->shape, job->packed, job->input, output, scratch, first, last);
    if (!guard_intact(&guard_scratch) || !guard_intact(&guard_output))
        failed("wrote outside its buffers");
}

static void check_whole(const struct job *job, int32_t units)
{
    describe(job->row->name, job->shape, "whole");
    int8_t *output = fresh_output(job);
    run_slice(job, output, 0, units);
    for (size_t i = 0; i < job->output_size; i++) {
        if (output[i] != expected[i]) {
            char why[128];
            size_t c = (size_t)job->shape->out_c;
            snprintf(why, sizeof why, "pixel %zu channel %zu: %d, C says %d", i / c, i % c,
                     output[i], expected[i]);
            failed(why);
            return;
        }
    }
}

// Two parts must write each byte once, and every unit alone must give the whole.
static void check_parts(const struct job *job, int32_t units)
{
    int32_t cut = harness_between(0, units);
    describe(job->row->name, job->shape, "parts");
    int8_t *output = fresh_output(job);
    run_slice(job, output, cut, units);
    int8_t *second = malloc(job->output_size);
    memcpy(second, output, job->output_size);
    output = fresh_output(job);
    run_slice(job, output, 0, cut);
    bool once = true;
    for (size_t i = 0; i < job->output_size; i++)
        once = once && ((output[i] == expected[i] && second[i] == UNWRITTEN) ||
                        (second[i] == expected[i] && output[i] == UNWRITTEN));
    free(second);
    if (!once)
        failed("two parts do not make the whole, or both write the same byte");
    if (units > 40)
        return;
    output = fresh_output(job);
    for (int32_t unit = units - 1; unit >= 0; unit--)
        run_slice(job, output, unit, unit + 1);
    if (memcmp(output, expected, job->output_size) != 0)
        failed("unit by unit, backwards: not the whole");
}

static void check_row(const struct kernel_conv *row, const struct kernel_conv_shape *shape,
                      const struct kernel_conv_weights *weights, const int8_t *input,
                      size_t output_size, bool at_end)
{
    describe(row->name, shape, "pack");
    size_t size = row->packed_size(shape);
    void *packed = guard_place(&guard_packed, size, 64, at_end);
    memset(packed, (int)harness_random(), size);
    row->pack(shape, weights, packed);
    if (!guard_intact(&guard_packed))
        failed("pack wrote outside its buffer");
    struct job job = {row, shape, packed, input, output_size, row->scratch_size(shape), at_end};
    int32_t units = row->units(shape);
    if (units < 1) {
        failed("less than one unit");
        return;
    }
    check_whole(&job, units);
    check_parts(&job, units);
}

static void check_shape(const struct kernel_conv_shape *shape)
{
    bool at_end = harness_chance(75);
    size_t input_size = (size_t)shape->batch * (size_t)shape->in_h * (size_t)shape->in_w *
                        (size_t)shape->in_c;
    size_t output_size =
        (size_t)shape->batch * (size_t)shape->out_h * (size_t)shape->out_w * (size_t)shape->out_c;
    int8_t *input = guard_place(&guard_input, input_size, 1, at_end);
    harness_fill(input, input_size);
    struct kernel_conv_weights weights;
    fill_weights(shape, &weights, at_end);

    const struct kernel_conv *truth = kernel_conv_select(shape, 0);
    struct job job = {truth, shape, NULL, input, output_size, truth->scratch_size(shape), at_end};
    describe(truth->name, shape, "truth");
    void *packed = guard_place(&guard_packed, truth->packed_size(shape), 64, at_end);
    truth->pack(shape, &weights, packed);
    job.packed = packed;
    int8_t *output = fresh_output(&job);
    run_slice(&job, output, 0, truth->units(shape));
    memcpy(expected, output, output_size);

    for (size_t i = 0; i < check_count; i++) {
        if (!harness_wants(check_rows[i]->name, check_rows[i]->cpu) ||
            !check_rows[i]->accepts(shape))
            continue;
        check_row(check_rows[i], shape, &weights, input, output_size, at_end);
        shapes_done[i]++;
    }
}

// The layers that --bench times, cut down in height and width so that C can follow.
static void check_known_shapes(void)
{
    for (size_t i = 0; i < sizeof conv_bench_layers / sizeof conv_bench_layers[0]; i++) {
        struct kernel_conv_shape shape = conv_bench_shape(&conv_bench_layers[i]);
        shape.in_h = shape.in_h < 9 ? shape.in_h : 9;
        shape.in_w = shape.in_w < 15 ? shape.in_w : 15;
        shape.out_h = (shape.in_h + shape.stride_h - 1) / shape.stride_h;
        shape.out_w = (shape.in_w + shape.stride_w - 1) / shape.stride_w;
        random_numbers(&shape);
        check_shape(&shape);
    }
}

static int conv_check_main(int argc, char **argv, const struct kernel_conv *const *rows,
                           size_t count)
{
    harness_start(argc, argv, 1500);
    check_rows = rows;
    check_count = count;
    if (harness.bench)
        return conv_bench(rows, count);
    struct guard *guards[] = {&guard_input, &guard_output, &guard_packed, &guard_scratch,
                              &guard_weights, &guard_bias, &guard_scale};
    const char *names[] = {"the input", "the output", "the packed weights", "the scratch",
                           "the weights", "the bias", "the scales"};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++)
        guard_init(guards[i], names[i], SIZE_MAX_BYTES);
    expected = malloc(SIZE_MAX_BYTES);

    check_known_shapes();
    for (int i = 0; i < harness.rounds; i++) {
        struct kernel_conv_shape shape;
        random_shape(&shape);
        check_shape(&shape);
    }
    for (size_t i = 0; i < count; i++)
        harness_row_done(rows[i]->name, rows[i]->cpu, shapes_done[i]);
    free(expected);
    return harness_finish();
}

#endif
