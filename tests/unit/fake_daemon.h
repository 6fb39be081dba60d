// SPDX-License-Identifier: Apache-2.0
//
// A daemon small enough to misbehave on demand: a thread that speaks the wire protocol to
// libqclient. The test's own thread publishes. Everything is static: each test program includes it
// once.

#ifndef QEDGE_TESTS_UNIT_FAKE_DAEMON_H
#define QEDGE_TESTS_UNIT_FAKE_DAEMON_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/labels.h"
#include "common/ring.h"
#include "common/sealed.h"
#include "common/stats.h"
#include "common/wire.h"

#define FAKE_CLIENTS 8

#ifndef FAKE_CAPACITY
#define FAKE_CAPACITY 64
#endif

enum fake_mischief {
    FAKE_GOOD,
    FAKE_SILENT,           // accepts, never says a word
    FAKE_HANGS_UP,         // accepts and closes
    FAKE_REFUSES,          // ERROR -EACCES
    FAKE_OTHER_MAJOR,      // WELCOME with major 2
    FAKE_GARBAGE,          // random bytes
    FAKE_SHORT_WELCOME,    // a header that promises more than there is
    FAKE_NO_STREAM,        // ERROR -ENODEV
    FAKE_STREAM_NO_FDS,    // STREAM without fds
    FAKE_STREAM_TWO_FDS,   // … with too few
    FAKE_STREAM_EIGHT_FDS, // … with too many
    FAKE_RING_UNSEALED,    // a memfd that may still shrink
    FAKE_RING_ZEROS,       // sealed, right size, no magic
    FAKE_RING_SLOTS,       // says it has more slots than the file
    FAKE_RING_IS_PIPE,     // not a memfd at all
    FAKE_STATS_ZEROS,
    FAKE_LABELS_WRITABLE, // not sealed against writing
    FAKE_LABELS_BOUNDS,   // offsets beyond the text
    FAKE_LABELS_NO_NUL,   // a label without its end
    FAKE_NAME_NO_NUL,     // stream name fills its field
    FAKE_UNASKED_LABELS,  // LABELS before STREAM
    FAKE_MISCHIEFS,
};

struct fake {
    char path[100];
    int listener;
    pthread_t thread;
    int stop;
    enum fake_mischief mischief;
    struct ring_writer ring;
    struct stats_writer stats;
    uint64_t daemon_id;
    uint32_t generation;
    const char *labels[3];
    pthread_mutex_t lock; // clients and eventfds
    int clients[FAKE_CLIENTS];
    int eventfds[FAKE_CLIENTS];
    uint64_t reported_sequence;
    int progress_fd; // the newest one, -1 = none came
    // Answers to requests, JSON; NULL from it: the built-in ones.
    const char *(*answer)(const char *request);
    // Answers WIRE_SNAPSHOT; NULL: the client is closed, as by a daemon that does not know it.
    void (*snapshot)(struct fake *fake, int socket);
    uint16_t minor; // of the protocol: from 1 on clients send a progress memfd
};

static inline int fake_labels(const struct fake *fake)
{
    return labels_create(fake->labels, 3, fake->generation);
}

static inline int fake_memfd(size_t size, int seals)
{
    int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ftruncate(fd, (off_t)size) != 0 || (seals && fcntl(fd, F_ADD_SEALS, seals) != 0))
        return -1;
    return fd;
}

