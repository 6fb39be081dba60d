// SPDX-License-Identifier: Apache-2.0
//
// Broken files: every truncation of a small file of each kind is refused, and thousands of bit
// flips give an error or a whole picture, never a crash (run this under ASan and UBSan too). Each
// attempt works on a copy of exactly its size, so that a read beyond it is seen.

#include "tests/unit/imaging_files.h"

#include <errno.h>

#include "imaging/decode.h"
#include "imaging/framefile.h"

enum { FLIPS = 2500 };

static bool result_is_known(int result)
{
    return result == -EBADMSG || result == -ENOTSUP || result == -EFBIG || result == -ENOMEM;
}

// Reads every byte of a decoded picture; keeps the sum from being optimised away.
static volatile unsigned touched;

static void image_touch(const struct image *image)
{
    assert_int_equal(image_check(image), 0);
    for (int p = 0; p < image_plane_count(image->format); p++)
        for (int32_t y = 0; y < image_plane_rows(image->format, p, image->height); y++)
            for (size_t x = 0; x < image_row_bytes(image->format, p, image->width); x++)
                touched += image->planes[p][(size_t)image->strides[p] * (size_t)y + x];
}

static int picture_attempt(const uint8_t *data, size_t size)
{
    struct picture picture;
    struct decode_error error = {""};
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    int result = picture_decode(copy, size, &picture, &error);
    free(copy);
    if (result == 0) {
        image_touch(&picture.image);
    } else {
        assert_true(result_is_known(result));
        assert_true(error.text[0] != 0 && picture.memory == NULL);
    }
    picture_finish(&picture);
    return result;
}

static struct jpeg_decoder *decoder; // one for all: a bad frame must leave it usable

static int planes_attempt(const uint8_t *data, size_t size)
{
    struct image image;
    struct decode_error error = {""};
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    int result = jpeg_decode(decoder, copy, size, (int)size % 40, 9, &image, &error);
    free(copy);
    if (result == 0) {
        image_touch(&image);
    } else {
        assert_true(result_is_known(result));
        assert_true(error.text[0] != 0 && image.planes[0] == NULL);
    }
    return result;
}

typedef int attempt(const uint8_t *data, size_t size);

static void truncate_everywhere(const struct test_file *file, attempt *try)
{
    for (size_t size = 0; size < file->size; size++)
        if (try(file->data, size) == 0)
            fail_msg("accepted %zu of %zu bytes", size, file->size);
    assert_int_equal(try(file->data, file->size), 0);
}

static void flip_bits(const struct test_file *file, attempt *try, uint32_t seed)
{
    uint8_t *copy = malloc(file->size);
    assert_non_null(copy);
    print_message("seed %u\n", seed);
    for (int i = 0; i < FLIPS; i++) {
        memcpy(copy, file->data, file->size);
        for (uint32_t flips = 1 + support_random(&seed) % 3; flips > 0; flips--)
            copy[support_random(&seed) % file->size] ^= (uint8_t)(1 << support_random(&seed) % 8);
        if (i % 4 == 0) // bytes that are special to someone
            copy[support_random(&seed) % (file->size < 64 ? file->size : 64)] =
                (uint8_t)(support_random(&seed) % 2 ? 0xff : 0);
        try(copy, file->size);
    }
    free(copy);
    assert_int_equal(try(file->data, file->size), 0);
}

static void attack(struct test_file file, attempt *try, uint32_t seed)
{
    truncate_everywhere(&file, try);
    flip_bits(&file, try, seed);
    test_file_finish(&file);
}

static void attack_jpeg(void **state)
{
    (void)state;
    static const struct jpeg_kind kinds[] = {{JCS_YCbCr, 2, 2, false, 0, false},
                                             {JCS_YCbCr, 2, 1, false, 2, false},
                                             {JCS_YCbCr, 1, 1, true, 0, false},
                                             {JCS_GRAYSCALE, 1, 1, false, 0, false},
                                             {JCS_YCbCr, 1, 2, false, 0, true}};
    assert_int_equal(jpeg_decoder_create(&decoder), 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        attack(test_jpeg(35, 21, kinds[i]), picture_attempt, 11 + (uint32_t)i);
        attack(test_jpeg(35, 21, kinds[i]), planes_attempt, 21 + (uint32_t)i);
    }
    jpeg_decoder_destroy(decoder);
}

