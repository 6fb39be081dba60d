// SPDX-License-Identifier: Apache-2.0
//
// Every 16x8 row against the C row: the same bytes by every rounding rule, on shapes around the
// tiles, with extreme inputs, weights and biases; nothing read or written outside the buffers, and
// the same bytes however the units are cut.

#include "kernels/wide.h"
#include "tests/kernels/conv_shapes.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 32, SIZE_MAX_BYTES = 8 << 20, UNWRITTEN = 0x55 };

static struct guard guard_input, guard_output, guard_packed, guard_scratch, guard_weights;
static int16_t *expected;
static int shapes_done[ROWS_MAX];

struct job {
    const struct kernel_wide_conv *row;
    const struct kernel_conv_shape *shape;
    struct kernel_wide_range range;
    struct kernel_wide_weights weights;
    const void *packed;
    const int16_t *input;
    size_t outputs;
    bool at_end;
};

static void describe(const struct job *job, const char *what)
{
    const struct kernel_conv_shape *s = job->shape;
    snprintf(harness_doing, sizeof harness_doing,
             "%s (%s): %s rule %d batch %d in %dx%dx%d out %dx%dx%d k %dx%d stride %dx%d dilation "
             "%dx%d pad %d,%d groups %d multiplier %d, seed %llu",
             job->row->name, what, s->kind == KERNEL_CONV ? "conv" : "depthwise",
             (int)job->weights.rule, s->batch, s->in_h, s->in_w, s->in_c, s->out_h, s->out_w,
             s->out_c, s->k_h, s->k_w, s->stride_h, s->stride_w, s->dilation_h, s->dilation_w,
             s->pad_top, s->pad_left, s->groups, s->depth_multiplier,
             (unsigned long long)harness.seed);
}

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

static int16_t *fresh_output(const struct job *job)
{
    size_t bytes = job->outputs * sizeof(int16_t);
    int16_t *output = guard_place(&guard_output, bytes, 2, job->at_end);
    memset(output, UNWRITTEN, bytes);
    return output;
}

static void run_slice(const struct job *job, int16_t *output, int32_t first, int32_t last)
{
    size_t size = job->row->scratch_size(job->shape);
    void *scratch = guard_place(&guard_scratch, size, 64, job->at_end);
    memset(scratch, (int)harness_random(), size);
    job->row->run(job->shape, &job->range, job->packed, job->input, output, scratch, first, last);
    if (!guard_intact(&guard_scratch) || !guard_intact(&guard_output))
        failed("wrote outside its buffers");
}

static void pack(struct job *job)
{
    describe(job, "pack");
    size_t size = job->row->packed_size(job->shape);
    void *packed = guard_place(&guard_packed, size, 64, job->at_end);
    memset(packed, 0xff, size);
    job->row->pack(job->shape, &job->weights, packed);
    if (!guard_intact(&guard_packed))
        failed("pack wrote outside its buffer");
    job->packed = packed;
}

static void compare(const struct job *job, const int16_t *output)
{
    for (size_t i = 0; i < job->outputs; i++)
        if (output[i] != expected[i]) {
            char why[128];
            size_t c = (size_t)job->shape->out_c;
            snprintf(why, sizeof why, "pixel %zu channel %zu: %d, C says %d", i / c, i % c,
                     output[i], expected[i]);
            failed(why);
            return;
        }
}

static void check_row(const struct job *job)
{
    int32_t units = job->row->units(job->shape), cut = harness_between(0, units);
    describe(job, "whole");
    int16_t *output = fresh_output(job);
    run_slice(job, output, 0, units);
    compare(job, output);
    describe(job, "parts");
    output = fresh_output(job);
    run_slice(job, output, cut, units);
    run_slice(job, output, 0, cut);
    compare(job, output);
    if (units > 40)
        return;
    describe(job, "unit by unit, backwards");
    output = fresh_output(job);
    for (int32_t unit = units - 1; unit >= 0; unit--)
        run_slice(job, output, unit, unit + 1);
    compare(job, output);
}

static void fill_input(int16_t *input, size_t count)
{
    int mode = harness_between(0, 9);
    for (size_t i = 0; i < count; i++)
        input[i] = mode == 0   ? -32768
                   : mode == 1 ? 32767
                   : mode == 2 ? (int16_t)HARNESS_PICK(-32768, 32767, 0)
                               : (int16_t)harness_random();
}

// Factors that bring sums of `depth` products near int16, and some that do not.
static void fill_channels(size_t depth, size_t out_c, int64_t *bias, double *factors,
                          struct fixed_multiplier *multipliers)
{
    int mode = harness_between(0, 5);
    for (size_t c = 0; c < out_c; c++) {
        bias[c] = harness_between(-2000000, 2000000);
        if (mode == 0)
            bias[c] *= INT64_C(1000000000);
        else if (mode == 1)
            bias[c] = HARNESS_PICK(-1, 1) * ((INT64_C(1) << 30) - harness_between(-1, 1));
        double wanted = (double)harness_between(1, 1000) * 1e-5 / (double)depth;
        factors[c] = harness_chance(4)   ? 127.9
                     : harness_chance(4) ? 4e-10
                     : harness_chance(4) ? 1.0 - 1e-9
                                         : wanted;
        multipliers[c] = fixed_multiplier_from(factors[c]);
    }
}