// A label table whose last label is broken in one of two ways.
static inline int fake_broken_labels(bool bounds)
{
    uint32_t table[16 + 2 + 1] = {0};
    uint64_t magic = 0x314c4542414c4451ull;
    memcpy(table, &magic, 8);
    uint32_t words[] = {
        1, 64, 1, 1, 72, 4}; // major/minor, header_size, count, generation, text_offset, text_size
    memcpy(table + 2, words, sizeof(words));
    table[16] = 0;
    table[17] = bounds ? 4000 : 4;
    memcpy(table + 18, "abcd", 4);
    int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (write(fd, table, 76) != 76 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return -1;
    return fd;
}

static inline int fake_lying_ring(void)
{
    int fd;
    void *map;
    if (sealed_create("fake", RING_HEADER_SIZE + 8 * RING_SLOT_STRIDE, &fd, &map) != 0)
        return -1;
    struct ring_header header = {
        .magic = RING_MAGIC, .major = 1, .header_size = 256, .slots = 65536, .stride = 256};
    memcpy(map, &header, sizeof(header));
    munmap(map, RING_HEADER_SIZE + 8 * RING_SLOT_STRIDE);
    return fd;
}

static inline void fake_swap_fd(int *fd, int other)
{
    close(*fd);
    *fd = other;
}

static inline void fake_send_stream(struct fake *fake, int index, uint32_t flags)
{
    struct wire_stream stream;
    int fds[8] = {dup(fake->ring.fd),
                  dup(fake->stats.fd),
                  fake_labels(fake),
                  eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                  -1,
                  -1,
                  -1,
                  -1};
    unsigned count = flags & WIRE_SUBSCRIBE_EVENTFD ? 4 : 3;
    int pipes[2] = {-1, -1};
    wire_init(&stream, WIRE_STREAM, sizeof(stream), 0);
    stream.generation = fake->generation;
    stream.flags = flags;
    stream.daemon_id = fake->daemon_id;
    wire_text_set(stream.stream, sizeof(stream.stream), "front");
    if (fake->mischief == FAKE_STREAM_NO_FDS)
        count = 0;
    if (fake->mischief == FAKE_STREAM_TWO_FDS)
        count = 2;
    if (fake->mischief == FAKE_RING_UNSEALED)
        fake_swap_fd(&fds[0], fake_memfd(1 << 20, 0));
    if (fake->mischief == FAKE_RING_ZEROS)
        fake_swap_fd(&fds[0], fake_memfd(1 << 20, F_SEAL_SHRINK));
    if (fake->mischief == FAKE_RING_SLOTS)
        fake_swap_fd(&fds[0], fake_lying_ring());
    if (fake->mischief == FAKE_RING_IS_PIPE && pipe(pipes) == 0)
        fake_swap_fd(&fds[0], dup(pipes[0]));
    if (fake->mischief == FAKE_STATS_ZEROS)
        fake_swap_fd(&fds[1], fake_memfd(sizeof(struct stats_page), F_SEAL_SHRINK));
    if (fake->mischief == FAKE_LABELS_WRITABLE)
        fake_swap_fd(&fds[2], fake_memfd(4096, F_SEAL_SHRINK));
    if (fake->mischief == FAKE_LABELS_BOUNDS)
        fake_swap_fd(&fds[2], fake_broken_labels(true));
    if (fake->mischief == FAKE_LABELS_NO_NUL)
        fake_swap_fd(&fds[2], fake_broken_labels(false));
    if (fake->mischief == FAKE_NAME_NO_NUL)
        memset(stream.stream, 'x', sizeof(stream.stream));
    if (fake->mischief == FAKE_STREAM_EIGHT_FDS) {
        // More than wire_send() would: by hand.
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int) * 8)];
        } control = {0};
        struct iovec part = {&stream, sizeof(stream)};
        struct msghdr packet = {.msg_iov = &part,
                                .msg_iovlen = 1,
                                .msg_control = &control,
                                .msg_controllen = sizeof(control)};
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                   .cmsg_type = SCM_RIGHTS,
                                   .cmsg_len = CMSG_LEN(sizeof(int) * 8)};
        for (int i = 4; i < 8; i++)
            fds[i] = dup(fake->ring.fd);
        memcpy(CMSG_DATA(rights), fds, sizeof(fds));
        if (sendmsg(fake->clients[index], &packet, MSG_NOSIGNAL) < 0)
            perror("fake");
    } else {
        wire_send(fake->clients[index], &stream, fds, count);
    }
    if (count == 4) {
        if (fake->eventfds[index] >= 0)
            close(fake->eventfds[index]);
        fake->eventfds[index] = dup(fds[3]);
    }
    for (int i = 0; i < 8; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    if (pipes[0] >= 0) {
        close(pipes[0]);
        close(pipes[1]);
    }
}

static inline void fake_send_error(int socket, int error, const char *text)
{
    struct wire_error message;
    wire_init(&message, WIRE_ERROR, sizeof(message), 0);
    message.error = error;
    wire_text_set(message.text, sizeof(message.text), text);
    wire_send(socket, &message, NULL, 0);
}

static inline void fake_answer(int socket, uint32_t token, const char *text, uint32_t more,
                               int status)
{
    union wire_message message;
    size_t length = strlen(text);
    wire_init(&message, WIRE_ANSWER, sizeof(message.answer) + length, token);
    message.answer.more = more;
    message.answer.status = status;
    memcpy(message.bytes + sizeof(message.answer), text, length);
    wire_send(socket, &message, NULL, 0);
}

static inline void fake_on_hello(struct fake *fake, int index)
{
    struct wire_welcome welcome;
    struct wire_labels labels;
    int socket = fake->clients[index];
    wire_init(&welcome, WIRE_WELCOME, sizeof(welcome), 0);
    welcome.major = fake->mischief == FAKE_OTHER_MAJOR ? 2 : WIRE_MAJOR;
    welcome.minor = __atomic_load_n(&fake->minor, __ATOMIC_RELAXED);
    if (fake->mischief == FAKE_REFUSES) {
        fake_send_error(socket, -EACCES, "not in group qedge");
    } else if (fake->mischief == FAKE_GARBAGE) {
        send(socket, "\x7f random \xff\xfe bytes that are longer than a header", 48, MSG_NOSIGNAL);
    } else if (fake->mischief == FAKE_SHORT_WELCOME) {
        send(socket, &welcome, 20, MSG_NOSIGNAL);
    } else if (fake->mischief == FAKE_UNASKED_LABELS) {
        int fd = fake_labels(fake);
        wire_init(&labels, WIRE_LABELS, sizeof(labels), 0);
        wire_send(socket, &labels, &fd, 1);
        close(fd);
    } else if (fake->mischief != FAKE_SILENT) {
        wire_send(socket, &welcome, NULL, 0);
    }
}

