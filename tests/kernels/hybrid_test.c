// SPDX-License-Identifier: Apache-2.0
//
// Every dynamic-range row against the C row: convolutions to float tolerance on shapes around the
// tiles, the quantizers byte for byte; nothing read or written outside the buffers, the same bytes
// however the units are cut.

#include <math.h>

#include "kernels/float.h"
#include "tests/kernels/conv_shapes.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 32, SIZE_MAX_BYTES = 4 << 20, UNWRITTEN = 0x55 };

static struct guard guard_input, guard_output, guard_packed, guard_scratch, guard_weights,
    guard_floats;
static float *expected, *whole;
static int conv_done[ROWS_MAX], quantize_done[ROWS_MAX], round_done[ROWS_MAX];

struct job {
    const struct kernel_hybrid_conv *row;
    const struct kernel_conv_shape *shape;
    struct kernel_float_range range;
    const void *packed;
    const uint8_t *input;
    const struct kernel_hybrid_steps *steps;
    size_t outputs;
    bool at_end;
};

static void describe(const char *row, const struct kernel_conv_shape *s, const char *what)
{
    snprintf(
        harness_doing, sizeof harness_doing,
        "%s (%s): batch %d in %dx%dx%d out %dx%dx%d k %dx%d stride %dx%d dilation %dx%d pad %d,%d groups %d, "
        "seed %llu",
        row, what, s->batch, s->in_h, s->in_w, s->in_c, s->out_h, s->out_w, s->out_c, s->k_h,
        s->k_w, s->stride_h, s->stride_w, s->dilation_h, s->dilation_w, s->pad_top, s->pad_left,
        s->groups, (unsigned long long)harness.seed);
}

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

// ---- convolution -------------------------------------------------------------------------------

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
    memset(scratch, (int)harness_random(), size);
    job->row->run(job->shape, &job->range, job->packed, job->input, job->steps, output, scratch,
                  first, last);
    if (!guard_intact(&guard_scratch) || !guard_intact(&guard_output))
        failed("wrote outside its buffers");
}

static void pack(struct job *job, const struct kernel_hybrid_weights *weights)
{
    describe(job->row->name, job->shape, "pack");
    size_t size = job->row->packed_size(job->shape);
    void *packed = guard_place(&guard_packed, size, 64, job->at_end);
    memset(packed, 0xff, size);
    job->row->pack(job->shape, weights, packed);
    if (!guard_intact(&guard_packed))
        failed("pack wrote outside its buffer");
    job->packed = packed;
}

static void check_row(const struct job *job)
{
    int32_t units = job->row->units(job->shape), cut = harness_between(0, units);
    size_t bytes = job->outputs * sizeof(float);
    describe(job->row->name, job->shape, "whole");
    float *output = fresh_output(job);
    run_slice(job, output, 0, units);
    memcpy(whole, output, bytes);
    for (size_t i = 0; i < job->outputs; i++)
        if (!(fabsf(output[i] - expected[i]) <= 1e-6f * (fabsf(expected[i]) + 4.0f))) {
            char why[128];
            size_t c = (size_t)job->shape->out_c;
            snprintf(why, sizeof why, "pixel %zu channel %zu: %g, C says %g", i / c, i % c,
                     (double)output[i], (double)expected[i]);
            failed(why);
            return;
        }
    describe(job->row->name, job->shape, "parts");
    output = fresh_output(job);
    run_slice(job, output, cut, units);
    run_slice(job, output, 0, cut);
    if (memcmp(output, whole, bytes) != 0)
        failed("two parts do not make the whole");
    output = fresh_output(job);
    for (int32_t unit = units - 1; unit >= 0 && units <= 40; unit--)
        run_slice(job, output, unit, unit + 1);
    if (units <= 40 && memcmp(output, whole, bytes) != 0)
        failed("unit by unit, backwards: not the whole");
}

// Sums are below 2^24 here, exact in float too: rows differ by the last roundings only.
static void check_shape(const struct kernel_conv_shape *s)
{
    size_t count, depth = (size_t)(s->k_h * s->k_w * (s->in_c / s->groups)),
                  out_c = (size_t)s->out_c;
    const struct kernel_hybrid_conv *const *rows = kernel_hybrid_conv_rows(&count);
    struct job job = {rows[count - 1],
                      s,
                      {harness_chance(50) ? -INFINITY : 0, harness_chance(50) ? INFINITY : 6},
                      .outputs = (size_t)s->batch * (size_t)s->out_h * (size_t)s->out_w * out_c,
                      .at_end = harness_chance(75)};
    size_t inputs = (size_t)s->batch * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    uint8_t *input = guard_place(&guard_input, inputs, 1, job.at_end);
    int8_t *w = guard_place(&guard_weights, depth * out_c, 1, job.at_end);
    float *floats = guard_place(&guard_floats, 2 * out_c * 4, 4, job.at_end);
    struct kernel_hybrid_steps *steps = malloc((size_t)s->batch * sizeof *steps);
    harness_fill((int8_t *)input, inputs);
    harness_fill(w, depth * out_c);
    for (size_t c = 0; c < out_c; c++) {
        floats[c] = (float)harness_between(1, 1000) * 1e-6f / (float)depth;
        floats[out_c + c] = (float)harness_between(-1000, 1000) * 1e-3f;
    }
    for (int32_t i = 0; i < s->batch; i++)
        steps[i] = (struct kernel_hybrid_steps){(float)harness_between(1, 1000) * 1e-3f,
                                                HARNESS_PICK(0, 255, 128, harness_between(0, 255))};
    struct kernel_hybrid_weights weights = {w, floats, harness_chance(90) ? floats + out_c : NULL};
    job.input = input;
    job.steps = steps;
    pack(&job, &weights);
    float *output = fresh_output(&job);
    describe(job.row->name, s, "truth");
    run_slice(&job, output, 0, job.row->units(s));
    memcpy(expected, output, job.outputs * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu) || !rows[i]->accepts(s))
            continue;
        job.row = rows[i];
        pack(&job, &weights);
        check_row(&job);
        conv_done[i]++;
    }
    free(steps);
}

