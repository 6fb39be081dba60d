// SPDX-License-Identifier: Apache-2.0
//
// Every row of float pools, sums and products against the C row: the same values (zeros of either
// sign are equal), nothing read or written outside the buffers.

#include <math.h>

#include "kernels/float.h"
#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 16, BUFFER_BYTES = 1 << 20 };

static struct guard guard_a, guard_b, guard_output;
static float *expected;
static int pools_done[ROWS_MAX], binaries_done[ROWS_MAX];

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

static float *fill(struct guard *guard, size_t count, bool at_end)
{
    float *data = guard_place(guard, count * sizeof *data, 4, at_end);
    for (size_t i = 0; i < count; i++)
        data[i] = harness_chance(10) ? 0 : (float)harness_between(-1000000, 1000000) * 1e-6f;
    return data;
}

static float *fresh_output(size_t count, bool at_end)
{
    float *output = guard_place(&guard_output, count * sizeof *output, 4, at_end);
    memset(output, 0xff, count * sizeof *output);
    return output;
}

static void compare(const float *output, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(output[i] == expected[i])) {
            char why[96];
            snprintf(why, sizeof why, "value %zu: %g, C says %g", i, (double)output[i],
                     (double)expected[i]);
            failed(why);
            break;
        }
    if (!guard_intact(&guard_output))
        failed("wrote outside its output");
}

static struct kernel_float_range random_range(void)
{
    return (struct kernel_float_range){harness_chance(50) ? -INFINITY : 0,
                                       harness_chance(50) ? INFINITY : 0.5f};
}

// ---- pools -------------------------------------------------------------------------------------

static void random_side(int32_t k, int32_t stride, int32_t *in, int32_t *pad, int32_t *out)
{
    *in = harness_between(1, 15);
    *pad = harness_between(0, k - 1);
    int32_t after = harness_between(0, k - 1);
    while (*in + *pad + after < k)
        after++;
    *out = (*in + *pad + after - k) / stride + 1;
}

static void check_pools(void)
{
    size_t count;
    const struct kernel_float_pool *const *rows = kernel_float_pool_rows(&count);
    struct kernel_pool_shape s = {
        .kind = HARNESS_PICK(KERNEL_POOL_AVERAGE, KERNEL_POOL_MAX, KERNEL_POOL_MEAN),
        .batch = harness_between(1, 2),
        .channels = harness_chance(50) ? harness_between(1, 9) : harness_between(10, 70),
        .k_h = harness_between(1, 5),
        .k_w = harness_between(1, 5),
        .stride_h = harness_between(1, 3),
        .stride_w = harness_between(1, 3)};
    random_side(s.k_h, s.stride_h, &s.in_h, &s.pad_top, &s.out_h);
    random_side(s.k_w, s.stride_w, &s.in_w, &s.pad_left, &s.out_w);
    bool at_end = harness_chance(75);
    size_t inputs = (size_t)(s.batch * s.in_h * s.in_w * s.channels);
    size_t outputs = (size_t)(s.batch * s.out_h * s.out_w * s.channels);
    int32_t units = s.batch * s.out_h * s.out_w, cut = harness_between(0, units);
    float *input = fill(&guard_a, inputs, at_end);
    struct kernel_float_range range = random_range();
    rows[count - 1]->run(&s, &range, input, expected, 0, units);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu) || !rows[i]->accepts(&s))
            continue;
        snprintf(harness_doing, sizeof harness_doing,
                 "%s: kind %d in %dx%dx%d out %dx%d k %dx%d stride %dx%d pad %d,%d, seed %llu",
                 rows[i]->name, (int)s.kind, s.in_h, s.in_w, s.channels, s.out_h, s.out_w, s.k_h,
                 s.k_w, s.stride_h, s.stride_w, s.pad_top, s.pad_left,
                 (unsigned long long)harness.seed);
        float *output = fresh_output(outputs, at_end);
        rows[i]->run(&s, &range, input, output, cut, units);
        rows[i]->run(&s, &range, input, output, 0, cut);
        compare(output, outputs);
        pools_done[i]++;
    }
}

// ---- sums and products -------------------------------------------------------------------------

static void check_binaries(void)
{
    size_t count, n = (size_t)harness_between(1, harness_chance(50) ? 20 : 200);
    const struct kernel_float_binary *const *rows = kernel_float_binary_rows(&count);
    enum kernel_binary_kind kind =
        (enum kernel_binary_kind)HARNESS_PICK(KERNEL_ADD, KERNEL_SUB, KERNEL_MUL);
    bool at_end = harness_chance(75), scalar = harness_chance(40), swapped = harness_chance(40);
    float *a = fill(&guard_a, n, at_end), *b = fill(&guard_b, scalar ? 1 : n, at_end);
    struct kernel_float_range range = random_range();
    rows[count - 1]->run(kind, swapped, &range, a, b, scalar, expected, n);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        snprintf(harness_doing, sizeof harness_doing, "%s: kind %d, %zu values%s%s, seed %llu",
                 rows[i]->name, (int)kind, n, scalar ? ", scalar" : "", swapped ? ", swapped" : "",
                 (unsigned long long)harness.seed);
        float *output = fresh_output(n, at_end);
        rows[i]->run(kind, swapped, &range, a, b, scalar, output, n);
        compare(output, n);
        binaries_done[i]++;
    }
}

int main(int argc, char **argv)
{
    harness_start(argc, argv, 3000);
    guard_init(&guard_a, "a", BUFFER_BYTES);
    guard_init(&guard_b, "b", BUFFER_BYTES);
    guard_init(&guard_output, "the output", BUFFER_BYTES);
    expected = malloc(BUFFER_BYTES);
    for (int i = 0; i < harness.rounds; i++) {
        check_pools();
        check_binaries();
    }
    size_t count;
    const struct kernel_float_pool *const *pools = kernel_float_pool_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(pools[i]->name, pools[i]->cpu, pools_done[i]);
    const struct kernel_float_binary *const *binaries = kernel_float_binary_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(binaries[i]->name, binaries[i]->cpu, binaries_done[i]);
    free(expected);
    return harness_finish();
}
