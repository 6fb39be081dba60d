// SPDX-License-Identifier: Apache-2.0
//
// Every pooling row against the C row, and the C row against answers worked out by hand.

#include <math.h>

#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 32, CAPACITY = 2 << 20, UNWRITTEN = 0x55, VALUES_MAX = 1500000 };

static struct guard guard_input, guard_output;
static int8_t *expected;
static int shapes_done[ROWS_MAX];

static void describe(const char *row, const struct kernel_pool_shape *s, const char *what)
{
    snprintf(
        harness_doing, sizeof harness_doing,
        "%s (%s): kind %d batch %d in %dx%dx%d out %dx%d k %dx%d stride %dx%d pad %d,%d mean %a %a "
        "act %d..%d, seed %llu",
        row, what, (int)s->kind, s->batch, s->in_h, s->in_w, s->channels, s->out_h, s->out_w,
        s->k_h, s->k_w, s->stride_h, s->stride_w, s->pad_top, s->pad_left, (double)s->mean_scale,
        (double)s->mean_bias, s->act_min, s->act_max, (unsigned long long)harness.seed);
}

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

// Every window must hold a position of the picture: padding below the window's size on both sides.
static void random_side(int32_t k, int32_t stride, int32_t *in, int32_t *pad, int32_t *out)
{
    *in = HARNESS_PICK(1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 17, 28);
    *pad = harness_chance(40) ? 0 : harness_between(0, k - 1);
    int32_t after = harness_chance(40) ? 0 : harness_between(0, k - 1);
    while (*in + *pad + after < k)
        *in += 1;
    *out = (*in + *pad + after - k) / stride + 1;
}

static void random_shape(struct kernel_pool_shape *s)
{
    double work;
    do {
        *s = (struct kernel_pool_shape){.kind = (enum kernel_pool_kind)harness_between(0, 2)};
        s->batch = harness_chance(80) ? 1 : harness_between(2, 3);
        s->k_h = HARNESS_PICK(1, 2, 2, 3, 4, 7, 8, 25);
        s->k_w = harness_chance(70) ? s->k_h : harness_between(1, 9);
        s->stride_h = harness_between(1, 3);
        s->stride_w = harness_chance(70) ? s->stride_h : harness_between(1, 3);
        random_side(s->k_h, s->stride_h, &s->in_h, &s->pad_top, &s->out_h);
        random_side(s->k_w, s->stride_w, &s->in_w, &s->pad_left, &s->out_w);
        if (harness_chance(30)) { // whole picture, as classifiers end
            s->k_h = s->in_h;
            s->k_w = s->in_w;
            s->pad_top = s->pad_left = 0;
            s->out_h = s->out_w = 1;
        }
        s->channels = harness_chance(50) ? harness_between(1, 40)
                                         : HARNESS_PICK(63, 64, 65, 96, 127, 160, 257);
        s->act_min = harness_chance(50) ? -128 : harness_between(-128, 127);
        s->act_max = harness_chance(50) ? 127 : harness_between(s->act_min, 127);
        float n = (float)(s->k_h * s->k_w);
        float ratio = harness_chance(80) ? 0.3f + (float)harness_between(0, 200) * 0.01f : 0x1p30f;
        s->mean_scale = ratio * (1.0f / n);
        s->mean_bias = (float)harness_between(-128, 127) -
                       n * (float)harness_between(-128, 127) * s->mean_scale;
        work = (double)s->batch * s->out_h * s->out_w * s->k_h * s->k_w * s->channels;
    } while (work > VALUES_MAX);
}

static void run_slice(const struct kernel_pool *row, const struct kernel_pool_shape *shape,
                      const int8_t *input, int8_t *output, int32_t first, int32_t last)
{
    row->run(shape, input, output, first, last);
    if (!guard_intact(&guard_output))
        failed("wrote outside its buffers");
}

static int8_t *fresh_output(size_t size, bool at_end)
{
    int8_t *output = guard_place(&guard_output, size, 1, at_end);
    memset(output, UNWRITTEN, size);
    return output;
}

static void check_row(const struct kernel_pool *row, const struct kernel_pool_shape *shape,
                      const int8_t *input, size_t size, bool at_end)
{
    int32_t units = shape->batch * shape->out_h * shape->out_w, cut = harness_between(0, units);
    describe(row->name, shape, "whole");
    int8_t *output = fresh_output(size, at_end);
    run_slice(row, shape, input, output, 0, units);
    if (memcmp(output, expected, size) != 0)
        failed("not what C says");
    describe(row->name, shape, "parts");
    output = fresh_output(size, at_end);
    run_slice(row, shape, input, output, cut, units);
    size_t middle = (size_t)cut * (size_t)shape->channels;
    for (size_t i = 0; i < middle; i++) {
        if (output[i] != UNWRITTEN) {
            failed("wrote before its first unit");
            break;
        }
    }
    run_slice(row, shape, input, output, 0, cut);
    if (memcmp(output, expected, size) != 0)
        failed("parts do not make the whole");
}

