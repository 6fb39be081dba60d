// SPDX-License-Identifier: Apache-2.0
//
// Picture and frame readers on good files, made here: known pixels come back.

#include "tests/unit/imaging_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "imaging/decode.h"

static void decode_ok(const struct test_file *file, struct picture *picture)
{
    struct decode_error error = {"no reason given"};
    if (picture_decode(file->data, file->size, picture, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(image_check(&picture->image), 0);
}

static uint8_t pixel(const struct image *image, int x, int y, int c)
{
    if (image->format == IMAGE_GREY)
        return image->planes[0][(size_t)image->strides[0] * (size_t)y + (size_t)x];
    return image->planes[0][(size_t)image->strides[0] * (size_t)y + (size_t)(3 * x + c)];
}

// Every pixel within `slack` of the pattern.
static void assert_pattern(const struct image *image, int width, int height, int slack)
{
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < (image->format == IMAGE_GREY ? 1 : 3); c++)
                if (abs(pixel(image, x, y, c) - test_pixel(x, y, c)) > slack)
                    fail_msg("pixel %d,%d channel %d: %d, not %d", x, y, c, pixel(image, x, y, c),
                             test_pixel(x, y, c));
}

static void test_bmp_kinds(void **state)
{
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        static const int bits[] = {24, 24, 32, 32, 32, 8, 8, 8};
        bool grey = kind != 7;
        struct test_file file = test_bmp(13, 7, bits[kind], kind % 2 != 0, grey, kind == 4);
        struct picture picture;
        decode_ok(&file, &picture);
        assert_int_equal(picture.image.format, bits[kind] == 8 && grey ? IMAGE_GREY : IMAGE_RGB24);
        if (kind != 7)
            assert_pattern(&picture.image, 13, 7, 0);
        else
            assert_int_equal(pixel(&picture.image, 5, 3, 2), 255 - test_pixel(5, 3, 0));
        picture_finish(&picture);
        test_file_finish(&file);
    }
}

static void test_pnm_kinds(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        static const int maxval[] = {255, 65535, 100};
        for (int i = 0; i < 3; i++) {
            struct test_file file = test_pnm(9, 11, channels, maxval[i]);
            struct picture picture;
            decode_ok(&file, &picture);
            assert_int_equal(picture.image.format, channels == 1 ? IMAGE_GREY : IMAGE_RGB24);
            assert_pattern(&picture.image, 9, 11, maxval[i] == 100 ? 3 : 0);
            picture_finish(&picture);
            test_file_finish(&file);
        }
    }
}

// What a viewer shows of channel c: depth stretched to 8 bit, alpha over black.
static int png_expected(struct png_kind kind, int x, int y, int c)
{
    bool coloured = (kind.colour & PNG_COLOR_MASK_COLOR) != 0,
         first = test_png_sample(kind, x, y, 0) == test_png_sample(kind, 0, 0, 0);
    int top = (1 << kind.depth) - 1;
    if (kind.colour == PNG_COLOR_TYPE_PALETTE) {
        int index = (int)test_png_sample(kind, x, y, 0);
        return kind.transparent && index == 0 ? 0
               : c == 0                       ? index
               : c == 1                       ? 255 - index
                                              : index ^ 0x55;
    }
    int value = (int)test_png_sample(kind, x, y, coloured ? c : 0) * 255 / top;
    if (kind.transparent && first)
        return 0;
    if ((kind.colour & PNG_COLOR_MASK_ALPHA) == 0)
        return value;
    return value * ((int)test_png_sample(kind, x, y, coloured ? 3 : 1) * 255 / top) / 255;
}

