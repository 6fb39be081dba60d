// SPDX-License-Identifier: Apache-2.0
//
// What clients send, against the daemon's real control socket and loop (no frames flow). Input: a
// row of actions, each a byte: which client (low 2 bits) and what
//
//   0  a packet: u16 size, bytes          3  hang up
//   1  a packet with a right header:      4  read what came, all of it
//      u8 type, u8 size class, bytes      5  a second passes (silent clients are let go)
//   2  as 1, with descriptors; size       6  HELLO, done right
//      class + 128: the first is no memfd 7  SUBSCRIBE, done right
//
// A client that sent something malformed must be hung up on at once; after each input the daemon
// must still answer a well-behaved one, and hold no descriptor more than before.

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "daemon/client.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/reload.h"
#include "daemon/service.h"
#include "daemon/source.h"
#include "daemon/stream.h"
#include "tests/unit/fds_open.h"
#include "tests/unit/raw_message.h"

#define CLIENTS 4
#define ACTIONS_MAX 200

static const char settings[] = "socket: /tmp/qedge-fuzz\n"
                               "streams: [{name: bars, source: {type: pattern}, model: {path: "
                               "tests/golden/models/conv_same.tflite}}]\n";

static struct service service;
static struct config config;
static char path[108];
static int sockets[CLIENTS];
static int descriptors[10]; // that clients send: a progress memfd twice, then stdin
static unsigned fds_at_rest;

static void remove_socket(void)
{
    unlink(path);
}

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        uv_run(&service.loop, UV_RUN_NOWAIT);
}

