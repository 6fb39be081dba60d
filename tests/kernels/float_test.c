// SPDX-License-Identifier: Apache-2.0
//
// Every float convolution row against the C row: equal to float tolerance on shapes around the
// tiles, nothing read or written outside the buffers, and the same bytes however the units are cut.

#include <math.h>

#include "kernels/float.h"
#include "tests/kernels/conv_shapes.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 32, SIZE_MAX_BYTES = 8 << 20, UNWRITTEN = 0x55 };

static struct guard guard_input, guard_output, guard_packed, guard_scratch, guard_weights,
    guard_bias;
static float *expected, *whole,
    *sizes; // sizes: of the terms of each sum, added up: what rounding is measured by
static int shapes_done[ROWS_MAX];

struct job {
    const struct kernel_float_conv *row;
    const struct kernel_conv_shape *shape;
    const struct kernel_float_range *range;
    const void *packed;
    const float *input;
    size_t outputs;
    bool at_end;
};

static void describe(const char *row, const struct kernel_conv_shape *s, const char *what)
{
    snprintf(harness_doing, sizeof harness_doing,
             "%s (%s): %s batch %d in %dx%dx%d out %dx%dx%d k %dx%d stride %dx%d dilation %dx%d "
             "pad %d,%d groups %d "
             "multiplier %d, seed %llu",
             row, what, s->kind == KERNEL_CONV ? "conv" : "depthwise", s->batch, s->in_h, s->in_w,
             s->in_c, s->out_h, s->out_w, s->out_c, s->k_h, s->k_w, s->stride_h, s->stride_w,
             s->dilation_h, s->dilation_w, s->pad_top, s->pad_left, s->groups, s->depth_multiplier,
             (unsigned long long)harness.seed);
}

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

static void fill(float *data, size_t count)
{
    for (size_t i = 0; i < count; i++)
        data[i] = harness_chance(10) ? 0 : (float)harness_between(-1000000, 1000000) * 1e-6f;
}

static float *fresh_output(const struct job *job)
{
    float *output = guard_place(&guard_output, job->outputs * sizeof(float), 4, job->at_end);
    memset(output, UNWRITTEN, job->outputs * sizeof(float));
    return output;
}

static void run_slice(const struct job *job, float *output, int32_t first, int32_t last)
{
    size_t size = job->row->scratch_size(job->shape);
    void *scratch = guard_place(&guard_scratch, size, 64, job->at_end);
    memset(scratch, 0xff, size); // not a number: must not be read before it is written
    job->row->run(job->shape, job->range, job->packed, job->input, output, scratch, first, last);
    if (!guard_intact(&guard_scratch) || !guard_intact(&guard_output))
        failed("wrote outside its buffers");
}

static void check_whole(const struct job *job)
{
    describe(job->row->name, job->shape, "whole");
    float *output = fresh_output(job);
    run_slice(job, output, 0, job->row->units(job->shape));
    memcpy(whole, output, job->outputs * sizeof(float));
    for (size_t i = 0; i < job->outputs; i++) {
        if (!(fabsf(output[i] - expected[i]) <= 2e-6f * sizes[i])) {
            char why[128];
            size_t c = (size_t)job->shape->out_c;
            snprintf(why, sizeof why, "pixel %zu channel %zu: %g, C says %g", i / c, i % c,
                     (double)output[i], (double)expected[i]);
            failed(why);
            return;
        }
    }
}

// Two parts write each byte once; unit by unit, backwards, gives the same bytes.
static void check_parts(const struct job *job)
{
    int32_t units = job->row->units(job->shape), cut = harness_between(0, units);
    size_t bytes = job->outputs * sizeof(float);
    describe(job->row->name, job->shape, "parts");
    float *output = fresh_output(job);
    run_slice(job, output, cut, units);
    run_slice(job, output, 0, cut);
    if (memcmp(output, whole, bytes) != 0)
        failed("two parts do not make the whole");
    if (units > 40)
        return;
    output = fresh_output(job);
    for (int32_t unit = units - 1; unit >= 0; unit--)
        run_slice(job, output, unit, unit + 1);
    if (memcmp(output, whole, bytes) != 0)
        failed("unit by unit, backwards: not the whole");
}