static void test_png_kinds(void **state)
{
    (void)state;
    static const struct png_kind kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 1, false, false},       {PNG_COLOR_TYPE_GRAY, 2, true, false},
        {PNG_COLOR_TYPE_GRAY, 4, false, false},       {PNG_COLOR_TYPE_GRAY, 8, false, false},
        {PNG_COLOR_TYPE_GRAY, 16, false, false},      {PNG_COLOR_TYPE_GRAY, 8, false, true},
        {PNG_COLOR_TYPE_RGB, 8, false, false},        {PNG_COLOR_TYPE_RGB, 8, true, false},
        {PNG_COLOR_TYPE_RGB, 16, false, false},       {PNG_COLOR_TYPE_RGB, 8, false, true},
        {PNG_COLOR_TYPE_PALETTE, 8, false, false},    {PNG_COLOR_TYPE_PALETTE, 4, true, false},
        {PNG_COLOR_TYPE_PALETTE, 1, false, true},     {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16, true, false}, {PNG_COLOR_TYPE_RGB_ALPHA, 8, false, false},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, false, false},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct test_file file = test_png(19, 10, kinds[i]);
        struct picture picture;
        decode_ok(&file, &picture);
        bool coloured = (kinds[i].colour & PNG_COLOR_MASK_COLOR) != 0;
        assert_int_equal(picture.image.format, coloured ? IMAGE_RGB24 : IMAGE_GREY);
        for (int y = 0; y < 10; y++)
            for (int x = 0; x < 19; x++)
                for (int c = 0; c < (coloured ? 3 : 1); c++) {
                    int want = png_expected(kinds[i], x, y, c),
                        got = pixel(&picture.image, x, y, c);
                    if (abs(got - want) > 1)
                        fail_msg("kind %zu pixel %d,%d channel %d: %d, not %d", i, x, y, c, got,
                                 want);
                }
        picture_finish(&picture);
        test_file_finish(&file);
    }
}

static const struct jpeg_kind jpeg_kinds[] = {
    {JCS_YCbCr, 2, 2, false, 0, false},     {JCS_YCbCr, 2, 1, false, 0, false},
    {JCS_YCbCr, 1, 1, false, 0, false},     {JCS_YCbCr, 1, 2, false, 0, false},
    {JCS_YCbCr, 4, 1, false, 0, false},     {JCS_RGB, 1, 1, false, 0, false},
    {JCS_GRAYSCALE, 1, 1, false, 0, false}, {JCS_YCbCr, 2, 2, true, 0, false},
    {JCS_YCbCr, 2, 1, false, 3, false},     {JCS_YCbCr, 2, 2, false, 0, true},
};
#define JPEG_KINDS (sizeof(jpeg_kinds) / sizeof(jpeg_kinds[0]))

static void test_jpeg_pictures(void **state)
{
    (void)state;
    for (size_t i = 0; i < JPEG_KINDS; i++) {
        struct test_file file = test_jpeg(37, 27, jpeg_kinds[i]);
        struct picture picture;
        decode_ok(&file, &picture);
        assert_int_equal(picture.image.format,
                         jpeg_kinds[i].space == JCS_GRAYSCALE ? IMAGE_GREY : IMAGE_RGB24);
        assert_pattern(&picture.image, 37, 27, 8);
        picture_finish(&picture);
        test_file_finish(&file);
    }
}

// The luma of the pattern, where the planes' pixel x, y lies when `scale` eighths were kept.
static int pattern_luma(int x, int y, int scale)
{
    double at_x = (x + 0.5) * 8 / scale - 0.5, at_y = (y + 0.5) * 8 / scale - 0.5;
    return (int)(40 + 2 * at_x + at_y + 25 * (0.587 + 2 * 0.114));
}

