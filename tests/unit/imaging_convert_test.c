// SPDX-License-Identifier: Apache-2.0
//
// The converter against a slow reference in floating point, written from the definition in
// convert.h: every format, matrix, range, fit and output; sizes from 1 pixel up, odd ones,
// shrinking and growing.

#include "tests/unit/imaging_support.h"

#include <errno.h>
#include <math.h>

#include "imaging/convert.h"
#include "imaging/decode.h"

// ---- reference ----------------------------------------------------------------------------------

struct axis {
    double offset, length; // in samples
    int low, high;         // samples that may be touched
    int targets;
};

// Weighted sum of the samples of target i; get(context, k) is sample k.
static double axis_sum(const struct axis *axis, int i, double (*get)(const void *, int),
                       const void *context)
{
    double step = axis->length / axis->targets, from = axis->offset + i * step, to = from + step,
           sum = 0;
    if (step > 1) {
        for (int k = (int)from; k < axis->high && k < to; k++) {
            double covered = fmin(to, k + 1.0) - fmax(from, (double)k);
            if (covered > 0)
                sum += covered / step * get(context, k);
        }
        return sum;
    }
    double middle = (from + to) / 2 - 0.5, left = floor(middle), fraction = middle - left;
    int a = (int)fmax(axis->low, fmin(left, axis->high - 1)),
        b = (int)fmax(axis->low, fmin(left + 1, axis->high - 1));
    return (1 - fraction) * get(context, a) + fraction * get(context, b);
}

struct reference {
    const struct image *image;
    struct axis across, down;
    int component, x, column;
};

static double get_sample(const void *context, int row)
{
    const struct reference *r = context;
    return *support_sample(r->image, r->component, r->column, row);
}

static double get_column(const void *context, int column)
{
    struct reference r = *(const struct reference *)context;
    r.column = column;
    return axis_sum(&r.down, r.x, get_sample, &r); // x holds the target row here
}

static struct axis axis_make(int offset, int length, int step, int targets)
{
    return (struct axis){.offset = (double)offset / step,
                         .length = (double)length / step,
                         .low = offset / step,
                         .high = (offset + length + step - 1) / step,
                         .targets = targets};
}

static double component_at(const struct image *image, const struct convert_rect *crop,
                           const struct convert_rect *place, int k, int x, int y)
{
    int wide = k == 0 ? 1 : support_chroma_wide(image->format),
        high = k == 0 ? 1 : support_chroma_high(image->format);
    struct reference r = {.image = image, .component = k, .x = y};
    r.across = axis_make(crop->x, crop->width, wide, place->width);
    r.down = axis_make(crop->y, crop->height, high, place->height);
    return axis_sum(&r.across, x, get_column, &r);
}

static void yuv_to_rgb(const struct image *image, const double yuv[3], double rgb[3])
{
    double kr = image->matrix == IMAGE_BT709 ? 0.2126 : 0.299,
           kb = image->matrix == IMAGE_BT709 ? 0.0722 : 0.114;
    bool full = image->range == IMAGE_FULL;
    double y = full ? yuv[0] : (yuv[0] - 16) * 255 / 219;
    double u = (yuv[1] - 128) * (full ? 1 : 255.0 / 224),
           v = (yuv[2] - 128) * (full ? 1 : 255.0 / 224);
    rgb[0] = y + 2 * (1 - kr) * v;
    rgb[2] = y + 2 * (1 - kb) * u;
    rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
}

static double clamped(double value)
{
    return fmin(255, fmax(0, floor(value + 0.5)));
}

// The pixel that the model should see, before its table.
static void reference_pixel(const struct image *image, const struct convert_target *target, int x,
                            int y, double out[3])
{
    struct convert_rect crop, place;
    assert_int_equal(convert_geometry(image->width, image->height, target, &crop, &place), 0);
    x -= place.x;
    y -= place.y;
    if (x < 0 || x >= place.width || y < 0 || y >= place.height) {
        out[0] = out[1] = out[2] = target->fill;
        return;
    }
    double in[3] = {0}, rgb[3];
    int components = image->format == IMAGE_GREY ? 1 : 3;
    for (int k = 0; k < components; k++)
        in[k] = component_at(image, &crop, &place, k, x, y);
    if (support_is_rgb(image->format)) {
        memcpy(rgb, in, sizeof(rgb));
        if (target->channels == 1)
            rgb[0] = 0.299 * in[0] + 0.587 * in[1] + 0.114 * in[2];
    } else if (image->format == IMAGE_GREY || target->channels == 1) {
        rgb[0] = rgb[1] = rgb[2] = image->range == IMAGE_FULL ? in[0] : (in[0] - 16) * 255 / 219;
    } else {
        yuv_to_rgb(image, in, rgb);
    }
    for (int c = 0; c < target->channels; c++)
        out[c] = clamped(target->bgr && target->channels == 3 ? rgb[2 - c] : rgb[c]);
}