static void *packed_by(const struct kernel_float_conv *row, const struct kernel_conv_shape *shape,
                       const struct kernel_float_weights *weights, bool at_end)
{
    describe(row->name, shape, "pack");
    void *packed = guard_place(&guard_packed, row->packed_size(shape), 64, at_end);
    memset(packed, 0xff, row->packed_size(shape));
    row->pack(shape, weights, packed);
    if (!guard_intact(&guard_packed))
        failed("pack wrote outside its buffer");
    return packed;
}

// What the C row gives for input and weights without their signs: the size of each sum's terms.
static void find_sizes(struct job job, float *input, size_t inputs, float *weights, size_t count,
                       float *bias)
{
    const struct kernel_float_range all = {-INFINITY, INFINITY};
    float *signs[] = {input, weights, bias};
    size_t counts[] = {inputs, count, (size_t)job.shape->out_c};
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < counts[k]; i++)
            signs[k][i] = fabsf(signs[k][i]);
    struct kernel_float_weights positive = {weights, bias};
    job.packed = packed_by(job.row, job.shape, &positive, job.at_end);
    job.range = &all;
    float *output = fresh_output(&job);
    run_slice(&job, output, 0, job.row->units(job.shape));
    memcpy(sizes, output, job.outputs * sizeof(float));
}

static void check_shape(const struct kernel_conv_shape *s)
{
    size_t count, inputs = (size_t)s->batch * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    size_t taps = (size_t)s->k_h * (size_t)s->k_w * (size_t)s->out_c;
    size_t filters = s->kind == KERNEL_CONV ? taps * (size_t)(s->in_c / s->groups) : taps;
    size_t outputs = (size_t)s->batch * (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    bool at_end = harness_chance(75), biased = harness_chance(90);
    float *input = guard_place(&guard_input, inputs * 4, 4, at_end);
    float *w = guard_place(&guard_weights, filters * 4, 4, at_end);
    float *bias = guard_place(&guard_bias, (size_t)s->out_c * 4, 4, at_end);
    struct kernel_float_range range = {harness_chance(50) ? -INFINITY : 0,
                                       harness_chance(50) ? INFINITY : 1};
    const struct kernel_float_conv *const *rows = kernel_float_conv_rows(&count);
    struct kernel_float_weights weights = {w, biased ? bias : NULL};
    struct job job = {rows[count - 1], s, &range, NULL, input, outputs, at_end};

    uint64_t state = harness.state;
    fill(input, inputs), fill(w, filters), fill(bias, (size_t)s->out_c);
    find_sizes(job, input, inputs, w, filters, bias);
    harness.state = state;
    fill(input, inputs), fill(w, filters), fill(bias, (size_t)s->out_c);
    job.packed = packed_by(job.row, s, &weights, at_end);
    float *output = fresh_output(&job);
    describe(job.row->name, s, "truth");
    run_slice(&job, output, 0, job.row->units(s));
    memcpy(expected, output, outputs * sizeof(float));

    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu) || !rows[i]->accepts(s))
            continue;
        job.row = rows[i];
        job.packed = packed_by(rows[i], s, &weights, at_end);
        check_whole(&job);
        check_parts(&job);
        shapes_done[i]++;
    }
}

int main(int argc, char **argv)
{
    harness_start(argc, argv, 800);
    struct guard *guards[] = {&guard_input,   &guard_output,  &guard_packed,
                              &guard_scratch, &guard_weights, &guard_bias};
    const char *names[] = {"the input",   "the output",  "the packed weights",
                           "the scratch", "the weights", "the bias"};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++)
        guard_init(guards[i], names[i], SIZE_MAX_BYTES);
    expected = malloc(SIZE_MAX_BYTES), whole = malloc(SIZE_MAX_BYTES),
    sizes = malloc(SIZE_MAX_BYTES);
    for (int i = 0; i < harness.rounds; i++) {
        struct kernel_conv_shape shape;
        random_shape(&shape);
        check_shape(&shape);
    }
    size_t count;
    const struct kernel_float_conv *const *rows = kernel_float_conv_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(rows[i]->name, rows[i]->cpu, shapes_done[i]);
    free(expected), free(whole), free(sizes);
    return harness_finish();
}
