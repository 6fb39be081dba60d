// SPDX-License-Identifier: Apache-2.0
//
// The whole wire protocol between qedged and its clients: SOCK_SEQPACKET, one message a packet,
// host byte order (one machine), every message starts with struct wire_header.
//
//   client                                daemon
//   HELLO {major, minor, name}      ─▶
//                                   ◀─    WELCOME {major, minor}  or  ERROR {errno, text}
//   SUBSCRIBE {stream, flags}       ─▶
//   [+ fd: progress memfd]
//                                   ◀─    STREAM {generation …} + fds: ring memfd,
//                                         stats memfd, labels memfd [, eventfd]
//   REQUEST {text}                  ─▶
//                                   ◀─    ANSWER {part of a JSON text, more?} …
//   SNAPSHOT {stream}               ─▶
//                                   ◀─    PICTURE {format, size, result …} + fds: picture memfd,
//                                         labels memfd  or  ERROR {errno, text}
//   REPORT {read sequence, lost}    ─▶    (without a progress memfd, for `qctl clients`; never
//                                          waited for)
//                                   ◀─    LABELS {generation} + fd: labels memfd (after a reload)
//                                   ◀─    GOODBYE {reason}
//
// * HELLO comes first; anything else before it is malformed. Another major version is answered
//   with ERROR -EPROTO.
// * A second SUBSCRIBE on the same connection replaces the first one and is answered with STREAM
//   again (a client asks so for an eventfd once its user wants qclient_fd()).
// * ERROR answers the message whose token it carries; after a failed HELLO the daemon closes, after
//   a failed SUBSCRIBE (-ENODEV: no such stream, -EAGAIN: stream has no ring yet) or REQUEST the
//   connection lives on.
// * The "eventfd" is a non-blocking descriptor that becomes readable after every publish; readers
//   take all that is in it. The daemon sends one end of a pair of stream sockets: of what a hostile
//   client can do to an eventfd or to the read end of a pipe, some makes the daemon's write wait
//   (daemon/publisher.h).
// * PICTURE is the frame behind a result that was published after the SNAPSHOT came
//   (common/picture_abi.h; a daemon of minor 0 knows neither). One SNAPSHOT a connection at a time
//   (-EBUSY); -ENODEV: no such stream, -EACCES: it shares no pictures, -EFBIG: they are too large,
//   -EPIPE: it has ended.
// * The progress memfd (struct stats_progress, since minor 1) is the client's: it says there how
//   far it has read, and the daemon looks when somebody asks. So a reader that is stopped is seen
//   as far behind as it is. The daemon takes memfds only and read()s them: that neither blocks nor
//   faults.
// * LABELS is sent before the first record of the new generation is published.
// * GOODBYE is the last message; the connection is closed after it.
//
// Either side closes the connection on anything malformed. The daemon never blocks on a client: a
// client whose socket buffer is full, or that lets more than 16 descriptors lie unread, is
// disconnected.

#ifndef QEDGE_COMMON_WIRE_H
#define QEDGE_COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/ring_abi.h"

#define WIRE_MAGIC 0x47444551u // "QEDG"
#define WIRE_MAJOR 1
#define WIRE_MINOR 1
#define WIRE_MINOR_SNAPSHOT 1 // the first that knows SNAPSHOT
#define WIRE_MESSAGE_MAX 16384 // bytes, header included
#define WIRE_NAME_MAX 64       // NUL included
#define WIRE_FDS_MAX 4
#define WIRE_ANSWER_TEXT_MAX (WIRE_MESSAGE_MAX - sizeof(struct wire_answer))
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
    WIRE_SNAPSHOT = 11,
    WIRE_PICTURE = 12,
};

