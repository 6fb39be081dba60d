// SPDX-License-Identifier: Apache-2.0

#include "common/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/picture_abi.h"

#define KERNEL_FDS_MAX                                                                             \
    253 // SCM_MAX_FD: with room for that many, a cut control message means EMFILE

void wire_init(void *message, enum wire_type type, size_t size, uint32_t token)
{
    memset(message, 0, size);
    struct wire_header *header = message;
    header->magic = WIRE_MAGIC;
    header->type = (uint16_t)type;
    header->size = (uint32_t)size;
    header->token = token;
}

int wire_text_set(char *field, size_t size, const char *text)
{
    size_t length = strlen(text);
    size_t copied = length < size ? length : size - 1;
    memset(field, 0, size);
    memcpy(field, text, copied);
    return copied == length ? 0 : -ENAMETOOLONG;
}

int wire_send(int socket, const void *message, const int *fds, unsigned fd_count)
{
    const struct wire_header *header = message;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
    } control;
    struct iovec part = {.iov_base = (void *)message, .iov_len = header->size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > WIRE_FDS_MAX)
        return -EINVAL;
    if (fd_count > 0) {
        memset(&control, 0, sizeof(control));
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return (size_t)sent == header->size ? 0 : -EIO;
}

static void fds_close(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

// Takes the fds out of the control data; closes those that are too many. True when there were too
// many.
static bool fds_collect(struct msghdr *packet, int *fds, unsigned *fd_count)
{
    bool excess = false;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(packet); part; part = CMSG_NXTHDR(packet, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
            if (*fd_count < WIRE_FDS_MAX) {
                fds[(*fd_count)++] = fd;
            } else {
                close(fd);
                excess = true;
            }
        }
    }
    return excess;
}

int wire_receive(int socket, enum wire_from from, union wire_message *message, int *fds,
                 unsigned *fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * KERNEL_FDS_MAX)];
    } control;
    struct iovec part = {.iov_base = message, .iov_len = sizeof(*message)};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    *fd_count = 0;
    for (unsigned i = 0; i < WIRE_FDS_MAX; i++)
        fds[i] = -1;
    ssize_t size;
    do
        size = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    bool excess = fds_collect(&packet, fds, fd_count);
    int status = 0;
    if (size == 0)
        status = -ECONNRESET; // end of file; an empty packet is none of this protocol either
    else if (packet.msg_flags & MSG_CTRUNC)
        status = -EMFILE;
    else if (excess || (packet.msg_flags & MSG_TRUNC))
        status = -EPROTO;
    else
        status = wire_check(message, (size_t)size, from, *fd_count);
    if (status != 0) {
        fds_close(fds, *fd_count);
        *fd_count = 0;
        return status;
    }
    return (int)size;
}

// NUL-terminated inside its field, and nothing that could upset a terminal or a log.
static bool text_good(const char *field, size_t size)
{
    size_t length = strnlen(field, size);
    if (length == size)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)field[i] < 0x20 || field[i] == 0x7f)
            return false;
    }
    return true;
}

static bool subscribe_good(const struct wire_subscribe *subscribe, size_t size, unsigned fd_count)
{
    const uint32_t known = WIRE_SUBSCRIBE_EVENTFD | WIRE_SUBSCRIBE_PROGRESS;
    if (size != sizeof(*subscribe) || (subscribe->flags & ~known) != 0)
        return false;
    return fd_count == (subscribe->flags & WIRE_SUBSCRIBE_PROGRESS ? 1 : 0) &&
           text_good(subscribe->stream, sizeof(subscribe->stream));
}

static bool client_message_good(const union wire_message *message, size_t size, unsigned fd_count)
{
    if (fd_count != 0 && message->header.type != WIRE_SUBSCRIBE)
        return false;
    switch (message->header.type) {
    case WIRE_HELLO:
        return size == sizeof(message->hello) &&
               text_good(message->hello.name, sizeof(message->hello.name));
    case WIRE_SUBSCRIBE:
        return subscribe_good(&message->subscribe, size, fd_count);
    case WIRE_REQUEST:
        return size == sizeof(message->request) &&
               text_good(message->request.text, sizeof(message->request.text));
    case WIRE_REPORT:
        return size == sizeof(message->report);
    case WIRE_SNAPSHOT:
        return size == sizeof(message->snapshot) && message->snapshot.reserved == 0 &&
               text_good(message->snapshot.stream, sizeof(message->snapshot.stream));
    default:
        return false;
    }
}

static bool stream_good(const struct wire_stream *stream, size_t size, unsigned fd_count)
{
    if (size != sizeof(*stream) || (stream->flags & ~(uint32_t)WIRE_SUBSCRIBE_EVENTFD) != 0)
        return false;
    unsigned expected = stream->flags & WIRE_SUBSCRIBE_EVENTFD ? 4 : 3;
    return fd_count == expected && text_good(stream->stream, sizeof(stream->stream));
}

static bool picture_good(const struct wire_picture *picture, size_t size, unsigned fd_count)
{
    if (size != sizeof(*picture) || fd_count != 2 || picture->stamp % 2 != 0)
        return false;
    if (picture->format < 1 || picture->format > PICTURE_FORMAT_MAX || picture->matrix > 1 ||
        picture->range > 1 || picture->width < 0 || picture->width > PICTURE_SIDE_MAX ||
        picture->height < 0 || picture->height > PICTURE_SIDE_MAX || picture->bytes < 1 ||
        picture->bytes > PICTURE_BYTES_MAX || picture->record.hit_count > RING_TOP_K)
        return false;
    return text_good(picture->stream, sizeof(picture->stream));
}

static bool daemon_message_good(const union wire_message *message, size_t size, unsigned fd_count)
{
    switch (message->header.type) {
    case WIRE_STREAM:
        return stream_good(&message->stream, size, fd_count);
    case WIRE_LABELS:
        return size == sizeof(message->labels) && fd_count == 1;
    case WIRE_PICTURE:
        return picture_good(&message->picture, size, fd_count);
    case WIRE_WELCOME:
        return size == sizeof(message->welcome) && fd_count == 0;
    case WIRE_ERROR:
        return size == sizeof(message->error) && fd_count == 0 && message->error.error < 0 &&
               message->error.error > -4096 &&
               text_good(message->error.text, sizeof(message->error.text));
    case WIRE_ANSWER:
        return size >= sizeof(message->answer) && fd_count == 0 && message->answer.more <= 1 &&
               message->answer.status <= 0 && message->answer.status > -4096;
    case WIRE_GOODBYE:
        return size == sizeof(message->goodbye) && fd_count == 0;
    default:
        return false;
    }
}

int wire_check(const union wire_message *message, size_t size, enum wire_from from,
               unsigned fd_count)
{
    if (size < sizeof(struct wire_header) || size > WIRE_MESSAGE_MAX)
        return -EPROTO;
    if (message->header.magic != WIRE_MAGIC || message->header.size != size ||
        message->header.reserved != 0)
        return -EPROTO;
    bool good = from == WIRE_FROM_CLIENT ? client_message_good(message, size, fd_count)
                                         : daemon_message_good(message, size, fd_count);
    return good ? 0 : -EPROTO;
}
