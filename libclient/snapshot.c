// SPDX-License-Identifier: Apache-2.0
//
// One picture of a stream, over a connection of its own. The daemon writes the next picture into
// the same memfd, so pixels are copied out and used only when their stamp has not changed
// meanwhile; the daemon leaves 50 ms for that.

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/picture_abi.h"
#include "common/sealed.h"
#include "libclient/client.h"
#include "libclient/deadline.h"

#define TRIES 8 // of a reader that is too slow

_Static_assert(QCLIENT_I444 == PICTURE_FORMAT_MAX, "the user's formats are the wire's");
_Static_assert(sizeof(((struct qclient_picture *)0)->stream) == WIRE_NAME_MAX, "names fit");

// A conversation and what came of it.
struct talk {
    int socket;
    uint64_t until_ns;
    const struct client_settings *settings;
    union wire_message *message;
    int fds[WIRE_FDS_MAX];
};

void qclient_picture_free(struct qclient_picture *picture)
{
    free(picture);
}

// ---- what a picture needs ----

static uint64_t pixel_bytes(uint32_t format, uint64_t width, uint64_t height)
{
    uint64_t half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    switch (format) {
    case QCLIENT_GREY: return width * height;
    case QCLIENT_RGB24:
    case QCLIENT_BGR24:
    case QCLIENT_I444: return 3 * width * height;
    case QCLIENT_XBGR32: return 4 * width * height;
    case QCLIENT_YUYV:
    case QCLIENT_UYVY: return 4 * half_width * height;
    case QCLIENT_I422: return (width + 2 * half_width) * height;
    case QCLIENT_NV12:
    case QCLIENT_NV21:
    case QCLIENT_I420:
    case QCLIENT_YV12: return width * height + 2 * half_width * half_height;
    default: return 0;
    }
}

// Labels stay in their sealed memfd only as long as it is mapped: their texts are copied.
static size_t labels_size(const struct labels_reader *labels, const struct ring_record *record)
{
    size_t size = 0;
    for (uint32_t i = 0; i < record->hit_count; i++)
        size += strlen(labels_text(labels, record->hits[i].label)) + 1;
    return size;
}

static void labels_copy(const struct labels_reader *labels, struct qclient_picture *picture,
                        char *text)
{
    for (uint32_t i = 0; i < QCLIENT_TOP_K_MAX; i++)
        picture->labels[i] = "";
    for (uint32_t i = 0; i < picture->result.hit_count; i++) {
        const char *label = labels_text(labels, picture->result.hits[i].label);
        size_t size = strlen(label) + 1;
        picture->labels[i] = memcpy(text, label, size);
        text += size;
    }
}

static struct qclient_picture *make(const struct wire_picture *message,
                                    const struct labels_reader *labels, uint8_t **pixels)
{
    size_t bytes = (size_t)message->bytes, head = sizeof(struct qclient_picture);
    struct qclient_picture *picture =
        malloc(head + bytes + labels_size(labels, &message->record));
    if (!picture)
        return NULL;
    memset(picture, 0, head);
    *pixels = (uint8_t *)picture + head;
    picture->format = message->format;
    picture->matrix = message->matrix;
    picture->range = message->range;
    picture->width = message->width;
    picture->height = message->height;
    picture->bytes = bytes;
    picture->pixels = *pixels;
    memcpy(picture->stream, message->stream, sizeof(picture->stream));
    client_result_fill(&message->record, &picture->result);
    labels_copy(labels, picture, (char *)*pixels + bytes);
    return picture;
}

// ---- taking the pixels ----

// -EAGAIN: the daemon has written another picture over it.
static int pixels_copy(int fd, const struct wire_picture *message, uint8_t *pixels)
{
    const void *map;
    size_t size, bytes = (size_t)message->bytes;
    int status = sealed_map(fd, PICTURE_HEADER_SIZE + bytes,
                            PICTURE_HEADER_SIZE + 2 * (size_t)PICTURE_BYTES_MAX, &map, &size);
    if (status < 0)
        return status;
    const struct picture_header *header = map;
    const _Atomic uint32_t *stamp = (const _Atomic uint32_t *)(const void *)&header->stamp;
    if (header->magic != PICTURE_MAGIC) {
        status = -EPROTO;
    } else if (atomic_load_explicit(stamp, memory_order_acquire) != message->stamp) {
        status = -EAGAIN;
    } else {
        memcpy(pixels, (const uint8_t *)map + PICTURE_HEADER_SIZE, bytes);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(stamp, memory_order_relaxed) != message->stamp)
            status = -EAGAIN;
    }
    munmap((void *)map, size);
    return status;
}