static inline void fake_on_request(struct fake *fake, int socket, const union wire_message *message)
{
    uint32_t token = message->header.token;
    const char *own = fake->answer ? fake->answer(message->request.text) : NULL;
    if (own) {
        fake_answer(socket, token, own, 0, 0);
    } else if (strcmp(message->request.text, "status") == 0) {
        fake_answer(socket, token, "{\"state\":", 1, 0);
        fake_answer(socket, token, " \"running\"}", 0, 0);
    } else if (strcmp(message->request.text, "endless") == 0 ||
               strcmp(message->request.text, "too long") == 0) {
        static char lump[16000];
        int last = message->request.text[0] == 't' ? 524 : 699; // which is past 8 MiB
        memset(lump, 'x', sizeof(lump) - 1);
        for (int i = 0; i <= last && !__atomic_load_n(&fake->stop, __ATOMIC_RELAXED); i++) {
            struct pollfd fd = {.fd = socket, .events = POLLOUT};
            poll(&fd, 1, 200);
            fake_answer(socket, token, lump, i < last || last == 699, 0);
        }
    } else if (strcmp(message->request.text, "mute") != 0) {
        fake_answer(socket, token, "no such request", 0, -EINVAL);
    }
}

// False when the client is to be closed.
static inline bool fake_on_message(struct fake *fake, int index, const union wire_message *message)
{
    switch (message->header.type) {
    case WIRE_HELLO:
        fake_on_hello(fake, index);
        return true;
    case WIRE_SUBSCRIBE:
        if (fake->mischief == FAKE_NO_STREAM)
            fake_send_error(fake->clients[index], -ENODEV, "no such stream");
        else
            fake_send_stream(fake, index, message->subscribe.flags & WIRE_SUBSCRIBE_EVENTFD);
        return true;
    case WIRE_REQUEST:
        fake_on_request(fake, fake->clients[index], message);
        return true;
    case WIRE_REPORT:
        __atomic_store_n(&fake->reported_sequence, message->report.read_sequence, __ATOMIC_RELAXED);
        return true;
    case WIRE_SNAPSHOT:
        if (fake->snapshot)
            fake->snapshot(fake, fake->clients[index]);
        return fake->snapshot != NULL;
    default:
        return false;
    }
}

static inline void fake_close_client(struct fake *fake, int index)
{
    if (fake->clients[index] >= 0)
        close(fake->clients[index]);
    if (fake->eventfds[index] >= 0)
        close(fake->eventfds[index]);
    fake->clients[index] = fake->eventfds[index] = -1;
}

static inline void fake_accept(struct fake *fake)
{
    int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
    int index = 0;
    while (index < FAKE_CLIENTS && fake->clients[index] >= 0)
        index++;
    if (fd < 0 || index == FAKE_CLIENTS || fake->mischief == FAKE_HANGS_UP) {
        if (fd >= 0)
            close(fd);
        return;
    }
    fake->clients[index] = fd;
}

static inline void fake_receive(struct fake *fake, int index)
{
    static __thread union wire_message message;
    int fds[WIRE_FDS_MAX];
    unsigned count;
    int status = wire_receive(fake->clients[index], WIRE_FROM_CLIENT, &message, fds, &count);
    if (status == -EAGAIN)
        return;
    if (status > 0 && count == 1) {
        int old = __atomic_exchange_n(&fake->progress_fd, fds[0], __ATOMIC_ACQ_REL);
        if (old >= 0)
            close(old);
    }
    if (status < 0 || !fake_on_message(fake, index, &message))
        fake_close_client(fake, index);
}

