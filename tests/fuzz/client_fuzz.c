// SPDX-License-Identifier: Apache-2.0
//
// libqclient against a daemon that lies: in its messages, with its descriptors, and in the memory
// of ring, stats and labels while they are mapped. Input: a row of actions, each a byte:
//
//   0  a packet: u16 size, bytes                     5  words into the ring: u16 where, u8 how many
//   1  WELCOME, done right                           6  words into the stats page, as 5
//   2  STREAM with the real ring, stats and labels;  7  publish, done right
//      u8: one of them another file, u8: flags       8  the ring is closed
//   3  a message with a right header: u8 type,       9  LABELS: u16 size, bytes as the table
//      u8 size, u8 descriptors, bytes               10  the client reads all there is to read
//   4  GOODBYE                                      11  the client dispatches   12  qclient_fd
//
// The client may be told anything; it must not crash, hang, read outside its mappings, keep
// descriptors, or hand out a result with more hits than there are.

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/labels.h"
#include "common/labels_abi.h"
#include "common/sealed.h"
#include "libclient/client.h"
#include "tests/unit/fds_open.h"
#include "tests/unit/raw_message.h"

#define ACTIONS_MAX 300
#define SLOTS 8

struct liar {
    int socket;
    struct ring_writer ring;
    struct stats_writer stats;
    int labels, junk;
};

static void fuzz_start(void)
{
}

