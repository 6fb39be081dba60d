// SPDX-License-Identifier: Apache-2.0
//
// The whole wire protocol between qedged and its clients: SOCK_SEQPACKET, one message a packet,
// host byte order (one machine), every message starts with struct wire_header.
//
//   client                                daemon
//   HELLO {major, minor, name}      ─▶
//                                   ◀─    WELCOME {major, minor}  or  ERROR {errno, text}
//   SUBSCRIBE {stream, flags}       ─▶
//                                   ◀─    STREAM {generation …} + fds: ring memfd, stats memfd, labels memfd [, eventfd]
//   REQUEST {text}                  ─▶
//                                   ◀─    ANSWER {part of a JSON text, more?} …
//   REPORT {read sequence, lost}    ─▶                (optional, for `qctl clients`; never waited for)
//                                   ◀─    LABELS {generation} + fd: labels memfd (after a reload)
//                                   ◀─    GOODBYE {reason}
//
// Either side closes the connection on anything malformed. The daemon never blocks on a client: a
// client whose socket buffer is full is disconnected.

#ifndef QEDGE_COMMON_WIRE_H
#define QEDGE_COMMON_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC 0x47444551u // "QEDG"
#define WIRE_MAJOR 1
#define WIRE_MINOR 0
#define WIRE_MESSAGE_MAX 16384 // bytes, header included
#define WIRE_NAME_MAX 64
#define WIRE_SOCKET_DEFAULT "/run/qedge/qedged.sock"

enum wire_type {
    WIRE_HELLO = 1,
    WIRE_WELCOME = 2,
    WIRE_ERROR = 3,
    WIRE_SUBSCRIBE = 4,
    WIRE_STREAM = 5,
    WIRE_REQUEST = 6,
    WIRE_ANSWER = 7,
    WIRE_REPORT = 8,
    WIRE_LABELS = 9,
    WIRE_GOODBYE = 10,
};

struct wire_header {
    uint32_t magic;
    uint16_t type; // enum wire_type
    uint16_t reserved;
    uint32_t size; // of the whole message
    uint32_t token; // a request's number, repeated in its answers
};

struct wire_hello {
    struct wire_header header;
    uint16_t major, minor;
    char name[WIRE_NAME_MAX]; // NUL-terminated
};

struct wire_welcome {
    struct wire_header header;
    uint16_t major, minor;
    uint32_t reserved;
};

struct wire_error {
    struct wire_header header;
    int32_t error; // negative errno
    char text[200];
};

enum { WIRE_SUBSCRIBE_EVENTFD = 1u << 0 }; // also send an eventfd, signalled after every publish
struct wire_subscribe {
    struct wire_header header;
    uint32_t flags;
    char stream[WIRE_NAME_MAX]; // "" = the first
};

struct wire_stream {
    struct wire_header header;
    uint32_t generation;
    uint32_t flags; // WIRE_SUBSCRIBE_EVENTFD when an eventfd came along
    uint64_t daemon_id; // random, new with each start of the daemon
    char stream[WIRE_NAME_MAX];
};

struct wire_request {
    struct wire_header header;
    char text[256]; // "status", "streams", "clients", "reload", "version"
};

struct wire_answer {
    struct wire_header header;
    int32_t status; // 0 or negative errno
    uint32_t more;  // 1: further parts follow
    // header.size - sizeof(struct wire_answer) bytes of text follow, not NUL-terminated
};

struct wire_report {
    struct wire_header header;
    uint64_t read_sequence;
    uint64_t lost;
};

struct wire_labels {
    struct wire_header header;
    uint32_t generation;
    uint32_t reserved;
};

enum wire_goodbye_reason { WIRE_GOODBYE_STOPPING = 1, WIRE_GOODBYE_STREAM_REMOVED = 2, WIRE_GOODBYE_TOO_SLOW = 3 };
struct wire_goodbye {
    struct wire_header header;
    uint32_t reason;
    uint32_t reserved;
};

#endif