static void attack_png(void **state)
{
    (void)state;
    static const struct png_kind kinds[] = {{PNG_COLOR_TYPE_RGB, 8, false, false},
                                            {PNG_COLOR_TYPE_PALETTE, 4, true, true},
                                            {PNG_COLOR_TYPE_RGB_ALPHA, 16, false, false}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        attack(test_png(15, 9, kinds[i]), picture_attempt, 31 + (uint32_t)i);
}

static void attack_bmp(void **state)
{
    (void)state;
    attack(test_bmp(11, 6, 24, false, false, false), picture_attempt, 41);
    attack(test_bmp(11, 6, 8, true, false, false), picture_attempt, 42);
    attack(test_bmp(11, 6, 32, false, false, true), picture_attempt, 43);
}

static void attack_pnm(void **state)
{
    (void)state;
    attack(test_pnm(7, 5, 3, 255), picture_attempt, 51);
    attack(test_pnm(7, 5, 1, 1000), picture_attempt, 52);
}

// The number of whole frames that a container yields, or its error.
static int y4m_attempt(const uint8_t *data, size_t size)
{
    struct y4m_stream stream;
    struct decode_error error;
    size_t offset, before;
    int frames = 0, broken = 0;
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    int result = size < 10 ? -EBADMSG : y4m_parse_header(copy, size, &stream, &offset, &error);
    while (result == 0) {
        struct image image;
        before = offset;
        int next = y4m_next(&stream, copy, size, &offset, &image, &error);
        assert_true(offset <= size && (next == 1 || offset > before));
        frames += next == 0;
        broken += next < 0;
        if (next == 0)
            image_touch(&image);
        result = next == 1;
    }
    free(copy);
    return frames == 3 && broken == 0 ? 0 : -EBADMSG;
}

static int mjpeg_attempt(const uint8_t *data, size_t size)
{
    struct decode_error error;
    size_t offset = 0, before;
    int frames = 0, broken = 0, result;
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    do {
        struct image image;
        before = offset;
        result = mjpeg_next(copy, size, &offset, &image, &error);
        assert_true(offset <= size && (result == 1 || offset > before));
        frames += result == 0;
        broken += result < 0;
        if (result == 0)
            image_touch(&image);
    } while (result <= 0);
    free(copy);
    return frames == 2 && broken == 0 ? 0 : -EBADMSG;
}

static void attack_y4m(void **state)
{
    (void)state;
    attack(test_y4m(6, 5, " F30:1 C420jpeg", 30 + 2 * 9, 3), y4m_attempt, 61);
}

static void attack_mjpeg(void **state)
{
    (void)state;
    struct test_file file = test_jpeg(16, 16, (struct jpeg_kind){JCS_YCbCr, 2, 1, false, 1, false});
    struct test_file second =
        test_jpeg(8, 8, (struct jpeg_kind){JCS_GRAYSCALE, 1, 1, true, 0, false});
    test_file_append(&file, second.data, second.size);
    test_file_finish(&second);
    attack(file, mjpeg_attempt, 71);
}

static void test_headers_that_ask_for_too_much(void **state)
{
    (void)state;
    struct test_file bmp = test_bmp(4, 4, 24, false, false, false);
    struct test_file jpeg = test_jpeg(16, 16, (struct jpeg_kind){JCS_YCbCr, 1, 1, false, 0, false});
    test_put_u32(bmp.data + 18, 16385);
    assert_int_equal(picture_attempt(bmp.data, bmp.size), -EFBIG);
    test_put_u32(bmp.data + 18, 0x80000000u);
    assert_int_equal(picture_attempt(bmp.data, bmp.size), -EBADMSG);
    test_put_u32(bmp.data + 18, 16384);
    assert_int_equal(picture_attempt(bmp.data, bmp.size),
                     -EBADMSG); // would fit the bounds, not the file
    test_put_u32(bmp.data + 18, 4);
    test_put_u32(bmp.data + 22, 0x80000000u); // whose negative is no int32
    assert_int_equal(picture_attempt(bmp.data, bmp.size), -EFBIG);

    uint8_t *sof = memmem(jpeg.data, jpeg.size, "\xff\xc0", 2);
    assert_non_null(sof);
    memcpy(sof + 5, "\x40\x00\x40\x00", 4); // 16384 x 16384
    assert_int_equal(picture_attempt(jpeg.data, jpeg.size), -EFBIG);
    memcpy(sof + 5, "\x00\x10\xff\xdc", 4);
    assert_int_equal(picture_attempt(jpeg.data, jpeg.size), -EFBIG);
    test_file_finish(&bmp);
    test_file_finish(&jpeg);

    static const char pnm[] = "P6 16384 16384 255\n";
    assert_int_equal(picture_attempt((const uint8_t *)pnm, sizeof(pnm) - 1), -EFBIG);
}

// A file that codes the same component again and again: valid, small, and endless work.
static void test_endless_scans(void **state)
{
    (void)state;
    struct test_file file = test_jpeg(64, 64, (struct jpeg_kind){JCS_YCbCr, 1, 1, false, 0, true}),
                     bomb = {0};
    size_t last = file.size - 2;
    while (memcmp(file.data + last, "\xff\xda", 2) != 0)
        last--;
    test_file_append(&bomb, file.data, file.size - 2);
    for (int i = 0; i < 90; i++)
        test_file_append(&bomb, file.data + last, file.size - 2 - last);
    test_file_append(&bomb, "\xff\xd9", 2);
    assert_int_equal(picture_attempt(bomb.data, bomb.size), 0);
    bomb.size -= 2;
    for (int i = 0; i < 20; i++)
        test_file_append(&bomb, file.data + last, file.size - 2 - last);
    test_file_append(&bomb, "\xff\xd9", 2);
    assert_int_equal(picture_attempt(bomb.data, bomb.size), -EBADMSG);
    test_file_finish(&file);
    test_file_finish(&bomb);
}

// Ten bytes again and again: a segment with the next frame's start in it. Walking to the end from
// each start took time with the square of the file's size.
static void test_segments_in_one_another(void **state)
{
    (void)state;
    struct test_file file = {0};
    struct image image;
    struct decode_error error = {""};
    size_t at = 0;
    test_file_append(&file, "\xff\xd8", 2);
    for (int i = 0; i < 3000; i++)
        test_file_append(&file, "\xff\xe0\x00\x08\xff\xd8\xff\xe0\x00\x08", 10);
    assert_int_equal(mjpeg_next(file.data, file.size, &at, &image, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "more than 2000 markers"));
    assert_int_equal(at, 2); // the next start is looked for behind this one
    test_file_finish(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_jpeg),
        cmocka_unit_test(attack_png),
        cmocka_unit_test(attack_bmp),
        cmocka_unit_test(attack_pnm),
        cmocka_unit_test(attack_y4m),
        cmocka_unit_test(attack_mjpeg),
        cmocka_unit_test(test_headers_that_ask_for_too_much),
        cmocka_unit_test(test_endless_scans),
        cmocka_unit_test(test_segments_in_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