static void send_packet(struct liar *liar, const void *bytes, size_t size, const int *fds,
                        unsigned fd_count)
{
    if (liar->socket >= 0)
        raw_message_send_fds(liar->socket, bytes, size, fds, fd_count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_welcome(struct liar *liar)
{
    struct wire_welcome welcome;
    wire_init(&welcome, WIRE_WELCOME, sizeof(welcome), 0);
    welcome.major = WIRE_MAJOR;
    welcome.minor = WIRE_MINOR;
    send_packet(liar, &welcome, sizeof(welcome), NULL, 0);
}

static void say_stream(struct liar *liar, uint8_t wrong, uint8_t flags)
{
    struct wire_stream stream;
    int fds[4] = {liar->ring.fd, liar->stats.fd, liar->labels, liar->junk};
    wire_init(&stream, WIRE_STREAM, sizeof(stream), 0);
    stream.flags = flags & 1;
    stream.generation = flags >> 1 & 3;
    stream.daemon_id = flags >> 3 & 3;
    if (wrong & 1)
        fds[wrong >> 1 & 3] = (int[]){liar->ring.fd, liar->stats.fd, liar->junk, 0}[wrong >> 3 & 3];
    send_packet(liar, &stream, sizeof(stream), fds, flags & 1 ? 4 : 3);
}

static void say_right(struct liar *liar, struct fuzz_bytes *bytes)
{
    static union wire_message message;
    uint8_t type = fuzz_take_byte(bytes), size = fuzz_take_byte(bytes), fds = fuzz_take_byte(bytes);
    size_t whole = sizeof(struct wire_header) + size, length;
    int sent[8] = {liar->ring.fd, liar->stats.fd, liar->labels, liar->junk, 0, 0, 0, 0};
    wire_init(&message, type, whole, 3);
    const uint8_t *rest = fuzz_take(bytes, size, &length);
    memcpy(message.bytes + sizeof(struct wire_header), rest, length);
    send_packet(liar, &message, whole, sent, fds & 7);
}

static void say_labels(struct liar *liar, struct fuzz_bytes *bytes)
{
    struct wire_labels message;
    size_t size;
    const uint8_t *table = fuzz_take(bytes, fuzz_take_u16(bytes), &size);
    cleanup_fd int fd = sealed_create_copy("labels", table, size);
    if (fd < 0)
        return;
    wire_init(&message, WIRE_LABELS, sizeof(message), 0);
    message.generation = fuzz_take_byte(bytes);
    send_packet(liar, &message, sizeof(message), &fd, 1);
}

static void scribble(void *memory, size_t size, struct fuzz_bytes *bytes)
{
    size_t at = fuzz_take_u16(bytes), count = 4u * (1 + fuzz_take_byte(bytes) % 16), length;
    const uint8_t *words = fuzz_take(bytes, count, &length);
    at = at * 4 % size;
    memcpy((char *)memory + at, words, length < size - at ? length : size - at);
}

static void publish(struct liar *liar, uint8_t hits)
{
    struct ring_record record = {.hit_count = hits % (RING_TOP_K + 1), .generation = hits >> 6};
    for (uint32_t i = 0; i < record.hit_count; i++)
        record.hits[i] = (struct ring_hit){.label = hits + i, .score = 0.5f};
    ring_publish(&liar->ring, &record);
}

static void use_result(struct qclient *client, const struct qclient_result *result)
{
    fuzz_require(result->hit_count <= QCLIENT_TOP_K_MAX);
    for (uint32_t i = 0; i < result->hit_count; i++)
        fuzz_require(strlen(qclient_label(client, result->hits[i].label)) <= LABELS_SIZE_MAX);
}

static void read_results(struct qclient *client)
{
    struct qclient_result result;
    struct qclient_statistics stats = {.size = sizeof(stats)};
    for (int i = 0; i < 4; i++)
        if (qclient_next(client, &result, 0) == 0)
            use_result(client, &result);
    if (qclient_latest(client, &result) == 0)
        use_result(client, &result);
    qclient_label(client, qclient_label_count(client));
    if (qclient_stats(client, &stats) == 0)
        for (int i = 0; i < QCLIENT_STAGE_COUNT; i++)
            fuzz_require(stats.stages[i].p99_ns <= stats.stages[i].max_ns);
}

static void act(struct liar *liar, struct qclient *client, struct fuzz_bytes *bytes)
{
    const uint8_t *packet;
    size_t size;
    uint8_t wrong;
    switch (fuzz_take_byte(bytes) % 13) {
    case 0:
        packet = fuzz_take(bytes, fuzz_take_u16(bytes), &size);
        send_packet(liar, packet, size, NULL, 0);
        break;
    case 1: say_welcome(liar); break;
    case 2:
        wrong = fuzz_take_byte(bytes);
        say_stream(liar, wrong, fuzz_take_byte(bytes));
        break;
    case 3: say_right(liar, bytes); break;
    case 4:
        send_packet(liar,
                    &(struct wire_goodbye){.header = {.magic = WIRE_MAGIC,
                                                      .type = WIRE_GOODBYE,
                                                      .size = sizeof(struct wire_goodbye)},
                                           .reason = fuzz_take_byte(bytes)},
                    sizeof(struct wire_goodbye), NULL, 0);
        break;
    case 5: scribble(liar->ring.map, liar->ring.size, bytes); break;
    case 6: scribble(liar->stats.page, sizeof(*liar->stats.page), bytes); break;
    case 7: publish(liar, fuzz_take_byte(bytes)); break;
    case 8: ring_close(&liar->ring); break;
    case 9: say_labels(liar, bytes); break;
    case 10: read_results(client); break;
    case 11: qclient_dispatch(client); break;
    case 12: qclient_fd(client); break;
    }
    session_step(client, clock_now_ns());
}

static void liar_open(struct liar *liar, struct qclient *client)
{
    static const char *const labels[3] = {"zero", "one", "two"};
    int ends[2];
    memset(liar, 0, sizeof(*liar));
    fuzz_require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    fuzz_require(ring_writer_init(&liar->ring, "fuzz", SLOTS) == 0);
    fuzz_require(stats_writer_init(&liar->stats, "fuzz") == 0);
    liar->labels = labels_create(labels, 3, 0);
    liar->junk = sealed_create_copy("junk", "junk", 4);
    fuzz_require(liar->labels >= 0 && liar->junk >= 0);
    ring_set_wake(&liar->ring, false);
    liar->socket = ends[0];
    client->socket = ends[1];
    client->state = SESSION_GREETING;
    client->deadline_ns = UINT64_MAX;
}

static void liar_close(struct liar *liar)
{
    cleanup_close(&liar->socket);
    ring_writer_finish(&liar->ring);
    stats_writer_finish(&liar->stats);
    cleanup_close(&liar->labels);
    cleanup_close(&liar->junk);
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    struct qclient_options options = {
        .size = sizeof(options), .socket = "/nonexistent/qedged.sock", .name = "fuzz"};
    struct liar liar;
    unsigned fds_before = fds_open();
    struct qclient *client = calloc(1, sizeof(*client));
    fuzz_require(client);
    session_init(client);
    fuzz_require(client_settings_init(&client->settings, &options) == 0);
    fuzz_require(progress_init(&client->progress) == 0);
    liar_open(&liar, client);
    for (int i = 0; i < ACTIONS_MAX && bytes.size; i++)
        act(&liar, client, &bytes);
    read_results(client);
    liar_close(&liar);
    read_results(client);
    qclient_close(client);
    fuzz_require(fds_open() == fds_before);
}
