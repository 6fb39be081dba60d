// SPDX-License-Identifier: Apache-2.0
//
// Difference of two pictures: every row against sums made here one byte at a time.

#include <math.h>

#include "tests/kernels/guard.h"
#include "tests/kernels/harness.h"

enum { ROWS_MAX = 16, BYTES_MAX = 400, HEIGHT_MAX = 300, CAPACITY = BYTES_MAX * HEIGHT_MAX };

static struct guard guard_a, guard_b, guard_sums;
static int done[ROWS_MAX];

static void failed(const char *why)
{
    fprintf(stderr, "FAIL  %s\n  %s\n", harness_doing, why);
    if (++harness.failures >= 20)
        exit(1);
}

struct shape {
    size_t bytes, stride;
    int32_t rows;
};

static struct shape random_shape(void)
{
    struct shape shape = {
        .bytes = (size_t)(harness_chance(50) ? harness_between(0, 70) : harness_between(0, 350)),
        .rows = harness_chance(90) ? harness_between(0, 20) : harness_between(0, HEIGHT_MAX)};
    shape.stride = shape.bytes + (size_t)(harness_chance(50) ? 0 : harness_between(0, 40));
    return shape;
}

// The last row ends with its last byte: what lies behind it must not be read.
static size_t size_of(const struct shape *shape)
{
    return shape->rows ? shape->stride * (size_t)(shape->rows - 1) + shape->bytes : 0;
}

static void expect(const struct shape *shape, const int8_t *a, const int8_t *b, uint32_t *sums)
{
    for (size_t group = 0; group * 8 < shape->bytes; group++) {
        sums[group] = 0;
        for (int32_t y = 0; y < shape->rows; y++)
            for (size_t i = group * 8; i < shape->bytes && i < group * 8 + 8; i++) {
                size_t at = (size_t)y * shape->stride + i;
                sums[group] += (uint32_t)(a[at] > b[at] ? a[at] - b[at] : b[at] - a[at]);
            }
    }
}

static void check(void)
{
    static uint32_t expected[BYTES_MAX];
    struct shape shape = random_shape();
    bool at_end = harness_chance(75);
    size_t count, size = size_of(&shape), groups = (shape.bytes + 7) / 8;
    int8_t *a = guard_place(&guard_a, size, 1, at_end), *b = guard_place(&guard_b, size, 1, at_end);
    harness_fill(a, size);
    harness_fill(b, size);
    if (harness_chance(10))
        memcpy(b, a, size);
    expect(&shape, a, b, expected);
    const struct kernel_difference *const *rows = kernel_difference_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        snprintf(harness_doing, sizeof harness_doing,
                 "%s: %zu bytes, stride %zu, %d rows, seed %llu", rows[i]->name, shape.bytes,
                 shape.stride, shape.rows, (unsigned long long)harness.seed);
        uint32_t *sums = guard_place(&guard_sums, groups * sizeof *sums, 4, at_end);
        memset(sums, 0xff, groups * sizeof *sums);
        rows[i]->run(a, b, shape.stride, shape.bytes, shape.rows, sums);
        if (!guard_intact(&guard_sums))
            failed("wrote outside its sums");
        if (memcmp(sums, expected, groups * sizeof *sums) != 0)
            failed("other sums");
        done[i]++;
    }
}

// A picture of 224 x 224 x 3 in strips of 8 rows.
static int bench(void)
{
    enum { STRIDE = 224 * 3, STRIPS = 28 };
    size_t count;
    const struct kernel_difference *const *rows = kernel_difference_rows(&count);
    int8_t *a = calloc(STRIPS * 8, STRIDE), *b = calloc(STRIPS * 8, STRIDE);
    uint32_t sums[STRIDE / 8];
    for (size_t i = 0; a && b && i < count; i++) {
        double best = 1e9;
        if (!harness_wants(rows[i]->name, rows[i]->cpu))
            continue;
        for (int run = 0; run < 100; run++) {
            double start = harness_now();
            for (size_t strip = 0; strip < STRIPS; strip++)
                rows[i]->run(a + strip * 8 * STRIDE, b + strip * 8 * STRIDE, STRIDE, STRIDE, 8,
                             sums);
            best = fmin(best, harness_now() - start);
        }
        printf("%-28s %8.2f us for 224 x 224 x 3\n", rows[i]->name, best * 1e6);
    }
    free(a);
    free(b);
    return 0;
}

int main(int argc, char **argv)
{
    size_t count;
    harness_start(argc, argv, 3000);
    if (harness.bench)
        return bench();
    guard_init(&guard_a, "a", CAPACITY);
    guard_init(&guard_b, "b", CAPACITY);
    guard_init(&guard_sums, "the sums", BYTES_MAX * sizeof(uint32_t));
    for (int i = 0; i < harness.rounds; i++)
        check();
    const struct kernel_difference *const *rows = kernel_difference_rows(&count);
    for (size_t i = 0; i < count; i++)
        harness_row_done(rows[i]->name, rows[i]->cpu, done[i]);
    return harness_finish();
}
