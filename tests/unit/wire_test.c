// SPDX-License-Identifier: Apache-2.0
//
// The wire: what is sent arrives with its fds, what is malformed is refused and leaves no fd
// behind.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire.h"
#include "tests/unit/fds_open.h"
#include "tests/unit/raw_message.h"

static int sockets[2];

static int sockets_open(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets);
}

static int sockets_close(void **state)
{
    (void)state;
    close(sockets[0]);
    if (sockets[1] >= 0)
        close(sockets[1]);
    return 0;
}

static union wire_message message;
static int fds[WIRE_FDS_MAX];
static unsigned fd_count;

static int receive(enum wire_from from)
{
    return wire_receive(sockets[1], from, &message, fds, &fd_count);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct wire_subscribe subscribe;
    wire_init(&subscribe, WIRE_SUBSCRIBE, sizeof(subscribe), 7);
    assert_int_equal(wire_text_set(subscribe.stream, sizeof(subscribe.stream), "front"), 0);
    subscribe.flags = WIRE_SUBSCRIBE_EVENTFD;
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EAGAIN);
    assert_int_equal(wire_send(sockets[0], &subscribe, NULL, 0), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), sizeof(subscribe));
    assert_memory_equal(&message, &subscribe, sizeof(subscribe));
    assert_int_equal(fd_count, 0);
    // A progress memfd comes along exactly when the flag says so.
    int memfd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(wire_send(sockets[0], &subscribe, &memfd, 1), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    subscribe.flags |= WIRE_SUBSCRIBE_PROGRESS;
    assert_int_equal(wire_send(sockets[0], &subscribe, NULL, 0), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    assert_int_equal(wire_send(sockets[0], &subscribe, &memfd, 1), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), sizeof(subscribe));
    assert_int_equal(fd_count, 1);
    close(fds[0]);
    close(memfd);
}

static void test_fds(void **state)
{
    (void)state;
    struct wire_stream stream;
    int files[4];
    unsigned before = fds_open();
    for (int i = 0; i < 4; i++)
        files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    wire_init(&stream, WIRE_STREAM, sizeof(stream), 0);
    assert_int_equal(wire_send(sockets[0], &stream, files, 3), 0);
    stream.flags = WIRE_SUBSCRIBE_EVENTFD;
    assert_int_equal(wire_send(sockets[0], &stream, files, 4), 0);
    for (unsigned expected = 3; expected <= 4; expected++) {
        assert_int_equal(receive(WIRE_FROM_DAEMON), sizeof(stream));
        assert_int_equal(fd_count, expected);
        for (unsigned i = 0; i < WIRE_FDS_MAX; i++) {
            if (i >= expected) {
                assert_int_equal(fds[i], -1);
                continue;
            }
            assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
            close(fds[i]);
        }
    }
    // The same with the wrong number of fds: refused, closed.
    for (unsigned count = 0; count <= 3; count++) {
        assert_int_equal(wire_send(sockets[0], &stream, files, count), 0);
        assert_int_equal(receive(WIRE_FROM_DAEMON), -EPROTO);
        assert_int_equal(fd_count, 0);
    }
    for (int i = 0; i < 4; i++)
        close(files[i]);
    assert_int_equal(fds_open(), before);
}

static void send_raw(const void *bytes, size_t size, unsigned count)
{
    assert_true(raw_message_send(sockets[0], bytes, size, count, 0) >= 0);
}

static void test_too_many_fds(void **state)
{
    (void)state;
    struct wire_hello hello;
    unsigned before = fds_open();
    wire_init(&hello, WIRE_HELLO, sizeof(hello), 0);
    for (unsigned count = 1; count <= 64; count *= 2) {
        send_raw(&hello, sizeof(hello), count);
        assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
        assert_int_equal(fds_open(), before);
    }
    send_raw(&hello, sizeof(hello), 0); // and the next good one is good
    assert_int_equal(receive(WIRE_FROM_CLIENT), sizeof(hello));
}