static void test_jpeg_planes_and_scales(void **state)
{
    (void)state;
    static const struct {
        int min_width, min_height, scale;
    } asks[] = {{0, 0, 8}, {37, 27, 8}, {18, 13, 4}, {19, 13, 8}, {9, 6, 2},
                {4, 3, 1}, {1, 1, 1},   {1, 13, 4},  {100, 1, 8}};
    struct jpeg_decoder *decoder;
    assert_int_equal(jpeg_decoder_create(&decoder), 0);
    for (size_t i = 0; i < JPEG_KINDS; i++) {
        struct test_file file = test_jpeg(37, 27, jpeg_kinds[i]);
        for (size_t a = 0; a < sizeof(asks) / sizeof(asks[0]); a++) {
            struct image image;
            struct decode_error error;
            int scale = asks[a].scale;
            if (jpeg_decode(decoder, file.data, file.size, asks[a].min_width, asks[a].min_height,
                            &image, &error) != 0)
                fail_msg("%s", error.text);
            assert_int_equal(image_check(&image), 0);
            assert_int_equal(image.width, (37 * scale + 7) / 8);
            assert_int_equal(image.height, (27 * scale + 7) / 8);
            assert_int_equal(image.range, IMAGE_FULL);
            if (image.format == IMAGE_RGB24 || jpeg_kinds[i].space != JCS_YCbCr)
                continue;
            for (int y = 0; y < 27 * scale / 8; y++)
                for (int x = 0; x < 37 * scale / 8; x++)
                    assert_in_range(
                        *support_sample(&image, 0, x, y) - pattern_luma(x, y, scale) + 8, 0, 16);
            // The pattern's colour is the same everywhere: R, G, B 25 apart.
            int wide = support_chroma_wide(image.format), high = support_chroma_high(image.format);
            for (int y = 0; y < (image.height + high - 1) / high; y++)
                for (int x = 0; x < (image.width + wide - 1) / wide; x++) {
                    assert_in_range(*support_sample(&image, 1, x, y), 128 + 15, 128 + 27);
                    assert_in_range(*support_sample(&image, 2, x, y), 128 - 21, 128 - 9);
                }
        }
        test_file_finish(&file);
    }
    jpeg_decoder_destroy(decoder);
    jpeg_decoder_destroy(NULL);
}

static void test_jpeg_formats(void **state)
{
    (void)state;
    static const enum image_format want[JPEG_KINDS] = {
        IMAGE_I420,  IMAGE_I422, IMAGE_I444, IMAGE_RGB24, IMAGE_RGB24,
        IMAGE_RGB24, IMAGE_GREY, IMAGE_I420, IMAGE_I422,  IMAGE_I420};
    struct jpeg_decoder *decoder;
    assert_int_equal(jpeg_decoder_create(&decoder), 0);
    for (size_t i = 0; i < JPEG_KINDS; i++) {
        struct test_file file = test_jpeg(64, 48, jpeg_kinds[i]);
        struct image image;
        assert_int_equal(jpeg_decode(decoder, file.data, file.size, 0, 0, &image, NULL), 0);
        assert_int_equal(image.format, want[i]);
        test_file_finish(&file);
    }
    jpeg_decoder_destroy(decoder);
}

static void test_jpeg_without_huffman_tables(void **state)
{
    (void)state;
    struct test_file whole = test_jpeg(40, 24, jpeg_kinds[1]),
                     bare = test_jpeg_without_tables(&whole);
    struct picture a, b;
    assert_true(bare.size + 400 < whole.size);
    decode_ok(&whole, &a);
    decode_ok(&bare, &b);
    assert_memory_equal(a.memory, b.memory, 40 * 24 * 3);
    picture_finish(&a);
    picture_finish(&b);
    test_file_finish(&whole);
    test_file_finish(&bare);
}

static void test_jpeg_cmyk_is_named(void **state)
{
    (void)state;
    struct test_file file = test_jpeg(16, 16, (struct jpeg_kind){JCS_CMYK, 1, 1, false, 0, false});
    struct picture picture;
    struct decode_error error;
    assert_int_equal(picture_decode(file.data, file.size, &picture, &error), -ENOTSUP);
    assert_non_null(strstr(error.text, "4 components"));
    test_file_finish(&file);
}

static void file_write(char *path, const struct test_file *file)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file->data, file->size), (ssize_t)file->size);
    close(fd);
}

static void test_picture_files(void **state)
{
    (void)state;
    char path[] = "/tmp/imaging_decode_test.XXXXXX";
    struct test_file file = test_pnm(5, 4, 3, 255), junk = {0};
    struct picture picture;
    struct decode_error error;
    file_write(path, &file);
    assert_int_equal(picture_read(path, &picture, &error), 0);
    assert_pattern(&picture.image, 5, 4, 0);
    picture_finish(&picture);
    unlink(path);
    assert_int_equal(picture_read(path, &picture, &error), -ENOENT);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(picture_read("/tmp", &picture, &error), -EINVAL);
    assert_int_equal(picture_read("/dev/null", &picture, &error), -EINVAL);
    test_file_append(&junk, "GIF89a", 6);
    assert_int_equal(picture_decode(junk.data, junk.size, &picture, &error), -ENOTSUP);
    assert_int_equal(picture_decode(junk.data, 0, &picture, NULL), -ENOTSUP);
    test_file_finish(&file);
    test_file_finish(&junk);
}