// ---- comparing ----------------------------------------------------------------------------------

static struct convert_target target_make(int width, int height, int channels)
{
    return (struct convert_target){.width = width,
                                   .height = height,
                                   .channels = channels,
                                   .std = {1, 1, 1},
                                   .output = CONVERT_UINT8,
                                   .scale = 1};
}

struct difference {
    int max;
    double mean;
};

// UINT8 pixels (identity table) against the reference, on every `stride`-th pixel.
static struct difference compare(const struct image *image, const struct convert_target *target,
                                 int stride)
{
    size_t bytes = (size_t)target->width * (size_t)target->height * (size_t)target->channels;
    uint8_t *out = malloc(bytes);
    struct convert *convert;
    assert_non_null(out);
    assert_int_equal(convert_create(image, target, &convert), 0);
    assert_int_equal(convert_run(convert, image, out), 0);

    struct difference result = {0};
    double total = 0;
    int count = 0;
    for (int i = 0; i < target->width * target->height; i += stride) {
        double want[3];
        reference_pixel(image, target, i % target->width, i / target->width, want);
        for (int c = 0; c < target->channels; c++, count++) {
            int off = abs(out[i * target->channels + c] - (int)want[c]);
            result.max = off > result.max ? off : result.max;
            total += off;
        }
    }
    result.mean = total / count;
    convert_destroy(convert);
    free(out);
    return result;
}

// ---- sweeps -------------------------------------------------------------------------------------

// A soft coloured pattern with edges, the same in every format up to its chroma.
static void picture_paint(struct support_picture *picture)
{
    const struct image *image = &picture->image;
    int components = image->format == IMAGE_GREY ? 1 : 3;
    for (int k = 0; k < components; k++) {
        int wide = k == 0 ? 1 : support_chroma_wide(image->format),
            high = k == 0 ? 1 : support_chroma_high(image->format);
        for (int y = 0; y < (image->height + high - 1) / high; y++)
            for (int x = 0; x < (image->width + wide - 1) / wide; x++) {
                double value =
                    128 + 70 * sin((x * wide + 3 * k) * 0.11) + 50 * cos((y * high) * 0.07 + k);
                *support_sample(image, k, x, y) =
                    (uint8_t)(x * wide > image->width * 2 / 3 ? 255 - value : value);
            }
    }
}

static void sweep_size(int width, int height, int target_width, int target_height)
{
    for (size_t f = 0; f < SUPPORT_FORMATS; f++) {
        struct support_picture picture;
        support_picture_make(&picture, support_formats[f], width, height, (int)f % 4);
        picture_paint(&picture);
        for (int variant = 0; variant < 12; variant++) {
            struct convert_target target =
                target_make(target_width, target_height, variant % 4 == 3 ? 1 : 3);
            target.fit = (enum convert_fit)(variant % 3);
            target.bgr = variant % 2 != 0;
            target.fill = 114;
            picture.image.matrix = (enum image_matrix)(variant / 2 % 2);
            picture.image.range = (enum image_range)(variant / 4 % 2);
            struct difference off = compare(&picture.image, &target, 7);
            if (off.max > 2 || off.mean > 0.2)
                fail_msg("%s %dx%d -> %dx%d variant %d: off by %d, mean %.3f",
                         image_format_name(support_formats[f]), width, height, target_width,
                         target_height, variant, off.max, off.mean);
        }
        support_picture_finish(&picture);
    }
}

