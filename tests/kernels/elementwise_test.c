// SPDX-License-Identifier: Apache-2.0
//
// Add, subtract, multiply and byte tables: every row against the C row, and the C row against real
// numbers.

#include <errno.h>
#include <math.h>

#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 32, CAPACITY = 1 << 18, UNWRITTEN = 0x55 };

static struct guard guard_a, guard_b, guard_output;
static int8_t expected[CAPACITY];
static int binary_done[ROWS_MAX], table_done[ROWS_MAX];

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

static void describe(const char *row, const struct kernel_binary_params *p, bool scalar, size_t n)
{
    snprintf(harness_doing, sizeof harness_doing,
             "%s: n %zu%s scales %a %a %a zero points %d %d %d act %d..%d, seed %llu", row, n,
             scalar ? " b scalar" : "", (double)p->a_scale, (double)p->b_scale,
             (double)p->out_scale, p->a_zero_point, p->b_zero_point, p->out_zero_point, p->act_min,
             p->act_max, (unsigned long long)harness.seed);
}

static void random_params(struct kernel_binary_params *p)
{
    do {
        *p = (struct kernel_binary_params){.kind = (enum kernel_binary_kind)harness_between(0, 2)};
        p->out_scale = ldexpf(1.0f + (float)harness_between(0, 1000) / 1000,
                              harness_between(-9, -4));
        int spread = harness_chance(70) ? 2 : 10;
        int product = p->kind == KERNEL_MUL ? -4 : 0;
        p->a_scale = p->out_scale * ldexpf(1.0f + (float)harness_between(0, 999) / 999,
                                           harness_between(-spread, spread));
        p->b_scale = p->out_scale * ldexpf(1.0f + (float)harness_between(0, 999) / 999,
                                           harness_between(-spread, spread) - product);
        if (harness_chance(20))
            p->a_scale = p->b_scale = p->out_scale;
        p->a_zero_point = HARNESS_PICK(-128, 127, 0, harness_between(-128, 127));
        p->b_zero_point = HARNESS_PICK(-128, 127, 0, harness_between(-128, 127));
        p->out_zero_point = HARNESS_PICK(-128, 127, 0, harness_between(-128, 127));
        p->act_min = harness_chance(60) ? -128 : harness_between(-128, 127);
        p->act_max = harness_chance(60) ? 127 : harness_between(p->act_min, 127);
    } while (kernel_binary_prepare(p) != 0);
}

static const struct kernel_binary *truth_of(enum kernel_binary_kind kind)
{
    return kernel_binary_select(kind, 0);
}

static void check_binary(void)
{
    struct kernel_binary_params p;
    random_params(&p);
    size_t n = (size_t)(harness_chance(60) ? harness_between(0, 150) : harness_between(0, 4000)),
           count;
    bool scalar = harness_chance(30), at_end = harness_chance(75), in_place = harness_chance(20);
    int8_t *a = guard_place(&guard_a, n, 1, at_end),
           *b = guard_place(&guard_b, scalar ? 1 : n, 1, at_end);
    harness_fill(a, n);
    harness_fill(b, scalar ? 1 : n);
    describe("truth", &p, scalar, n);
    truth_of(p.kind)->run(&p, a, b, scalar, expected, n);
    const struct kernel_binary *const *rows = kernel_binary_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu) || rows[i]->kind != p.kind)
            continue;
        describe(rows[i]->name, &p, scalar, n);
        int8_t *output = guard_place(&guard_output, n, 1, at_end);
        memset(output, UNWRITTEN, n);
        if (in_place)
            memcpy(output, a, n);
        rows[i]->run(&p, in_place ? output : a, b, scalar, output, n);
        if (!guard_intact(&guard_output))
            failed("wrote outside its buffers");
        if (memcmp(output, expected, n) != 0)
            failed("not what C says");
        binary_done[i]++;
    }
}