static int picture_take(struct talk *talk, struct qclient_picture **picture)
{
    const struct wire_picture *message = &talk->message->picture;
    struct labels_reader labels = {0};
    uint8_t *pixels;
    if (message->format != QCLIENT_JPEG &&
        message->bytes != pixel_bytes(message->format, (uint64_t)message->width,
                                      (uint64_t)message->height))
        return -EPROTO;
    int status = labels_reader_init(&labels, talk->fds[1]);
    if (status < 0)
        return status;
    if (labels.generation != message->record.generation)
        labels_reader_finish(&labels); // a reload came between: no text is better than a wrong one
    struct qclient_picture *made = make(message, &labels, &pixels);
    labels_reader_finish(&labels);
    status = made ? pixels_copy(talk->fds[0], message, pixels) : -ENOMEM;
    if (status == 0)
        *picture = made;
    else
        free(made);
    return status;
}

// ---- the conversation ----

static int receive(struct talk *talk)
{
    for (;;) {
        unsigned count;
        int status = request_wait(talk->socket, talk->until_ns);
        if (status == 0)
            status = wire_receive(talk->socket, WIRE_FROM_DAEMON, talk->message, talk->fds, &count);
        if (status != -EAGAIN)
            return status < 0 ? status : 0;
    }
}

static void fds_close(struct talk *talk)
{
    for (unsigned k = 0; k < WIRE_FDS_MAX; k++)
        cleanup_close(&talk->fds[k]);
}

static int ask(struct talk *talk)
{
    struct wire_snapshot message;
    wire_init(&message, WIRE_SNAPSHOT, sizeof(message), 1);
    wire_text_set(message.stream, sizeof(message.stream), talk->settings->stream);
    return wire_send(talk->socket, &message, NULL, 0);
}

static int greet(struct talk *talk)
{
    struct wire_hello hello;
    session_hello_fill(&hello, talk->settings);
    int status = wire_send(talk->socket, &hello, NULL, 0);
    if (status == 0 || status == -EPIPE) // one that refuses says why before it closes
        status = receive(talk);
    if (status < 0)
        return status;
    const union wire_message *message = talk->message;
    if (message->header.type == WIRE_ERROR)
        return message->error.error;
    if (message->header.type != WIRE_WELCOME || message->welcome.major != WIRE_MAJOR)
        return -EPROTO;
    return message->welcome.minor < WIRE_MINOR_SNAPSHOT ? -EOPNOTSUPP : 0;
}

static int answer_take(struct talk *talk, struct qclient_picture **picture)
{
    switch (talk->message->header.type) {
    case WIRE_PICTURE: return picture_take(talk, picture);
    case WIRE_ERROR: return talk->message->error.error;
    case WIRE_GOODBYE: return -ECONNRESET;
    default: return -EPROTO;
    }
}

static int converse(struct talk *talk, struct qclient_picture **picture)
{
    int status = greet(talk);
    fds_close(talk); // of whatever came in place of a welcome
    for (int i = 0; status == 0 && i < TRIES; i++) {
        status = ask(talk);
        if (status == 0)
            status = receive(talk);
        if (status == 0)
            status = answer_take(talk, picture);
        fds_close(talk);
        if (status != -EAGAIN)
            return status;
        status = 0;
    }
    return status == 0 ? -EAGAIN : status;
}

int qclient_snapshot(const struct qclient_options *options, int timeout_ms,
                     struct qclient_picture **picture)
{
    struct client_settings settings;
    *picture = NULL;
    int status = client_settings_init(&settings, options);
    if (status != 0)
        return status;
    cleanup_free union wire_message *message = malloc(sizeof(*message));
    if (!message)
        return -ENOMEM;
    cleanup_fd int socket = session_socket_open(&settings.address);
    if (socket < 0)
        return socket;
    struct talk talk = {.socket = socket,
                        .until_ns = deadline_after(clock_now_ns(), timeout_ms),
                        .settings = &settings,
                        .message = message,
                        .fds = {-1, -1, -1, -1}};
    return converse(&talk, picture);
}