static int open_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, sizeof(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fuzz_require(fd >= 0);
    fuzz_require(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    turn();
    return fd;
}

// The daemon's own messages must pass the client's checks.
static int read_one(int fd, union wire_message *message)
{
    int fds[WIRE_FDS_MAX];
    unsigned count;
    int size = wire_receive(fd, WIRE_FROM_DAEMON, message, fds, &count);
    fuzz_require(size != -EPROTO && size != -EMFILE);
    for (unsigned i = 0; i < WIRE_FDS_MAX; i++)
        cleanup_close(&fds[i]);
    return size;
}

// Returns how that ended: -EAGAIN, -ECONNRESET …
static int read_all(int fd)
{
    static union wire_message message;
    int size = 1;
    for (int i = 0; i < 1000 && size > 0; i++)
        size = read_one(fd, &message);
    return size;
}

// What common/wire.h says of every message, and of a client's.
static bool malformed(const void *bytes, size_t size, unsigned fd_count)
{
    struct wire_header header;
    if (size < sizeof(header))
        return true;
    memcpy(&header, bytes, sizeof(header));
    if (header.magic != WIRE_MAGIC || header.size != size || header.reserved != 0)
        return true;
    switch (header.type) {
    case WIRE_HELLO:
    case WIRE_REQUEST:
    case WIRE_REPORT:
    case WIRE_SNAPSHOT: return fd_count > 0;
    case WIRE_SUBSCRIBE: return fd_count > 1;
    default: return true;
    }
}

static void send_packet(int *fd, const void *bytes, size_t size, const int *fds, unsigned fd_count)
{
    if (raw_message_send_fds(*fd, bytes, size, fds, fd_count, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
    turn();
    if (malformed(bytes, size, fd_count)) {
        fuzz_require(read_all(*fd) == -ECONNRESET);
        cleanup_close(fd);
    }
}

static void send_right(int *fd, struct fuzz_bytes *bytes, unsigned fd_count)
{
    static const uint16_t sizes[] = {sizeof(struct wire_hello), sizeof(struct wire_subscribe),
                                     sizeof(struct wire_request), sizeof(struct wire_report),
                                     sizeof(struct wire_snapshot)};
    static union wire_message message;
    uint8_t type = fuzz_take_byte(bytes), kind = fuzz_take_byte(bytes);
    const int *fds = kind & 128 ? descriptors + 2 : descriptors;
    kind &= 127;
    size_t size = kind < 5 ? sizes[kind] : sizeof(struct wire_header) + kind, length;
    wire_init(&message, type, size, 7);
    const uint8_t *rest = fuzz_take(bytes, size - sizeof(struct wire_header), &length);
    memcpy(message.bytes + sizeof(struct wire_header), rest, length);
    send_packet(fd, &message, size, fds, fd_count);
}

static void send_hello(int *fd)
{
    struct wire_hello hello;
    wire_init(&hello, WIRE_HELLO, sizeof(hello), 1);
    hello.major = WIRE_MAJOR;
    wire_text_set(hello.name, sizeof(hello.name), "fuzz");
    send_packet(fd, &hello, sizeof(hello), NULL, 0);
}

static void send_subscribe(int *fd)
{
    struct wire_subscribe subscribe;
    wire_init(&subscribe, WIRE_SUBSCRIBE, sizeof(subscribe), 2);
    subscribe.flags = WIRE_SUBSCRIBE_EVENTFD;
    send_packet(fd, &subscribe, sizeof(subscribe), NULL, 0);
}

static void act(struct fuzz_bytes *bytes)
{
    uint8_t action = fuzz_take_byte(bytes);
    int *fd = &sockets[action & (CLIENTS - 1)];
    const uint8_t *packet;
    size_t size;
    if (*fd < 0)
        *fd = open_client();
    switch (action >> 2 & 7) {
    case 0:
        packet = fuzz_take(bytes, fuzz_take_u16(bytes), &size);
        send_packet(fd, packet, size, NULL, 0);
        break;
    case 1: send_right(fd, bytes, 0); break;
    case 2: send_right(fd, bytes, 1 + (action >> 5)); break;
    case 3: cleanup_close(fd); break;
    case 4: read_all(*fd); break;
    case 5: control_tick(&service.control, clock_now_ns() + 6 * CLOCK_NS_PER_S); break;
    case 6: send_hello(fd); break;
    case 7: send_subscribe(fd); break;
    }
    turn();
}

static void wait_for(int fd, union wire_message *message, enum wire_type type)
{
    for (int i = 0; i < 2000; i++) {
        turn();
        int size = read_one(fd, message);
        if (size > 0 && message->header.type == type)
            return;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, 1);
    }
    fuzz_require(!"the daemon does not answer");
}

static void check_served(void)
{
    static union wire_message message;
    struct wire_request request;
    int fd = open_client();
    send_hello(&fd);
    wait_for(fd, &message, WIRE_WELCOME);
    wire_init(&request, WIRE_REQUEST, sizeof(request), 3);
    wire_text_set(request.text, sizeof(request.text), "version");
    send_packet(&fd, &request, sizeof(request), NULL, 0);
    wait_for(fd, &message, WIRE_ANSWER);
    close(fd);
}

// Until nobody is connected, and what a request had opened is closed again.
static void await_rest(void)
{
    for (int i = 0; i < 1000 && (service.control.clients || fds_open() != fds_at_rest); i++) {
        turn();
        if (i > 100)
            poll(NULL, 0, 1);
    }
}

static void fuzz_start(void)
{
    struct config_errors errors = {0};
    struct network *network;
    struct network_error why;
    struct stream *stream;
    char error[200];
    descriptors[0] = descriptors[1] = memfd_create("progress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fuzz_require(config_parse("settings", settings, sizeof(settings) - 1, &config, &errors) == 0);
    snprintf(path, sizeof(path), "/tmp/qedge-fuzz.%d", (int)getpid());
    memcpy(config.socket, path, sizeof(path));
    log_set_level((enum log_level) - 1);
    service = (struct service){.config = &config,
                               .config_path = "/nonexistent/qedged.yaml",
                               .daemon_id = 1,
                               .started_ns = clock_now_ns(),
                               .kernels = "c"};
    service.hotplug.fd = -1;
    notify_init(&service.notify);
    sysinfo_init(&service.sysinfo);
    config.workers.threads = 1;
    fuzz_require(uv_loop_init(&service.loop) == 0);
    fuzz_require(network_create(&config.streams[0].model, 1, &network, &why) == 0);
    fuzz_require(pool_create(&config.workers, false, &service.pool) == 0);
    fuzz_require(stream_create(&config.streams[0], network, &stream) == 0);
    stream_tune(stream, 1, 1);
    fuzz_require(source_create(&config.streams[0].source, service.pool, &service.sources[0]) == 0);
    fuzz_require(pool_attach(service.pool, stream, service.sources[0]) == 0);
    service.source_count = 1;
    service.streams[service.stream_count++] = stream;
    unlink(path);
    fuzz_require(control_open(&service.control, &service, error, sizeof(error)) == 0);
    fuzz_require(reload_init(&service) == 0);
    atexit(remove_socket);
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = {data, size};
    memset(sockets, -1, sizeof(sockets));
    fds_at_rest = fds_open(); // libFuzzer opens some of its own in between
    for (int i = 0; i < ACTIONS_MAX && bytes.size; i++)
        act(&bytes);
    check_served();
    for (int i = 0; i < CLIENTS; i++)
        cleanup_close(&sockets[i]);
    await_rest();
    fuzz_require(!service.control.clients && service.control.count == 0);
    fuzz_require(fds_open() == fds_at_rest);
    fuzz_require(service.streams[0]->subscribers == 0);
    fuzz_require(service.streams[0]->publisher.waker_count == 0);
}