// ---- quantizing --------------------------------------------------------------------------------

static float random_value(int mode)
{
    switch (mode) {
    case 0: return (float)harness_between(-100, 100) / 8; // many halves
    case 1: return harness_chance(10) ? NAN : harness_chance(10) ? INFINITY : 1.5f;
    case 2: return ldexpf((float)harness_between(-100, 100), harness_between(-140, 120));
    case 3: return (float)harness_between(1, 1000000) * 1e-6f;
    case 4: return 0;
    default: return (float)harness_between(-1000000, 1000000) * 1e-6f;
    }
}

static void check_quantizers(void)
{
    size_t count, n = (size_t)harness_between(1, harness_chance(50) ? 40 : 700);
    const struct kernel_hybrid_quantize *const *rows = kernel_hybrid_quantize_rows(&count);
    bool at_end = harness_chance(75);
    float *x = guard_place(&guard_floats, n * 4, 4, at_end);
    int mode = harness_between(0, 7);
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(mode);
    uint8_t *want = malloc(n);
    struct kernel_hybrid_steps truth = rows[count - 1]->run(x, n, want);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        snprintf(harness_doing, sizeof harness_doing, "%s: %zu values, mode %d, seed %llu",
                 rows[i]->name, n, mode, (unsigned long long)harness.seed);
        uint8_t *out = guard_place(&guard_input, n, 1, at_end);
        struct kernel_hybrid_steps steps = rows[i]->run(x, n, out);
        if (memcmp(&steps, &truth, sizeof steps) != 0 || memcmp(out, want, n) != 0)
            failed("other steps or bytes than C");
        if (!guard_intact(&guard_input))
            failed("wrote outside its buffer");
        quantize_done[i]++;
    }
    free(want);
}

static void check_rounding(void)
{
    size_t count, n = (size_t)harness_between(1, harness_chance(50) ? 40 : 700);
    const struct kernel_hybrid_round *const *rows = kernel_hybrid_round_rows(&count);
    bool at_end = harness_chance(75);
    float *x = guard_place(&guard_floats, n * 4, 4, at_end);
    int mode = harness_between(0, 7);
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(mode);
    rows[count - 1]->run(x, n, expected);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        snprintf(harness_doing, sizeof harness_doing, "%s: %zu values, mode %d, seed %llu",
                 rows[i]->name, n, mode, (unsigned long long)harness.seed);
        float *out = guard_place(&guard_output, n * 4, 4, at_end);
        rows[i]->run(x, n, out);
        if (memcmp(out, expected, n * 4) != 0)
            failed("other values than C");
        if (!guard_intact(&guard_output))
            failed("wrote outside its buffer");
        round_done[i]++;
    }
}

int main(int argc, char **argv)
{
    harness_start(argc, argv, 800);
    struct guard *guards[] = {&guard_input,   &guard_output,  &guard_packed,
                              &guard_scratch, &guard_weights, &guard_floats};
    const char *names[] = {"the input",   "the output",  "the packed weights",
                           "the scratch", "the weights", "the floats"};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++)
        guard_init(guards[i], names[i], SIZE_MAX_BYTES);
    expected = malloc(SIZE_MAX_BYTES), whole = malloc(SIZE_MAX_BYTES);
    for (int i = 0; i < harness.rounds; i++) {
        struct kernel_conv_shape shape;
        do
            random_shape(&shape);
        while (shape.kind != KERNEL_CONV ||
               shape.k_h * shape.k_w * (shape.in_c / shape.groups) > 500);
        check_shape(&shape);
        check_quantizers();
        check_rounding();
    }
    size_t count;
    const struct kernel_hybrid_conv *const *convs = kernel_hybrid_conv_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(convs[i]->name, convs[i]->cpu, conv_done[i]);
    const struct kernel_hybrid_quantize *const *quantizers = kernel_hybrid_quantize_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(quantizers[i]->name, quantizers[i]->cpu, quantize_done[i]);
    const struct kernel_hybrid_round *const *rounders = kernel_hybrid_round_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(rounders[i]->name, rounders[i]->cpu, round_done[i]);
    free(expected), free(whole);
    return harness_finish();
}
