// SPDX-License-Identifier: Apache-2.0
//
// The SIMD kernels of the converter against the C ones: the same bytes, for every format, over
// random sizes, fits, matrices and outputs, on noise and on extreme pictures; nothing written
// around the output, and (under a sanitizer) nothing read around the planes. SEED=n repeats a run.

#include "tests/unit/imaging_support.h"

#include "imaging/convert.h"
#include "imaging/convert_ops.h"
#include "kernels/kernels.h"

enum { CASES = 3000, GUARD = 96 };

static uint32_t seed = 20240611;

static int between(int low, int high)
{
    return low + (int)(support_random(&seed) % (uint32_t)(high - low + 1));
}

// Mostly small, so that tails and whole blocks both occur; sometimes a long shrink.
static int random_side(void)
{
    int kind = between(0, 9);
    return kind < 5 ? between(1, 40) : kind < 9 ? between(30, 220) : between(200, 1400);
}

static struct convert_target random_target(void)
{
    struct convert_target target = {.width = between(1, 70),
                                    .height = between(1, 50),
                                    .channels = between(0, 3) == 0 ? 1 : 3,
                                    .bgr = between(0, 1) != 0,
                                    .fit = (enum convert_fit)between(0, 2),
                                    .fill = 99,
                                    .output = (enum convert_output)between(0, 2)};
    static const float scales[] = {1 / 127.5f, 1 / 128.0f, 0.0187f, 1.0f};
    bool same = between(0, 1) != 0;
    target.scale = scales[between(0, 3)];
    target.zero_point = between(-3, 3);
    for (int c = 0; c < 3; c++) {
        target.std[c] = target.scale == 1.0f ? 1 : same ? 127.5f : (float)between(50, 130);
        target.mean[c] = same ? 127.5f : (float)between(0, 255) / 2;
    }
    return target;
}

static void paint(struct support_picture *picture)
{
    int kind = between(0, 5);
    support_picture_noise(picture, support_random(&seed) | 1);
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; kind >= 3 && i < picture->image.size[p]; i++)
            picture->memory[p][i] = kind == 3                     ? 0
                                    : kind == 4                   ? 255
                                    : picture->memory[p][i] & 128 ? 255
                                                                  : 0;
}

static void run_guarded(uint32_t cpu, const struct image *image,
                        const struct convert_target *target, uint8_t *out, size_t bytes)
{
    struct convert *convert;
    uint8_t *guarded = malloc(bytes + 2 * GUARD);
    assert_non_null(guarded);
    memset(guarded, 0xc3, bytes + 2 * GUARD);
    assert_int_equal(convert_create_for(cpu, image, target, &convert), 0);
    for (int run = 0; run < 2; run++) // the second finds what the first left in the plan
        assert_int_equal(convert_run(convert, image, guarded + GUARD), 0);
    for (size_t i = 0; i < GUARD; i++)
        assert_true(guarded[i] == 0xc3 && guarded[GUARD + bytes + i] == 0xc3);
    memcpy(out, guarded + GUARD, bytes);
    convert_destroy(convert);
    free(guarded);
}

