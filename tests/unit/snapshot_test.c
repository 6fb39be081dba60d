// SPDX-License-Identifier: Apache-2.0
//
// Shared pictures from both ends: what a worker copies, who owns what when, and a client that is
// lied to.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/picture_abi.h"
#include "common/wire.h"
#include "daemon/snapshot.h"
#include "fake_daemon.h"
#include "imaging/image.h"
#include "qclient.h"
#include "tests/unit/fds_open.h"

_Static_assert((int)QCLIENT_GREY == (int)IMAGE_GREY && (int)QCLIENT_YUYV == (int)IMAGE_YUYV &&
                   (int)QCLIENT_NV12 == (int)IMAGE_NV12 && (int)QCLIENT_I420 == (int)IMAGE_I420 &&
                   (int)QCLIENT_I422 == (int)IMAGE_I422 && (int)QCLIENT_JPEG == (int)IMAGE_JPEG &&
                   (int)QCLIENT_I444 == (int)IMAGE_I444,
               "one numbering of formats");

// ---- the daemon's side -----------------------------------------------------

// 5 x 3 NV12 with wide rows: luma 1..15, chroma 101..112, and 255 in what lies between.
static void make_image(struct image *image, uint8_t buffer[])
{
    memset(buffer, 255, 80);
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 5; x++)
            buffer[16 * y + x] = (uint8_t)(5 * y + x + 1);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 6; x++)
            buffer[16 * (3 + y) + x] = (uint8_t)(101 + 6 * y + x);
    assert_int_equal(image_from_buffer(image, IMAGE_NV12, 5, 3, 16, buffer, 80), 0);
}

static const uint8_t *pixels_of(const struct snapshot *snapshot)
{
    return (const uint8_t *)snapshot->map + PICTURE_HEADER_SIZE;
}

static void test_copy(void **state)
{
    (void)state;
    struct snapshot snapshot;
    struct image image;
    uint8_t buffer[80];
    make_image(&image, buffer);
    snapshot_init(&snapshot);
    assert_false(snapshot_is_wanted(&snapshot));
    assert_false(snapshot_take(&snapshot, &image)); // nobody asked
    snapshot_arm(&snapshot);
    assert_true(snapshot_is_wanted(&snapshot));
    assert_false(snapshot_take(&snapshot, &image)); // no memory yet
    assert_int_equal(snapshot_get_state(&snapshot), SNAPSHOT_TOO_SMALL);
    assert_int_equal(snapshot_grow(&snapshot), 0);
    assert_true(snapshot_take(&snapshot, &image));
    assert_false(snapshot_take(&snapshot, &image)); // a second worker
    assert_false(snapshot_is_wanted(&snapshot));
    assert_int_equal(snapshot.bytes, 15 + 12);
    for (int i = 0; i < 15; i++)
        assert_int_equal(pixels_of(&snapshot)[i], i + 1);
    for (int i = 0; i < 12; i++)
        assert_int_equal(pixels_of(&snapshot)[15 + i], 101 + i);
    snapshot_settle(&snapshot, NULL); // the frame was bad: the next one then
    assert_true(snapshot_is_wanted(&snapshot));
    assert_true(snapshot_take(&snapshot, &image));
    struct ring_record record = {.sequence = 9};
    snapshot_settle(&snapshot, &record);
    assert_int_equal(snapshot_get_state(&snapshot), SNAPSHOT_DONE);
    assert_int_equal(snapshot.record.sequence, 9);
    assert_int_equal(snapshot.stamp, 4); // two pictures
    snapshot_collect(&snapshot);
    assert_int_equal(snapshot_get_state(&snapshot), SNAPSHOT_IDLE);
    snapshot_finish(&snapshot);
}

static void test_too_large(void **state)
{
    (void)state;
    struct snapshot snapshot;
    struct image image = {.format = IMAGE_RGB24, .width = 16384, .height = 1366};
    snapshot_init(&snapshot);
    snapshot_arm(&snapshot);
    assert_false(snapshot_take(&snapshot, &image)); // no pixel of it is touched
    assert_int_equal(snapshot_grow(&snapshot), -EFBIG);
    assert_int_equal(snapshot_get_state(&snapshot), SNAPSHOT_IDLE);
    assert_int_equal(snapshot.fd, -1);
    snapshot_finish(&snapshot);
}

// ---- the client's side -----------------------------------------------------

enum lie {
    TRUTH,
    LIE_BYTES,   // fewer than format and size need
    LIE_SIDE,    // wider than the limit
    LIE_FORMAT,  // none that there is
    LIE_HITS,    // more than a record holds
    LIE_SHORT,   // a memfd that is smaller than it says
    LIE_MAGIC,   // something else is in it
    LIE_SEALS,   // may shrink under the mapping
    LIE_FD,      // no memfd
    LIE_STAMP,   // never the picture that it says
    LIE_ODD,     // a picture that is being written
    LIE_LABELS,  // a label table with an offset beyond its end
    LIE_NAME,    // a stream's name without its end
    LIE_ONE_FD,
    LIE_SILENT,
    LIE_STREAM,  // another message
    LIES
};

static enum lie lie;
static _Atomic unsigned asked; // by the thread that plays the daemon

static int picture_fd(size_t bytes)
{
    int fd;
    void *map;
    size_t size = PICTURE_HEADER_SIZE + (lie == LIE_SHORT ? bytes - 1 : bytes);
    if (lie == LIE_FD)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (lie == LIE_SEALS)
        return fake_memfd(size, 0);
    if (sealed_create("fake", size, &fd, &map) != 0)
        return -1;
    struct picture_header header = {.magic = lie == LIE_MAGIC ? 1 : PICTURE_MAGIC, .stamp = 6};
    memcpy(map, &header, sizeof(header));
    for (size_t i = 0; i + PICTURE_HEADER_SIZE < size; i++)
        ((uint8_t *)map)[PICTURE_HEADER_SIZE + i] = (uint8_t)i;
    munmap(map, size);
    return fd;
}