static void check_shape(const struct kernel_pool_shape *shape)
{
    size_t count;
    const struct kernel_pool *const *rows = kernel_pool_rows(&count);
    bool at_end = harness_chance(75);
    size_t channels = (size_t)shape->channels;
    size_t input_size = (size_t)shape->batch * (size_t)shape->in_h * (size_t)shape->in_w * channels;
    size_t size = (size_t)shape->batch * (size_t)shape->out_h * (size_t)shape->out_w * channels;
    int8_t *input = guard_place(&guard_input, input_size, 1, at_end);
    harness_fill(input, input_size);
    int8_t *output = fresh_output(size, at_end);
    describe("pool_c", shape, "truth");
    kernel_pool_select(shape, 0)->run(shape, input, output, 0, (int32_t)(size / channels));
    memcpy(expected, output, size);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu) || !rows[i]->accepts(shape))
            continue;
        check_row(rows[i], shape, input, size, at_end);
        shapes_done[i]++;
    }
}

// Averages round halves away from zero; padding does not count; the mean rounds halves to even.
static void check_by_hand(void)
{
    static const int8_t input[4] = {1, 2, -1, -2};
    struct kernel_pool_shape s = {.kind = KERNEL_POOL_AVERAGE,
                                  .batch = 1,
                                  .in_h = 2,
                                  .in_w = 2,
                                  .channels = 1,
                                  .out_h = 2,
                                  .out_w = 1,
                                  .k_h = 1,
                                  .k_w = 2,
                                  .stride_h = 1,
                                  .stride_w = 1,
                                  .mean_scale = 0.5f,
                                  .act_min = -128,
                                  .act_max = 127};
    int8_t out[2];
    snprintf(harness_doing, sizeof harness_doing, "pool by hand");
    kernel_pool_select(&s, 0)->run(&s, input, out, 0, 2);
    if (out[0] != 2 || out[1] != -2)
        failed("average of 1, 2 and of -1, -2");
    s.kind = KERNEL_POOL_MEAN;
    s.mean_bias = 1.0f; // 1.5 + 1 and -1.5 + 1
    kernel_pool_select(&s, 0)->run(&s, input, out, 0, 2);
    if (out[0] != 2 || out[1] != 0)
        failed("mean of 1, 2 and of -1, -2 plus 1");
    s.kind = KERNEL_POOL_AVERAGE;
    s.k_h = 2;
    s.pad_top = 1;
    kernel_pool_select(&s, 0)->run(&s, input, out, 0, 1);
    if (out[0] != 2)
        failed("average over a window half outside");
    s.kind = KERNEL_POOL_MAX;
    s.act_max = 1;
    kernel_pool_select(&s, 0)->run(&s, input, out, 0, 1);
    if (out[0] != 1)
        failed("clamped maximum");
}

static const struct kernel_pool_shape bench_shapes[] = {
    {.kind = KERNEL_POOL_AVERAGE,
     .in_h = 7,
     .in_w = 7,
     .channels = 1024,
     .k_h = 7,
     .k_w = 7,
     .out_h = 1,
     .out_w = 1},
    {.kind = KERNEL_POOL_MEAN,
     .in_h = 7,
     .in_w = 7,
     .channels = 1280,
     .k_h = 7,
     .k_w = 7,
     .out_h = 1,
     .out_w = 1},
    {.kind = KERNEL_POOL_MAX,
     .in_h = 82,
     .in_w = 82,
     .channels = 16,
     .k_h = 2,
     .k_w = 2,
     .out_h = 41,
     .out_w = 41},
};

static int bench(void)
{
    size_t count;
    const struct kernel_pool *const *rows = kernel_pool_rows(&count);
    int8_t *input = calloc(1, CAPACITY), *output = calloc(1, CAPACITY);
    for (size_t i = 0; i < sizeof bench_shapes / sizeof bench_shapes[0]; i++) {
        struct kernel_pool_shape s = bench_shapes[i];
        s.batch = 1;
        s.stride_h = s.k_h;
        s.stride_w = s.k_w;
        s.mean_scale = 0.02f;
        s.act_min = -128;
        s.act_max = 127;
        for (size_t r = 0; r < count; r++) {
            if (!harness_wants(rows[r]->name, rows[r]->cpu) || !rows[r]->accepts(&s))
                continue;
            double best = 1e9;
            for (int run = 0; run < 200; run++) {
                double start = harness_now();
                rows[r]->run(&s, input, output, 0, s.out_h * s.out_w);
                best = fmin(best, harness_now() - start);
            }
            printf("kind %d %dx%dx%d %-28s %8.2f us\n", (int)s.kind, s.in_h, s.in_w, s.channels,
                   rows[r]->name, best * 1e6);
        }
    }
    free(input);
    free(output);
    return 0;
}

int main(int argc, char **argv)
{
    harness_start(argc, argv, 1500);
    if (harness.bench)
        return bench();
    guard_init(&guard_input, "the input", CAPACITY);
    guard_init(&guard_output, "the output", CAPACITY);
    expected = malloc(CAPACITY);
    check_by_hand();
    for (int i = 0; i < harness.rounds; i++) {
        struct kernel_pool_shape shape;
        random_shape(&shape);
        check_shape(&shape);
    }
    size_t count;
    const struct kernel_pool *const *rows = kernel_pool_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(rows[i]->name, rows[i]->cpu, shapes_done[i]);
    free(expected);
    return harness_finish();
}