static inline void *fake_run(void *context)
{
    struct fake *fake = context;
    while (!__atomic_load_n(&fake->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd fds[FAKE_CLIENTS + 1];
        pthread_mutex_lock(&fake->lock);
        for (int i = 0; i < FAKE_CLIENTS; i++)
            fds[i] = (struct pollfd){.fd = fake->clients[i], .events = POLLIN};
        pthread_mutex_unlock(&fake->lock);
        fds[FAKE_CLIENTS] = (struct pollfd){.fd = fake->listener, .events = POLLIN};
        poll(fds, FAKE_CLIENTS + 1, 5);
        pthread_mutex_lock(&fake->lock);
        for (int i = 0; i < FAKE_CLIENTS; i++) {
            if (fds[i].revents && fake->clients[i] == fds[i].fd && fds[i].fd >= 0)
                fake_receive(fake, i);
        }
        if (fds[FAKE_CLIENTS].revents)
            fake_accept(fake);
        pthread_mutex_unlock(&fake->lock);
    }
    return NULL;
}

// Starts listening at path. daemon_id: another one for another "start of the daemon". 0 or -errno.
static inline int fake_start(struct fake *fake, const char *path, uint64_t daemon_id,
                             enum fake_mischief mischief)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(fake, 0, sizeof(*fake));
    snprintf(fake->path, sizeof(fake->path), "%s", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    fake->daemon_id = daemon_id;
    fake->generation = 1;
    fake->minor = WIRE_MINOR;
    fake->mischief = mischief;
    fake->labels[0] = "zero";
    fake->labels[1] = "one";
    fake->labels[2] = "two";
    memset(fake->clients, -1, sizeof(fake->clients));
    memset(fake->eventfds, -1, sizeof(fake->eventfds));
    fake->progress_fd = -1;
    pthread_mutex_init(&fake->lock, NULL);
    if (ring_writer_init(&fake->ring, "fake", FAKE_CAPACITY) != 0 ||
        stats_writer_init(&fake->stats, "fake") != 0)
        return -ENOMEM;
    ring_set_daemon_id(&fake->ring, daemon_id);
    unlink(path);
    fake->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fake->listener, 8) != 0)
        return -errno;
    return -pthread_create(&fake->thread, NULL, fake_run, fake);
}

// Publishes a record as of now, or of the time that it says.
static inline uint64_t fake_publish_record(struct fake *fake, struct ring_record *record)
{
    uint64_t one = 1;
    record->generation = fake->generation;
    record->sensor_ns = clock_now_ns();
    if (record->published_ns == 0)
        record->published_ns = clock_now_ns();
    uint64_t sequence = ring_publish(&fake->ring, record);
    pthread_mutex_lock(&fake->lock);
    for (int i = 0; i < FAKE_CLIENTS; i++) {
        if (fake->eventfds[i] >= 0 && write(fake->eventfds[i], &one, sizeof(one)) < 0)
            continue;
    }
    pthread_mutex_unlock(&fake->lock);
    return sequence;
}

// Publishes one record with `hits` hits; label i of hit i.
static inline uint64_t fake_publish(struct fake *fake, uint32_t hits)
{
    struct ring_record record = {.hit_count = hits};
    for (uint32_t i = 0; i < hits && i < RING_TOP_K; i++)
        record.hits[i] = (struct ring_hit){.label = i, .score = 1.0f / (float)(i + 1)};
    return fake_publish_record(fake, &record);
}

static inline void fake_reload(struct fake *fake, const char *first_label)
{
    struct wire_labels message;
    pthread_mutex_lock(&fake->lock);
    fake->generation++;
    fake->labels[0] = first_label;
    wire_init(&message, WIRE_LABELS, sizeof(message), 0);
    message.generation = fake->generation;
    int fd = fake_labels(fake);
    for (int i = 0; i < FAKE_CLIENTS; i++) {
        if (fake->clients[i] >= 0)
            wire_send(fake->clients[i], &message, &fd, 1);
    }
    close(fd);
    pthread_mutex_unlock(&fake->lock);
}

// Sends raw bytes to everybody.
static inline void fake_shout(struct fake *fake, const void *bytes, size_t size)
{
    pthread_mutex_lock(&fake->lock);
    for (int i = 0; i < FAKE_CLIENTS; i++) {
        if (fake->clients[i] >= 0)
            send(fake->clients[i], bytes, size, MSG_NOSIGNAL);
    }
    pthread_mutex_unlock(&fake->lock);
}

// in_order: as qedged stops; else as kill -9 does.
static inline void fake_finish(struct fake *fake, bool in_order)
{
    struct wire_goodbye goodbye;
    __atomic_store_n(&fake->stop, 1, __ATOMIC_RELEASE);
    pthread_join(fake->thread, NULL);
    wire_init(&goodbye, WIRE_GOODBYE, sizeof(goodbye), 0);
    goodbye.reason = WIRE_GOODBYE_STOPPING;
    if (in_order)
        ring_close(&fake->ring);
    for (int i = 0; i < FAKE_CLIENTS; i++) {
        if (in_order && fake->clients[i] >= 0)
            wire_send(fake->clients[i], &goodbye, NULL, 0);
        fake_close_client(fake, i);
    }
    close(fake->listener);
    if (fake->progress_fd >= 0)
        close(fake->progress_fd);
    unlink(fake->path);
    ring_writer_finish(&fake->ring);
    stats_writer_finish(&fake->stats);
    pthread_mutex_destroy(&fake->lock);
}

#endif