static void test_picture_names(void **state)
{
    (void)state;
    static const char *const pictures[] = {"a.jpg", "b.JPEG", "c.png", "d.Bmp", "e.x.pnm"};
    static const char *const others[] = {"a.txt", "jpg", "a.jpg.part", ".a.jpg", ".jpg", "", "b."};
    for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++)
        assert_true(picture_is_named(pictures[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(picture_is_named(others[i]));
}

// Opens a file of this content; the path is gone afterwards.
static int container_open(const struct test_file *content, struct framefile **file,
                          struct decode_error *error)
{
    char path[] = "/tmp/imaging_decode_test.XXXXXX";
    file_write(path, content);
    int result = framefile_open(path, file, error);
    unlink(path);
    return result;
}

static void test_y4m_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *tags;
        enum image_format format;
        enum image_range range;
        size_t bytes;
        double rate;
    } cases[] = {
        {" F30:1 Ip A1:1", IMAGE_I420, IMAGE_LIMITED, 99 + 2 * 30, 30},
        {" F30000:1001 C420jpeg XYSCSS=420JPEG", IMAGE_I420, IMAGE_LIMITED, 99 + 2 * 30,
         30000.0 / 1001},
        {" C420mpeg2 XCOLORRANGE=FULL", IMAGE_I420, IMAGE_FULL, 99 + 2 * 30, 0},
        {" C420paldv XCOLORRANGE=LIMITED F0:0", IMAGE_I420, IMAGE_LIMITED, 99 + 2 * 30, 0},
        {" C422", IMAGE_I422, IMAGE_LIMITED, 99 + 2 * 55, 0},
        {" C444  F25:1", IMAGE_I444, IMAGE_LIMITED, 3 * 99, 25},
        {" Cmono XCOLORRANGE=FULL", IMAGE_GREY, IMAGE_FULL, 99, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_file content = test_y4m(9, 11, cases[i].tags, cases[i].bytes, 3);
        struct framefile *file;
        struct decode_error error;
        struct image image;
        if (container_open(&content, &file, &error) != 0)
            fail_msg("%s", error.text);
        assert_true(framefile_rate(file) == cases[i].rate);
        for (int round = 0; round < 2; round++) {
            for (int frame = 1; frame <= 3; frame++) {
                assert_int_equal(framefile_next(file, &image, &error), 0);
                assert_int_equal(image.format, cases[i].format);
                assert_int_equal(image.range, cases[i].range);
                assert_int_equal(image_check(&image), 0);
                assert_int_equal(*support_sample(&image, 0, 8, 10), frame);
            }
            assert_int_equal(framefile_next(file, &image, &error), 1);
            assert_int_equal(framefile_next(file, &image, &error), 1);
            framefile_rewind(file);
        }
        framefile_close(file);
        test_file_finish(&content);
    }
}

static void test_y4m_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int result;
    } cases[] = {
        {"YUV4MPEG2 W4 H4 C420p10\n", -ENOTSUP},
        {"YUV4MPEG2 W4\n", -EBADMSG},
        {"YUV4MPEG2 W4 H-4\n", -EBADMSG},
        {"YUV4MPEG2 W4 H4x\n", -EBADMSG},
        {"YUV4MPEG2 W20000 H4\n", -EFBIG},
        {"YUV4MPEG2 W16384 H16384\n", -EFBIG},
        {"YUV4MPEG2 W99999999999999999999 H4\n", -EBADMSG},
        {"YUV4MPEG2 W4 H4 F25\n", -EBADMSG},
        {"YUV4MPEG2 W4 H4", -EBADMSG},
        {"YUV4MPEG2XW4 H4\n", -EBADMSG},
        {"not a frame file", -ENOTSUP},
        {"", -EBADMSG},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_file content = {0};
        struct framefile *file;
        struct decode_error error = {""};
        test_file_append(&content, cases[i].text, strlen(cases[i].text));
        assert_int_equal(container_open(&content, &file, &error), cases[i].result);
        assert_true(error.text[0] != 0);
        test_file_finish(&content);
    }
}