static void compare_once(uint32_t cpu, int number)
{
    enum image_format format = support_formats[number % (int)SUPPORT_FORMATS];
    struct support_picture picture;
    int width = random_side(), height = random_side();
    support_picture_make(&picture, format, width, height, between(0, 9));
    struct convert_target target = random_target();
    picture.image.matrix = (enum image_matrix)between(0, 1);
    picture.image.range = (enum image_range)between(0, 1);
    paint(&picture);

    size_t count = (size_t)target.width * (size_t)target.height * (size_t)target.channels;
    size_t bytes = count * (target.output == CONVERT_FLOAT32 ? sizeof(float) : 1);
    uint8_t *want = malloc(bytes), *got = malloc(bytes);
    assert_true(want != NULL && got != NULL);
    run_guarded(0, &picture.image, &target, want, bytes);
    run_guarded(cpu, &picture.image, &target, got, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (want[i] != got[i])
            fail_msg("case %d: %s %dx%d -> %dx%dx%d fit %d output %d: byte %zu is %d, not %d",
                     number, image_format_name(format), width, height, target.width, target.height,
                     target.channels, (int)target.fit, (int)target.output, i, got[i], want[i]);
    free(want);
    free(got);
    support_picture_finish(&picture);
}

static uint32_t kernels_here;

static void test_same_bytes(void **state)
{
    (void)state;
    static const uint32_t flags[] = {KERNEL_CPU_AVX2, KERNEL_CPU_NEON};
    for (size_t f = 0; f < 2; f++) {
        if ((kernels_here & flags[f]) == 0)
            continue;
        print_message("%s, SEED=%u\n", kernel_cpu_name(flags[f]), seed);
        for (int number = 0; number < CASES; number++)
            compare_once(flags[f], number);
    }
}

typedef void table_apply(const struct convert_table *, const uint8_t *, size_t, void *);

static table_apply *table_kernel(void)
{
#if defined(__x86_64__)
    return convert_table_apply_avx2;
#elif defined(__aarch64__) || defined(__arm__)
    return convert_table_apply_neon;
#else
    return convert_table_apply_c;
#endif
}

// Every way to quantize is met, and each gives the table's bytes at every length around its blocks.
static void test_tables(void **state)
{
    (void)state;
    static const struct {
        float mean[3], std[3], scale;
        int zero_point;
        enum convert_output output;
        enum table_kind kind;
    } cases[] = {
        {{0, 0, 0}, {1, 1, 1}, 1, -128, CONVERT_INT8, TABLE_ADD},
        {{127, 127, 127}, {128, 128, 128}, 1 / 128.0f, 0, CONVERT_INT8, TABLE_ADD},
        {{0, 0, 0}, {1, 1, 1}, 1, 9, CONVERT_UINT8, TABLE_ADD},
        {{0, 0, 0}, {1, 1, 1}, 1, 0, CONVERT_INT8, TABLE_ADD},
        {{127.5f, 127.5f, 127.5f},
         {127.5f, 127.5f, 127.5f},
         1 / 127.5f,
         0,
         CONVERT_INT8,
         TABLE_STEP},
        {{127.5f, 127.5f, 127.5f}, {1, 1, 1}, 1, 130, CONVERT_UINT8, TABLE_STEP},
        {{127.5f, 127.5f, 127.5f},
         {127.5f, 127.5f, 127.5f},
         1 / 128.0f,
         -1,
         CONVERT_INT8,
         TABLE_STEP},
        {{123.7f, 116.3f, 103.5f}, {58.4f, 57.1f, 57.4f}, 0.0187f, -14, CONVERT_INT8, TABLE_AFFINE},
        {{123.7f, 116.3f, 103.53f}, {1, 1, 1}, 1, 0, CONVERT_INT8, TABLE_AFFINE},
        {{0, 1, 2}, {1, 1, 1}, 0.5f, 3, CONVERT_UINT8, TABLE_AFFINE},
        {{0, 0, 0}, {1, 1, 1}, 1e-3f, 0, CONVERT_UINT8, TABLE_LOOKUP},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct convert_target target = {.width = 1,
                                        .height = 1,
                                        .channels = 3,
                                        .scale = cases[i].scale,
                                        .zero_point = cases[i].zero_point,
                                        .output = cases[i].output};
        static struct convert_table table;
        memcpy(target.mean, cases[i].mean, sizeof(target.mean));
        memcpy(target.std, cases[i].std, sizeof(target.std));
        convert_table_init(&table, &target);
        if (table.kind != cases[i].kind)
            fail_msg("table %zu is of kind %d, not %d", i, (int)table.kind, (int)cases[i].kind);
        for (size_t count = 0; count <= 3 * 256; count += count < 300 ? 3 : 39) {
            uint8_t in[3 * 256], out[3 * 256 + GUARD];
            for (size_t j = 0; j < count; j++)
                in[j] = (uint8_t)(j / 3 + (count < 300 ? 256 - count / 2 : 0));
            memset(out, 0xc3, sizeof(out));
            table_kernel()(&table, in, count, out);
            for (size_t j = 0; j < count; j++)
                if (out[j] != table.bytes[j % 3][in[j]])
                    fail_msg("table %zu, %zu values: value %d channel %zu is %d, not %d", i, count,
                             in[j], j % 3, out[j], table.bytes[j % 3][in[j]]);
            for (size_t j = 0; j < GUARD; j++)
                assert_int_equal(out[count + j], 0xc3);
        }
    }
}

// The dispatch: C when nothing is allowed, the machine's best by default.
static void test_dispatch(void **state)
{
    (void)state;
    struct support_picture picture;
    struct convert_target target = {
        .width = 4, .height = 4, .channels = 3, .std = {1, 1, 1}, .scale = 1};
    struct convert *convert;
    support_picture_make(&picture, IMAGE_YUYV, 8, 8, 0);
    assert_int_equal(convert_create_for(0, &picture.image, &target, &convert), 0);
    assert_string_equal(convert_kernel(convert), "c");
    convert_destroy(convert);
    unsetenv("QEDGE_CPU");
    assert_int_equal(convert_create(&picture.image, &target, &convert), 0);
    assert_string_not_equal(convert_kernel(convert), "c");
    convert_destroy(convert);
    setenv("QEDGE_CPU", "c", 1);
    assert_int_equal(convert_create(&picture.image, &target, &convert), 0);
    assert_string_equal(convert_kernel(convert), "c");
    convert_destroy(convert);
    unsetenv("QEDGE_CPU");
    support_picture_finish(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_dispatch),
    };
    if (getenv("SEED") != NULL)
        seed = (uint32_t)strtoul(getenv("SEED"), NULL, 10) | 1;
    kernels_here = kernel_cpu_detect();
    if ((kernels_here & (KERNEL_CPU_AVX2 | KERNEL_CPU_NEON)) == 0) {
        puts("this CPU has neither AVX2 nor NEON");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