static void check_table(void)
{
    uint8_t table[256];
    size_t n = (size_t)harness_between(0, 1000), count;
    bool at_end = harness_chance(75);
    int8_t *input = guard_place(&guard_a, n, 1, at_end);
    harness_fill(input, n);
    harness_fill((int8_t *)table, 256);
    for (size_t i = 0; i < n; i++)
        expected[i] = (int8_t)table[(uint8_t)input[i]];
    const struct kernel_table *const *rows = kernel_table_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        snprintf(harness_doing, sizeof harness_doing, "%s: n %zu, seed %llu", rows[i]->name, n,
                 (unsigned long long)harness.seed);
        uint8_t *output = guard_place(&guard_output, n, 1, at_end);
        memset(output, UNWRITTEN, n);
        rows[i]->run(table, (const uint8_t *)input, output, n);
        if (!guard_intact(&guard_output) || memcmp(output, expected, n) != 0)
            failed("not the table's values");
        table_done[i]++;
    }
}

static double real_answer(const struct kernel_binary_params *p, int a, int b)
{
    double x = (a - p->a_zero_point) * (double)p->a_scale,
           y = (b - p->b_zero_point) * (double)p->b_scale;
    double z = p->kind == KERNEL_ADD ? x + y : p->kind == KERNEL_SUB ? x - y : x * y;
    return fmin(fmax(z / (double)p->out_scale + p->out_zero_point, p->act_min), p->act_max);
}

// The definition itself: within rounding of the real numbers, also with the operands exchanged.
static void check_truth(void)
{
    struct kernel_binary_params p;
    random_params(&p);
    describe("truth against real numbers", &p, false, 1);
    for (int i = 0; i < 50; i++) {
        int8_t a = (int8_t)harness_random(), b = (int8_t)harness_random(), out, swapped;
        truth_of(p.kind)->run(&p, &a, &b, true, &out, 1);
        struct kernel_binary_params other = p;
        kernel_binary_swap(&other);
        truth_of(p.kind)->run(&other, &b, &a, true, &swapped, 1);
        if (fabs(out - real_answer(&p, a, b)) > 0.51 || swapped != out) {
            failed("more than rounding away");
            return;
        }
    }
}

static void check_ranges(void)
{
    struct kernel_binary_params p = {
        .kind = KERNEL_ADD, .a_scale = 256, .b_scale = 1, .out_scale = 1};
    snprintf(harness_doing, sizeof harness_doing, "kernel_binary_prepare");
    if (kernel_binary_prepare(&p) != -ERANGE)
        failed("accepts a ratio of 256");
    p.a_scale = NAN;
    if (kernel_binary_prepare(&p) != -ERANGE)
        failed("accepts a scale that is no number");
    p = (struct kernel_binary_params){
        .kind = KERNEL_MUL, .a_scale = 0x1p-9f, .b_scale = 0x1p-9f, .out_scale = 1};
    if (kernel_binary_prepare(&p) != -ERANGE)
        failed("accepts a product of 2^-18");
}

static int bench(void)
{
    size_t count, n = 56 * 56 * 24;
    struct kernel_binary_params p = {
        .a_scale = 0.1f, .b_scale = 0.12f, .out_scale = 0.15f, .act_min = -128, .act_max = 127};
    const struct kernel_binary *const *rows = kernel_binary_rows(&count);
    int8_t *a = calloc(1, n), *b = calloc(1, n), *out = calloc(1, n);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        p.kind = rows[i]->kind;
        kernel_binary_prepare(&p);
        double best = 1e9;
        for (int run = 0; run < 100; run++) {
            double start = harness_now();
            rows[i]->run(&p, a, b, false, out, n);
            best = fmin(best, harness_now() - start);
        }
        printf("%-28s %8.2f us for %zu values\n", rows[i]->name, best * 1e6, n);
    }
    free(a);
    free(b);
    free(out);
    return 0;
}

int main(int argc, char **argv)
{
    harness_start(argc, argv, 3000);
    if (harness.bench)
        return bench();
    guard_init(&guard_a, "a", CAPACITY);
    guard_init(&guard_b, "b", CAPACITY);
    guard_init(&guard_output, "the output", CAPACITY);
    check_ranges();
    for (int i = 0; i < harness.rounds; i++) {
        check_binary();
        check_truth();
        if (i % 8 == 0)
            check_table();
    }
    size_t count;
    const struct kernel_binary *const *binary = kernel_binary_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(binary[i]->name, binary[i]->cpu, binary_done[i]);
    const struct kernel_table *const *table = kernel_table_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(table[i]->name, table[i]->cpu, table_done[i]);
    return harness_finish();
}