static void test_y4m_skips_a_broken_frame(void **state)
{
    (void)state;
    struct test_file content = test_y4m(4, 4, " Cmono", 16, 3);
    struct framefile *file;
    struct decode_error error;
    struct image image;
    uint8_t *second = memmem(content.data, content.size, "FRAME Ip", 8);
    assert_non_null(second);
    second[0] = 'X';
    content.size -= 1; // and the third is cut short
    assert_int_equal(container_open(&content, &file, &error), 0);
    assert_int_equal(framefile_next(file, &image, &error), 0);
    assert_int_equal(framefile_next(file, &image, &error), -EBADMSG);
    assert_int_equal(framefile_next(file, &image, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "truncated"));
    assert_int_equal(framefile_next(file, &image, &error), 1);
    framefile_close(file);
    test_file_finish(&content);
}

static void test_mjpeg_frames(void **state)
{
    (void)state;
    struct test_file one = test_jpeg(24, 16, jpeg_kinds[1]), two = test_jpeg(32, 16, jpeg_kinds[7]),
                     content = {0};
    struct framefile *file;
    struct decode_error error;
    struct image image;
    struct picture picture;

    // A frame that carries a JPEG thumbnail in an APP1 segment.
    struct test_file thumb = {0};
    uint8_t app1[4] = {0xff, 0xe1, (uint8_t)((one.size + 2) >> 8), (uint8_t)(one.size + 2)};
    test_file_append(&thumb, two.data, 2);
    test_file_append(&thumb, app1, 4);
    test_file_append(&thumb, one.data, one.size);
    test_file_append(&thumb, two.data + 2, two.size - 2);

    test_file_append(&content, one.data, one.size);
    test_file_append(&content, "\0\0\0junk\xff", 8);
    test_file_append(&content, thumb.data, thumb.size);
    test_file_append(&content, one.data, one.size / 2); // cut off in the coded data
    test_file_append(&content, two.data, two.size);
    assert_int_equal(container_open(&content, &file, &error), 0);
    static const int want[] = {24, 32, -EBADMSG, 32};
    const size_t sizes[] = {one.size, thumb.size, 0, two.size};
    for (int i = 0; i < 4; i++) {
        int result = framefile_next(file, &image, &error);
        assert_int_equal(result, want[i] < 0 ? want[i] : 0);
        if (result < 0)
            continue;
        assert_int_equal(image.format, IMAGE_JPEG);
        assert_int_equal(image.width, want[i]);
        assert_int_equal(image.height, 16);
        assert_int_equal(image.size[0], sizes[i]);
        assert_int_equal(picture_decode(image.planes[0], image.size[0], &picture, &error), 0);
        assert_pattern(&picture.image, want[i], 16, 8);
        picture_finish(&picture);
    }
    assert_int_equal(framefile_next(file, &image, &error), 1);
    assert_true(framefile_rate(file) == 0);
    framefile_close(file);
    framefile_close(NULL);
    test_file_finish(&one);
    test_file_finish(&two);
    test_file_finish(&thumb);
    test_file_finish(&content);
}

static void test_file_that_shrinks(void **state)
{
    (void)state;
    char path[] = "/tmp/imaging_decode_test.XXXXXX";
    struct test_file content = test_y4m(64, 64, " Cmono", 4096, 8);
    struct framefile *file;
    struct image image;
    struct decode_error error;
    file_write(path, &content);
    assert_int_equal(framefile_open(path, &file, &error), 0);
    assert_int_equal(framefile_next(file, &image, &error), 0);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(framefile_next(file, &image, &error), -ESTALE);
    framefile_close(file);
    unlink(path);
    test_file_finish(&content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bmp_kinds),
        cmocka_unit_test(test_pnm_kinds),
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_jpeg_pictures),
        cmocka_unit_test(test_jpeg_planes_and_scales),
        cmocka_unit_test(test_jpeg_formats),
        cmocka_unit_test(test_jpeg_without_huffman_tables),
        cmocka_unit_test(test_jpeg_cmyk_is_named),
        cmocka_unit_test(test_picture_files),
        cmocka_unit_test(test_picture_names),
        cmocka_unit_test(test_y4m_kinds),
        cmocka_unit_test(test_y4m_refusals),
        cmocka_unit_test(test_y4m_skips_a_broken_frame),
        cmocka_unit_test(test_mjpeg_frames),
        cmocka_unit_test(test_file_that_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
