// SPDX-License-Identifier: Apache-2.0
//
// A packet as nobody honest would send it: any bytes, any number of descriptors.

#ifndef QEDGE_TESTS_RAW_MESSAGE_H
#define QEDGE_TESTS_RAW_MESSAGE_H

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RAW_FDS_MAX = 64 };

// With these descriptors, at most RAW_FDS_MAX. Returns what sendmsg() does.
static inline ssize_t raw_message_send_fds(int socket, const void *bytes, size_t size,
                                           const int *fds, unsigned count, int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * RAW_FDS_MAX)];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
    }
    return sendmsg(socket, &packet, flags);
}

// With `count` copies of stderr.
static inline ssize_t raw_message_send(int socket, const void *bytes, size_t size, unsigned count,
                                       int flags)
{
    int fds[RAW_FDS_MAX];
    for (unsigned i = 0; i < count; i++)
        fds[i] = STDERR_FILENO;
    return raw_message_send_fds(socket, bytes, size, fds, count, flags);
}

#endif