static void check_shape(const struct kernel_conv_shape *s)
{
    size_t count, taps = (size_t)s->k_h * (size_t)s->k_w, out_c = (size_t)s->out_c;
    size_t depth = s->kind == KERNEL_CONV ? taps * (size_t)(s->in_c / s->groups) : taps;
    size_t inputs = (size_t)s->batch * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    const struct kernel_wide_conv *const *rows = kernel_wide_conv_rows(&count);
    struct job job = {.row = rows[count - 1], .shape = s, .at_end = harness_chance(75)};
    job.outputs = (size_t)s->batch * (size_t)s->out_h * (size_t)s->out_w * out_c;
    int16_t *input = guard_place(&guard_input, inputs * 2, 2, job.at_end);
    int8_t *w = guard_place(&guard_weights, depth * out_c, 1, job.at_end);
    int64_t *bias = malloc(out_c * sizeof *bias);
    double *factors = malloc(out_c * sizeof *factors);
    struct fixed_multiplier *multipliers = malloc(out_c * sizeof *multipliers);
    fill_input(input, inputs);
    harness_fill(w, depth * out_c);
    fill_channels(depth, out_c, bias, factors, multipliers);
    enum kernel_wide_rule rule = (enum kernel_wide_rule)HARNESS_PICK(
        KERNEL_WIDE_REDUCED, KERNEL_WIDE_REDUCED, KERNEL_WIDE_FIXED, KERNEL_WIDE_REAL);
    job.weights = (struct kernel_wide_weights){w, bias, rule, multipliers, factors};
    job.range.low = harness_chance(50) ? -32768 : harness_between(-32768, 32767);
    job.range.high = harness_chance(50) ? 32767 : harness_between(job.range.low, 32767);
    job.input = input;
    pack(&job);
    int16_t *output = fresh_output(&job);
    describe(&job, "truth");
    run_slice(&job, output, 0, job.row->units(s));
    memcpy(expected, output, job.outputs * sizeof *expected);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu) || !rows[i]->accepts(s))
            continue;
        job.row = rows[i];
        pack(&job);
        check_row(&job);
        shapes_done[i]++;
    }
    free(bias), free(factors), free(multipliers);
}

// One output of one channel, worked out by hand: 3 * 100 - 2 * 7 + 14 = 300.
static void check_truth(void)
{
    struct kernel_conv_shape s = {.kind = KERNEL_CONV, .batch = 1, .in_h = 1, .in_w = 1, .in_c = 2};
    s.out_h = s.out_w = s.out_c = s.k_h = s.k_w = s.stride_h = s.stride_w = 1;
    s.dilation_h = s.dilation_w = s.groups = s.depth_multiplier = 1;
    const int16_t input[2] = {100, 7};
    const int8_t w[2] = {3, -2};
    const int64_t bias = 14;
    const double factors[3] = {0.5, 0.005, 0.015};
    // 1.5 and 4.5: halves away from zero; the 15 bits of the first rule make 4.5 a bit less
    const int16_t want[3][3] = {{150, 150, 150}, {2, 2, 2}, {4, 5, 5}};
    size_t count;
    const struct kernel_wide_conv *const *rows = kernel_wide_conv_rows(&count);
    for (int f = 0; f < 3; f++)
        for (int rule = 0; rule < 3; rule++) {
            struct fixed_multiplier m = fixed_multiplier_from(factors[f]);
            struct job job = {.row = rows[count - 1], .shape = &s, .range = {-32768, 32767}};
            job.weights = (struct kernel_wide_weights){w, &bias, (enum kernel_wide_rule)rule, &m,
                                                       &factors[f]};
            job.input = input;
            job.outputs = 1;
            pack(&job);
            int16_t *output = fresh_output(&job);
            describe(&job, "by hand");
            run_slice(&job, output, 0, 1);
            if (*output != want[f][rule])
                failed("not what was worked out by hand");
        }
}

int main(int argc, char **argv)
{
    harness_start(argc, argv, 800);
    struct guard *guards[] = {&guard_input, &guard_output, &guard_packed, &guard_scratch,
                              &guard_weights};
    const char *names[] = {"the input", "the output", "the packed weights", "the scratch",
                           "the weights"};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++)
        guard_init(guards[i], names[i], SIZE_MAX_BYTES);
    expected = malloc(SIZE_MAX_BYTES);
    check_truth();
    for (int i = 0; i < harness.rounds; i++) {
        struct kernel_conv_shape shape;
        random_shape(&shape);
        check_shape(&shape);
    }
    size_t count;
    const struct kernel_wide_conv *const *rows = kernel_wide_conv_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(rows[i]->name, rows[i]->cpu, shapes_done[i]);
    free(expected);
    return harness_finish();
}