static void test_every_format_and_size(void **state)
{
    (void)state;
    static const int sizes[][4] = {
        {64, 48, 24, 24}, {65, 47, 24, 24}, {33, 35, 16, 9}, {31, 17, 40, 41}, {40, 30, 40, 30},
        {1, 1, 5, 3},     {2, 3, 1, 1},     {7, 100, 7, 6},  {150, 9, 11, 12}, {300, 3, 2, 2},
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        sweep_size(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
}

static double photograph_luma(const uint8_t *rgb)
{
    return 16 + (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) * 219 / 255;
}

static uint8_t photograph_component(const uint8_t *rgb, int k)
{
    double y = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    double value = k == 0   ? photograph_luma(rgb)
                   : k == 1 ? 128 + (rgb[2] - y) / 1.772 * 224 / 255
                            : 128 + (rgb[0] - y) / 1.402 * 224 / 255;
    return (uint8_t)clamped(value);
}

// A photograph as this format would carry it.
static void photograph_make(struct support_picture *picture, enum image_format format,
                            const struct image *rgb)
{
    support_picture_make(picture, format, rgb->width, rgb->height, 0);
    for (int k = 0; k < (format == IMAGE_GREY ? 1 : 3); k++) {
        int wide = k == 0 ? 1 : support_chroma_wide(format),
            high = k == 0 ? 1 : support_chroma_high(format);
        for (int y = 0; y * high < rgb->height; y++)
            for (int x = 0; x * wide < rgb->width; x++) {
                const uint8_t *pixel =
                    rgb->planes[0] + (size_t)rgb->strides[0] * (size_t)(y * high) + 3 * x * wide;
                *support_sample(&picture->image, k, x, y) =
                    support_is_rgb(format) ? pixel[k] : photograph_component(pixel, k);
            }
    }
}

static void test_photographs_within_two(void **state)
{
    (void)state;
    static const char *const paths[] = {"models/pictures/cat.jpg", "models/pictures/espresso.png"};
    for (size_t i = 0; i < 2; i++) {
        struct picture photograph;
        struct decode_error error;
        assert_int_equal(picture_read(paths[i], &photograph, &error), 0);
        assert_int_equal(photograph.image.format, IMAGE_RGB24);
        for (size_t f = 0; f < SUPPORT_FORMATS; f++) {
            struct support_picture picture;
            photograph_make(&picture, support_formats[f], &photograph.image);
            for (int width = 96; width <= 224; width += 128) {
                struct convert_target target = target_make(width, width, 3);
                struct difference off = compare(&picture.image, &target, 11);
                if (off.max > 2 || off.mean > 0.05)
                    fail_msg("%s %s -> %d: max %d, mean %.4f", paths[i],
                             image_format_name(support_formats[f]), width, off.max, off.mean);
            }
            support_picture_finish(&picture);
        }
        picture_finish(&photograph);
    }
}

// ---- tables, borders, refusals ------------------------------------------------------------------

static void run_grey(const struct convert_target *target, void *out)
{
    uint8_t ramp[256];
    struct image image;
    struct convert *convert;
    for (int i = 0; i < 256; i++)
        ramp[i] = (uint8_t)i;
    assert_int_equal(image_from_buffer(&image, IMAGE_GREY, 256, 1, 0, ramp, sizeof(ramp)), 0);
    assert_int_equal(convert_create(&image, target, &convert), 0);
    assert_int_equal(convert_run(convert, &image, out), 0);
    convert_destroy(convert);
}

static void test_quantized_tables(void **state)
{
    (void)state;
    static const struct {
        float mean, std, scale;
        int zero_point;
        enum convert_output output;
    } cases[] = {
        {127.5f, 127.5f, 1 / 127.5f, 0, CONVERT_INT8},
        {127, 128, 0.0078125f, -1, CONVERT_INT8},
        {0, 255, 1 / 255.0f, -128, CONVERT_INT8},
        {0, 1, 1, 0, CONVERT_UINT8},
        {123.7f, 58.4f, 0.0187f, 3, CONVERT_INT8},
        {127.5f, 127.5f, 0.0078125f, 128, CONVERT_UINT8},
        {0, 1, 1, 0, CONVERT_INT8},
        {0, 1, 1e-9f, 0, CONVERT_INT8},
        {0, 1, 1e30f, 5, CONVERT_UINT8},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct convert_target target = target_make(256, 1, 3);
        uint8_t out[256 * 3];
        target.fit = CONVERT_STRETCH;
        target.output = cases[i].output;
        target.scale = cases[i].scale;
        target.zero_point = cases[i].zero_point;
        for (int c = 0; c < 3; c++) {
            target.mean[c] = cases[i].mean + (float)(c * (i == 4));
            target.std[c] = cases[i].std;
        }
        run_grey(&target, out);
        for (int v = 0; v < 256 * 3; v++) {
            float real = ((float)(v / 3) - target.mean[v % 3]) / target.std[v % 3];
            double steps = rint((double)(real / target.scale)) + target.zero_point;
            int low = target.output == CONVERT_INT8 ? -128 : 0;
            int want = (int)fmin(low + 255, fmax(low, steps));
            int got = target.output == CONVERT_INT8 ? (int8_t)out[v] : out[v];
            if (got != want)
                fail_msg("case %zu value %d channel %d: %d, not %d", i, v / 3, v % 3, got, want);
        }
    }
}

static void test_float_output(void **state)
{
    (void)state;
    struct convert_target target = target_make(256, 1, 3);
    float *out = malloc(256 * 3 * sizeof(*out));
    target.fit = CONVERT_STRETCH;
    target.output = CONVERT_FLOAT32;
    for (int c = 0; c < 3; c++) {
        target.mean[c] = 120.0f + (float)c;
        target.std[c] = 57.0f - (float)c;
    }
    run_grey(&target, out);
    for (int v = 0; v < 256 * 3; v++)
        assert_true(out[v] == ((float)(v / 3) - target.mean[v % 3]) / target.std[v % 3]);
    free(out);
}

static void test_geometry(void **state)
{
    (void)state;
    static const struct {
        int width, height, target_width, target_height;
        enum convert_fit fit;
        struct convert_rect crop, place;
    } cases[] = {
        {640, 480, 224, 224, CONVERT_CROP, {80, 0, 480, 480}, {0, 0, 224, 224}},
        {480, 641, 224, 224, CONVERT_CROP, {0, 80, 480, 480}, {0, 0, 224, 224}},
        {1280, 720, 320, 240, CONVERT_CROP, {160, 0, 960, 720}, {0, 0, 320, 240}},
        {640, 480, 224, 224, CONVERT_STRETCH, {0, 0, 640, 480}, {0, 0, 224, 224}},
        {640, 480, 224, 224, CONVERT_LETTERBOX, {0, 0, 640, 480}, {0, 28, 224, 168}},
        {480, 640, 224, 200, CONVERT_LETTERBOX, {0, 0, 480, 640}, {37, 0, 150, 200}},
        {16384, 1, 8, 8, CONVERT_LETTERBOX, {0, 0, 16384, 1}, {0, 3, 8, 1}},
        {16384, 1, 8, 8, CONVERT_CROP, {8191, 0, 1, 1}, {0, 0, 8, 8}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct convert_target target =
            target_make(cases[i].target_width, cases[i].target_height, 3);
        struct convert_rect crop, place;
        target.fit = cases[i].fit;
        assert_int_equal(convert_geometry(cases[i].width, cases[i].height, &target, &crop, &place),
                         0);
        assert_memory_equal(&crop, &cases[i].crop, sizeof(crop));
        assert_memory_equal(&place, &cases[i].place, sizeof(place));
    }
}

static void test_letterbox_writes_everything_once(void **state)
{
    (void)state;
    struct support_picture picture;
    struct convert_target target = target_make(20, 12, 3);
    uint8_t out[64 + 20 * 12 * 3 + 64];
    struct convert *convert;
    support_picture_make(&picture, IMAGE_RGB24, 30, 30, 0);
    memset(picture.memory[0], 200, picture.image.size[0]);
    memset(out, 0xa5, sizeof(out));
    target.fit = CONVERT_LETTERBOX;
    target.fill = 7;
    assert_int_equal(convert_create(&picture.image, &target, &convert), 0);
    assert_int_equal(convert_run(convert, &picture.image, out + 64), 0);
    for (int i = 0; i < 20 * 12 * 3; i++) {
        int x = i / 3 % 20;
        assert_int_equal(out[64 + i], x >= 4 && x < 16 ? 200 : 7);
    }
    for (int i = 0; i < 64; i++) {
        assert_int_equal(out[i], 0xa5);
        assert_int_equal(out[sizeof(out) - 1 - (size_t)i], 0xa5);
    }
    convert_destroy(convert);
    support_picture_finish(&picture);
}

static void test_refusals(void **state)
{
    (void)state;
    struct support_picture picture;
    struct convert_target good = target_make(8, 8, 3), bad;
    struct convert *convert;
    uint8_t out[8 * 8 * 3];
    support_picture_make(&picture, IMAGE_NV12, 17, 13, 5);
    support_picture_noise(&picture, 1);

#define REFUSED(field, value, result)                                                              \
    bad = good;                                                                                    \
    bad.field = value;                                                                             \
    assert_int_equal(convert_create(&picture.image, &bad, &convert), result)
    REFUSED(width, 0, -EINVAL);
    REFUSED(height, 5000, -EINVAL);
    REFUSED(channels, 2, -EINVAL);
    REFUSED(std[1], 0, -EINVAL);
    REFUSED(mean[2], NAN, -EINVAL);
    REFUSED(scale, -1, -EINVAL);
    REFUSED(fit, (enum convert_fit)9, -EINVAL);
    REFUSED(output, (enum convert_output)9, -EINVAL);
#undef REFUSED
    struct image jpeg = {.format = IMAGE_JPEG, .width = 8, .height = 8};
    assert_int_equal(convert_create(&jpeg, &good, &convert), -ENOTSUP);

    assert_int_equal(convert_create(&picture.image, &good, &convert), 0);
    memset(out, 0x5a, sizeof(out));
    struct image image = picture.image;
    image.width = 16;
    assert_false(convert_matches(convert, &image));
    assert_int_equal(convert_run(convert, &image, out), -EINVAL);
    image = picture.image;
    image.size[1]--;
    assert_int_equal(convert_run(convert, &image, out), -EMSGSIZE);
    image = picture.image;
    image.strides[1] = 3;
    assert_int_equal(convert_run(convert, &image, out), -EINVAL);
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], 0x5a);
    assert_int_equal(convert_run(convert, &picture.image, out), 0);
    convert_destroy(convert);
    convert_destroy(NULL);
    support_picture_finish(&picture);
}

static void test_buffer_layout(void **state)
{
    (void)state;
    static const uint8_t data[4096];
    struct image image;
    assert_int_equal(image_from_buffer(&image, IMAGE_I420, 17, 13, 0, data, 17 * 13 + 2 * 9 * 7),
                     0);
    assert_ptr_equal(image.planes[1], data + 17 * 13);
    assert_ptr_equal(image.planes[2], data + 17 * 13 + 9 * 7);
    assert_int_equal(
        image_from_buffer(&image, IMAGE_I420, 17, 13, 0, data, 17 * 13 + 2 * 9 * 7 - 1), -EMSGSIZE);
    assert_int_equal(image_from_buffer(&image, IMAGE_NV12, 16, 8, 32, data, 32 * 8 + 32 * 4), 0);
    assert_int_equal(image.strides[1], 32);
    assert_ptr_equal(image.planes[1], data + 32 * 8);
    assert_int_equal(image_from_buffer(&image, IMAGE_YUYV, 5, 2, 0, data, 24), 0);
    assert_int_equal(image.strides[0], 12);
    assert_int_equal(image_from_buffer(&image, IMAGE_YUYV, 5, 2, 0, data, 23), -EMSGSIZE);
    assert_int_equal(image_from_buffer(&image, IMAGE_RGB24, 5, 2, 14, data, 100), -EINVAL);
    assert_int_equal(image_from_buffer(&image, IMAGE_GREY, 0, 2, 0, data, 100), -EINVAL);
    assert_int_equal(image_from_buffer(&image, IMAGE_GREY, 16385, 2, 0, data, 100), -EINVAL);
    assert_int_equal(image_from_buffer(&image, IMAGE_NONE, 4, 2, 0, data, 100), -EINVAL);
    assert_int_equal(image_from_buffer(&image, IMAGE_JPEG, 0, 0, 0, data, 0), -EMSGSIZE);
    assert_string_equal(image_format_name(IMAGE_XBGR32), "XBGR32");
    assert_string_equal(image_format_name((enum image_format)99), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_format_and_size),
        cmocka_unit_test(test_photographs_within_two),
        cmocka_unit_test(test_quantized_tables),
        cmocka_unit_test(test_float_output),
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_letterbox_writes_everything_once),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_buffer_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