static void fill(struct wire_picture *picture)
{
    wire_init(picture, WIRE_PICTURE, sizeof(*picture), 1);
    // the first answer is a picture that was overwritten meanwhile: the client asks again
    picture->stamp = lie == LIE_STAMP || asked == 1 ? 4 : lie == LIE_ODD ? 7 : 6;
    picture->format = lie == LIE_FORMAT ? 14 : QCLIENT_NV21;
    picture->width = lie == LIE_SIDE ? 16385 : 5;
    picture->height = 3;
    picture->bytes = lie == LIE_BYTES ? 26 : 27;
    picture->record = (struct ring_record){
        .sequence = 12, .hit_count = lie == LIE_HITS ? 17 : 2, .generation = 1};
    picture->record.hits[0] = (struct ring_hit){.label = 2, .score = 0.75f};
    picture->record.hits[1] = (struct ring_hit){.label = 99, .score = 0.25f};
    wire_text_set(picture->stream, sizeof(picture->stream), "front");
    if (lie == LIE_NAME)
        memset(picture->stream, 'x', sizeof(picture->stream));
}

static void on_snapshot(struct fake *fake, int socket)
{
    struct wire_picture picture;
    asked++;
    if (lie == LIE_SILENT)
        return;
    if (lie == LIE_STREAM) {
        fake_answer(socket, 1, "{}", 0, 0);
        return;
    }
    fill(&picture);
    int fds[2] = {picture_fd(27),
                  lie == LIE_LABELS ? fake_broken_labels(true) : fake_labels(fake)};
    wire_send(socket, &picture, fds, lie == LIE_ONE_FD ? 1 : 2);
    close(fds[0]);
    close(fds[1]);
}

static char socket_path[100];

static int snapshot(struct qclient_picture **picture, int timeout_ms)
{
    struct qclient_options options = {.size = sizeof(options), .socket = socket_path};
    asked = 0;
    return qclient_snapshot(&options, timeout_ms, picture);
}

static void test_picture(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_picture *picture;
    lie = TRUTH;
    assert_int_equal(snapshot(&picture, 1000), -ENOENT);
    assert_null(picture);
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
    fake.snapshot = on_snapshot;
    assert_int_equal(snapshot(&picture, 60000), 0);
    assert_int_equal(asked, 2);
    assert_int_equal(picture->format, QCLIENT_NV21);
    assert_int_equal(picture->width, 5);
    assert_int_equal(picture->bytes, 27);
    for (uint8_t i = 0; i < 27; i++)
        assert_int_equal(picture->pixels[i], i);
    assert_string_equal(picture->stream, "front");
    assert_int_equal(picture->result.sequence, 12);
    assert_int_equal(picture->result.hit_count, 2);
    assert_string_equal(picture->labels[0], "two");
    assert_string_equal(picture->labels[1], ""); // no such class
    assert_string_equal(picture->labels[15], "");
    qclient_picture_free(picture);
    fake.generation = 2; // the labels are of another model than the result
    assert_int_equal(snapshot(&picture, 60000), 0);
    assert_string_equal(picture->labels[0], "");
    qclient_picture_free(picture);
    qclient_picture_free(NULL);
    fake.minor = 0;
    assert_int_equal(snapshot(&picture, 60000), -EOPNOTSUPP);
    assert_int_equal(asked, 0);
    fake_finish(&fake, true);
}

static void test_lies(void **state)
{
    (void)state;
    for (lie = LIE_BYTES; lie < LIES; lie++) {
        struct fake fake;
        struct qclient_picture *picture;
        unsigned before = fds_open();
        assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0);
        fake.snapshot = on_snapshot;
        int status = snapshot(&picture, lie == LIE_SILENT ? 50 : 60000);
        int expected = lie == LIE_STAMP ? -EAGAIN : lie == LIE_SILENT ? -ETIMEDOUT : -EPROTO;
        if (status != expected)
            print_error("lie %d: %s\n", (int)lie, strerror(-status));
        assert_int_equal(status, expected);
        assert_null(picture);
        assert_true(asked <= 8);
        fake_finish(&fake, false);
        assert_int_equal(fds_open(), before);
    }
}

// Labels in place of a welcome: their descriptor must not stay.
static void test_no_welcome(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_picture *picture;
    unsigned before = fds_open();
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_UNASKED_LABELS), 0);
    assert_int_equal(snapshot(&picture, 60000), -EPROTO);
    fake_finish(&fake, false);
    assert_int_equal(fds_open(), before);
}

static void test_refused(void **state)
{
    (void)state;
    struct fake fake;
    struct qclient_picture *picture;
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_REFUSES), 0);
    assert_int_equal(snapshot(&picture, 60000), -EACCES);
    fake_finish(&fake, false);
    assert_int_equal(fake_start(&fake, socket_path, 7, FAKE_GOOD), 0); // closes: knows no snapshot
    int status = snapshot(&picture, 60000);
    assert_true(status == -ECONNRESET || status == -EPIPE);
    fake_finish(&fake, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),    cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_picture), cmocka_unit_test(test_lies),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_welcome),
    };
    snprintf(socket_path, sizeof(socket_path), "/tmp/qedge-snapshot-%d.sock", (int)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(socket_path);
    return failed;
}