// A process that has no fds left: said as such, and the fds that did come through are closed.
static void test_no_fds_left(void **state)
{
    (void)state;
    struct wire_stream stream;
    struct rlimit before, limit;
    int fillers[64], filled = 0;
    wire_init(&stream, WIRE_STREAM, sizeof(stream), 0);
    send_raw(&stream, sizeof(stream), 3);
    getrlimit(RLIMIT_NOFILE, &before);
    limit = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &limit);
    while (filled < 64 && (fillers[filled] = dup(STDERR_FILENO)) >= 0)
        filled++;
    close(fillers[--filled]); // room for one of the three
    int status = receive(WIRE_FROM_DAEMON);
    int again = dup(STDERR_FILENO); // that room is free again
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(status, -EMFILE);
    assert_true(again >= 0);
    close(again);
    while (filled > 0)
        close(fillers[--filled]);
}

static void test_malformed(void **state)
{
    (void)state;
    static union wire_message big;
    struct wire_hello hello;
    wire_init(&hello, WIRE_HELLO, sizeof(hello), 0);
    struct wire_hello bad = hello;
    for (size_t size = 1; size < sizeof(hello); size++) { // cut anywhere
        send_raw(&hello, size, 0);
        assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    }
    bad.header.magic ^= 1;
    send_raw(&bad, sizeof(bad), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    bad = hello;
    bad.header.reserved = 1;
    send_raw(&bad, sizeof(bad), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    bad = hello;
    bad.header.size++;
    send_raw(&bad, sizeof(bad), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    bad = hello;
    memset(bad.name, 'a', sizeof(bad.name)); // no NUL
    send_raw(&bad, sizeof(bad), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    bad = hello;
    bad.name[0] = '\n'; // would forge a log line
    send_raw(&bad, sizeof(bad), 0);
    assert_int_equal(receive(WIRE_FROM_CLIENT), -EPROTO);
    wire_init(&big, WIRE_ANSWER, sizeof(big), 0);
    send_raw(&big, sizeof(big), 0); // the largest there may be
    assert_int_equal(receive(WIRE_FROM_DAEMON), sizeof(big));
    char larger[sizeof(big) + 1];
    memcpy(larger, &big, sizeof(big));
    send_raw(larger, sizeof(larger), 0);
    assert_int_equal(receive(WIRE_FROM_DAEMON), -EPROTO);
    send_raw("", 0, 0);
    assert_int_equal(receive(WIRE_FROM_DAEMON), -ECONNRESET);
}

// Every text of every message ends inside of its field, and holds nothing that could forge a line.
static void test_texts(void **state)
{
    (void)state;
    static const struct {
        enum wire_type type;
        enum wire_from from;
        size_t size, at, length;
        unsigned fds;
    } texts[] = {
#define TEXT(type, from, of, field, fds)                                                           \
    {type, from, sizeof(struct of), offsetof(struct of, field), sizeof(((struct of *)0)->field),   \
     fds}
        TEXT(WIRE_HELLO, WIRE_FROM_CLIENT, wire_hello, name, 0),
        TEXT(WIRE_SUBSCRIBE, WIRE_FROM_CLIENT, wire_subscribe, stream, 0),
        TEXT(WIRE_REQUEST, WIRE_FROM_CLIENT, wire_request, text, 0),
        TEXT(WIRE_SNAPSHOT, WIRE_FROM_CLIENT, wire_snapshot, stream, 0),
        TEXT(WIRE_ERROR, WIRE_FROM_DAEMON, wire_error, text, 0),
        TEXT(WIRE_STREAM, WIRE_FROM_DAEMON, wire_stream, stream, 3),
        TEXT(WIRE_PICTURE, WIRE_FROM_DAEMON, wire_picture, stream, 2),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t size = texts[i].size;
        wire_init(&message, texts[i].type, size, 0);
        if (texts[i].type == WIRE_ERROR)
            message.error.error = -EIO;
        if (texts[i].type == WIRE_PICTURE)
            message.picture.format = 1, message.picture.bytes = 1;
        char *text = (char *)message.bytes + texts[i].at;
        memset(text, 'a', texts[i].length - 1);
        assert_int_equal(wire_check(&message, size, texts[i].from, texts[i].fds), 0);
        text[texts[i].length - 1] = 'a';
        assert_int_equal(wire_check(&message, size, texts[i].from, texts[i].fds), -EPROTO);
        text[texts[i].length - 1] = '\0';
        text[1] = '\n';
        assert_int_equal(wire_check(&message, size, texts[i].from, texts[i].fds), -EPROTO);
    }
}

// Messages that only the other side may send.
static void test_direction(void **state)
{
    (void)state;
    for (uint16_t type = 0; type < 40; type++) {
        for (size_t size = sizeof(struct wire_header); size < 400; size++) {
            wire_init(&message, (enum wire_type)type, size, 0);
            message.error.error = type == WIRE_ERROR ? -EIO : 0;
            bool client = wire_check(&message, size, WIRE_FROM_CLIENT, 0) == 0;
            bool daemon = wire_check(&message, size, WIRE_FROM_DAEMON, 0) == 0;
            assert_false(client && daemon);
            bool known = type >= WIRE_HELLO && type <= WIRE_PICTURE;
            assert_true(known || (!client && !daemon));
        }
    }
    wire_init(&message, WIRE_ERROR, sizeof(message.error), 0);
    assert_int_equal(wire_check(&message, sizeof(message.error), WIRE_FROM_DAEMON, 0),
                     -EPROTO); // error 0
    message.error.error = 5;
    assert_int_equal(wire_check(&message, sizeof(message.error), WIRE_FROM_DAEMON, 0), -EPROTO);
    message.error.error = INT32_MIN;
    assert_int_equal(wire_check(&message, sizeof(message.error), WIRE_FROM_DAEMON, 0), -EPROTO);
}

// Random bytes behind a good header never pass the bounds of a text.
static void test_random(void **state)
{
    (void)state;
    unsigned passed = 0;
    srand(1);
    for (int round = 0; round < 200000; round++) {
        uint16_t type = (uint16_t)(rand() % 14);
        static const size_t sizes[] = {24, 32, 84, 96, 220, 272, 500};
        size_t size = sizes[rand() % 7];
        for (size_t i = 0; i < size; i++)
            message.bytes[i] = (unsigned char)(rand() % 4 ? rand() : 0);
        message.header =
            (struct wire_header){.magic = WIRE_MAGIC, .type = type, .size = (uint32_t)size};
        if (wire_check(&message, size, WIRE_FROM_CLIENT, 0) == 0) {
            passed++;
            if (type == WIRE_SUBSCRIBE)
                assert_true(strnlen(message.subscribe.stream, WIRE_NAME_MAX) < WIRE_NAME_MAX);
        }
    }
    assert_true(passed > 0);
}

static void test_gone(void **state)
{
    (void)state;
    struct wire_hello hello;
    wire_init(&hello, WIRE_HELLO, sizeof(hello), 0);
    assert_int_equal(wire_send(sockets[0], &hello, NULL, 5), -EINVAL);
    close(sockets[1]);
    sockets[1] = -1;
    assert_int_equal(wire_send(sockets[0], &hello, NULL, 0), -EPIPE); // and no SIGPIPE
    assert_int_equal(wire_receive(sockets[0], WIRE_FROM_CLIENT, &message, fds, &fd_count),
                     -ECONNRESET);
}

// The sender never waits for a peer that does not read.
static void test_full(void **state)
{
    (void)state;
    static union wire_message big;
    wire_init(&big, WIRE_ANSWER, sizeof(big), 0);
    int status = 0;
    for (int i = 0; i < 10000 && status == 0; i++)
        status = wire_send(sockets[0], &big, NULL, 0);
    assert_int_equal(status, -EAGAIN);
}

static void test_text(void **state)
{
    (void)state;
    char field[8];
    assert_int_equal(wire_text_set(field, sizeof(field), "1234567"), 0);
    assert_string_equal(field, "1234567");
    assert_int_equal(wire_text_set(field, sizeof(field), "12345678"), -ENAMETOOLONG);
    assert_string_equal(field, "1234567");
    assert_int_equal(wire_text_set(field, sizeof(field), ""), 0);
    assert_memory_equal(field, "\0\0\0\0\0\0\0\0", 8);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, sockets_open, sockets_close)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),  TEST(test_fds),       TEST(test_too_many_fds),
        TEST(test_no_fds_left), TEST(test_malformed), TEST(test_texts),
        TEST(test_direction),   TEST(test_random),    TEST(test_gone),
        TEST(test_full),        TEST(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
