// SPDX-License-Identifier: Apache-2.0
//
// The zip at a model's end: stored and deflated entries, and archives that lie.

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "engine/archive.h"

#define TEXT "background\ntench\ngoldfish\n"

struct zip {
    uint8_t bytes[1024];
    size_t size, local, directory, end;
};

static void put(struct zip *zip, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        zip->bytes[zip->size++] = (uint8_t)(value >> (8 * i));
}

static void put_bytes(struct zip *zip, const void *data, size_t size)
{
    memcpy(zip->bytes + zip->size, data, size);
    zip->size += size;
}

// The fields that local and central headers share, from "version needed" to the name's length.
static void put_common(struct zip *zip, int method, uint32_t packed)
{
    put(zip, 20, 2);
    put(zip, 0, 2);
    put(zip, (uint32_t)method, 2);
    put(zip, 0, 4);
    put(zip, (uint32_t)crc32(0, (const uint8_t *)TEXT, sizeof(TEXT) - 1), 4);
    put(zip, packed, 4);
    put(zip, sizeof(TEXT) - 1, 4);
    put(zip, 10, 2);
    put(zip, 0, 2);
}

// An archive with "labels.txt", after `before` bytes that are not zip. Offsets count from the zip's
// start.
static struct zip make_zip(int method, size_t before)
{
    struct zip zip = {.size = before};
    uint8_t packed[256] = TEXT;
    uint32_t packed_size = sizeof(TEXT) - 1;
    memset(zip.bytes, 'x', before);
    if (method == 8) {
        z_stream z = {.next_in = (Bytef *)TEXT,
                      .avail_in = sizeof(TEXT) - 1,
                      .next_out = packed,
                      .avail_out = sizeof(packed)};
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        packed_size = (uint32_t)z.total_out;
        deflateEnd(&z);
    }
    zip.local = zip.size;
    put(&zip, 0x04034b50, 4);
    put_common(&zip, method, packed_size);
    put_bytes(&zip, "labels.txt", 10);
    put_bytes(&zip, packed, packed_size);
    zip.directory = zip.size;
    put(&zip, 0x02014b50, 4);
    put(&zip, 20, 2);
    put_common(&zip, method, packed_size);
    put(&zip, 0, 2);
    put(&zip, 0, 4);
    put(&zip, 0, 4);
    put(&zip, 0, 4);
    put_bytes(&zip, "labels.txt", 10);
    size_t length = zip.size - zip.directory;
    zip.end = zip.size;
    put(&zip, 0x06054b50, 4);
    put(&zip, 0, 4);
    put(&zip, 1, 2);
    put(&zip, 1, 2);
    put(&zip, (uint32_t)length, 4);
    put(&zip, (uint32_t)(zip.directory - before), 4);
    put(&zip, 0, 2);
    return zip;
}

// Reads labels.txt from an exact-size copy.
static int read_labels(const struct zip *zip, size_t most, char text[256])
{
    uint8_t *exact = malloc(zip->size ? zip->size : 1), *content = NULL;
    struct archive archive;
    size_t size = 0;
    memcpy(exact, zip->bytes, zip->size);
    int rc = archive_open(&archive, exact, zip->size);
    if (rc == 0)
        rc = archive_read(&archive, "labels.txt", most, &content, &size);
    if (rc == 0) {
        assert_true(size < 256);
        memcpy(text, content, size);
        text[size] = '\0';
        free(content);
    }
    free(exact);
    return rc;
}

static void stored_and_deflated(void **state)
{
    (void)state;
    for (int method = 0; method <= 8; method += 8) {
        for (size_t before = 0; before < 300; before += 123) {
            struct zip zip = make_zip(method, before);
            char text[256];
            assert_int_equal(read_labels(&zip, 1000, text), 0);
            assert_string_equal(text, TEXT);
        }
    }
}

static void bounds_and_what_is_missing(void **state)
{
    (void)state;
    struct zip zip = make_zip(8, 10);
    struct archive archive;
    uint8_t *content;
    size_t size;
    char text[256];
    assert_int_equal(read_labels(&zip, sizeof(TEXT) - 2, text), -EMSGSIZE);
    assert_int_equal(archive_open(&archive, zip.bytes, zip.size), 0);
    assert_int_equal(archive_read(&archive, "other.txt", 1000, &content, &size), -ENOENT);
    assert_int_equal(archive_open(&archive, "no zip in here, only words", 26), -ENOENT);
    assert_int_equal(archive_open(&archive, "", 0), -ENOENT);
}

static void lies_are_refused(void **state)
{
    (void)state;
    char text[256];
    struct zip zip = make_zip(8, 10);
    zip.bytes[zip.directory + 16] ^= 1; // checksum
    assert_int_equal(read_labels(&zip, 1000, text), -EBADMSG);
    zip = make_zip(8, 10);
    zip.bytes[zip.directory + 10] = 12; // bzip2
    assert_int_equal(read_labels(&zip, 1000, text), -ENOTSUP);
    zip = make_zip(8, 10);
    zip.bytes[zip.directory + 24] = 200; // unpacked size
    assert_int_equal(read_labels(&zip, 1000, text), -EBADMSG);
    zip = make_zip(0, 10);
    zip.bytes[zip.directory + 23] = 0x7f; // packed size far past the end
    assert_int_equal(read_labels(&zip, 1000, text), -EBADMSG);
    zip = make_zip(0, 10);
    zip.bytes[zip.directory + 45] = 0x7f; // local header far past the end
    assert_int_equal(read_labels(&zip, 1000, text), -EBADMSG);
}

static void any_two_bytes_changed(void **state)
{
    (void)state;
    uint32_t random = 5, good = 0;
    for (int round = 0; round < 60000; round++) {
        struct zip zip = make_zip(round % 2 * 8, 4);
        char text[256];
        for (int i = 0; i < 2; i++) {
            random = random * 1664525u + 1013904223u;
            zip.bytes[(random >> 8) % zip.size] = (uint8_t)(random >> 24);
        }
        if (random % 8 == 0)
            zip.size = random % zip.size;
        if (read_labels(&zip, 255, text) == 0) {
            assert_string_equal(text, TEXT); // the checksum stands between us and nonsense
            good++;
        }
    }
    assert_true(good > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_and_deflated),
        cmocka_unit_test(bounds_and_what_is_missing),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(any_two_bytes_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