struct wire_header {
    uint32_t magic;
    uint16_t type; // enum wire_type
    uint16_t reserved;
    uint32_t size;  // of the whole message
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

// Also send a wake-up fd that gets readable with every publish: an eventfd or, so that no client
// can hold up the daemon's end, one end of a pair of sockets. The client reads it empty.
// PROGRESS: a progress memfd comes along; only to a daemon whose minor is at least 1.
enum { WIRE_SUBSCRIBE_EVENTFD = 1u << 0, WIRE_SUBSCRIBE_PROGRESS = 1u << 1 };
struct wire_subscribe {
    struct wire_header header;
    uint32_t flags;
    char stream[WIRE_NAME_MAX]; // "" = the first
};

struct wire_stream {
    struct wire_header header;
    uint32_t generation;
    uint32_t flags;     // WIRE_SUBSCRIBE_EVENTFD when an eventfd came along
    uint64_t daemon_id; // random, new with each start of the daemon
    char stream[WIRE_NAME_MAX];
};

struct wire_request {
    struct wire_header header;
    // "status", "streams", "clients", "reload", "baseline 10", "bench 5 alone front", …
    char text[256];
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

enum wire_goodbye_reason {
    WIRE_GOODBYE_STOPPING = 1,
    WIRE_GOODBYE_STREAM_REMOVED = 2,
    WIRE_GOODBYE_TOO_SLOW = 3
};
struct wire_goodbye {
    struct wire_header header;
    uint32_t reason;
    uint32_t reserved;
};

struct wire_snapshot {
    struct wire_header header;
    uint32_t reserved;
    char stream[WIRE_NAME_MAX]; // "" = the first
};

struct wire_picture {
    struct wire_header header;
    uint32_t stamp;             // of the picture in its memfd, even
    uint32_t format;            // 1..PICTURE_FORMAT_MAX
    uint32_t matrix, range;     // 0 or 1 each
    int32_t width, height;      // 0..PICTURE_SIDE_MAX; a JPEG says its own
    uint64_t bytes;             // of pixels, 1..PICTURE_BYTES_MAX
    struct ring_record record;  // the result that it led to
    char stream[WIRE_NAME_MAX]; // its name
};

// The same on 32 and 64 bit: a 32-bit client talks to a 64-bit daemon.
_Static_assert(sizeof(struct wire_header) == 16, "header");
_Static_assert(sizeof(struct wire_hello) == 84 && offsetof(struct wire_hello, name) == 20, "hello");
_Static_assert(sizeof(struct wire_welcome) == 24, "welcome");
_Static_assert(sizeof(struct wire_error) == 220, "error");
_Static_assert(sizeof(struct wire_subscribe) == 84 && offsetof(struct wire_subscribe, stream) == 20,
               "subscribe");
_Static_assert(sizeof(struct wire_stream) == 96 && offsetof(struct wire_stream, daemon_id) == 24,
               "stream");
_Static_assert(sizeof(struct wire_request) == 272, "request");
_Static_assert(sizeof(struct wire_answer) == 24, "answer");
_Static_assert(sizeof(struct wire_report) == 32, "report");
_Static_assert(sizeof(struct wire_labels) == 24, "labels");
_Static_assert(sizeof(struct wire_goodbye) == 24, "goodbye");
_Static_assert(sizeof(struct wire_snapshot) == 84, "snapshot");
_Static_assert(sizeof(struct wire_picture) == 328 && offsetof(struct wire_picture, bytes) == 40 &&
                   offsetof(struct wire_picture, record) == 48 &&
                   offsetof(struct wire_picture, stream) == 264,
               "picture");

// Room for any message, aligned for all of them.
union wire_message {
    struct wire_header header;
    struct wire_hello hello;
    struct wire_welcome welcome;
    struct wire_error error;
    struct wire_subscribe subscribe;
    struct wire_stream stream;
    struct wire_request request;
    struct wire_answer answer;
    struct wire_report report;
    struct wire_labels labels;
    struct wire_goodbye goodbye;
    struct wire_snapshot snapshot;
    struct wire_picture picture;
    unsigned char bytes[WIRE_MESSAGE_MAX];
};

// ---- making messages ----
// Zeroes `size` bytes at message and fills in its header.
void wire_init(void *message, enum wire_type type, size_t size, uint32_t token);
// Copies a C string into a message's field, NUL included, the rest zeroed. -ENAMETOOLONG when it
// does not fit (the field then holds as much as fits).
int wire_text_set(char *field, size_t size, const char *text);

// ---- sending and receiving (neither ever blocks nor raises SIGPIPE) ----
// Sends one whole message (message->header.size bytes) with fd_count fds (0..WIRE_FDS_MAX;
// borrowed). 0, -EAGAIN: the peer's buffer is full, -EPIPE/-ECONNRESET: peer gone, or another
// -errno.
int wire_send(int socket, const void *message, const int *fds, unsigned fd_count);

// Which side sent what is received.
enum wire_from { WIRE_FROM_CLIENT, WIRE_FROM_DAEMON };

// Receives one message and checks it whole (wire_check); *fd_count fds (close-on-exec) are the
// caller's. Returns its size; -EAGAIN: none there; -ECONNRESET: peer gone; -EPROTO: malformed, or
// fds where none belong or missing; -EMFILE: no room for its fds in this process. On failure no fd
// is held. fds: WIRE_FDS_MAX entries, filled up with -1.
int wire_receive(int socket, enum wire_from from, union wire_message *message, int *fds,
                 unsigned *fd_count);

// Checks a message of `size` bytes that came with fd_count fds: type, exact size, every text
// NUL-terminated and free of control characters, flags and counts. 0 or -EPROTO. Everything in it
// may be used afterwards.
int wire_check(const union wire_message *message, size_t size, enum wire_from from,
               unsigned fd_count);

#endif
