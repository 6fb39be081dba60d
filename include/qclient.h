// SPDX-License-Identifier: Apache-2.0
//
// libqclient: read qedge's classifications from any process.
//
// qedged publishes one result a frame into a ring in shared memory; this library maps the ring
// READ-ONLY and copies records out. Reading costs no system call and can not disturb the daemon or
// other readers.
//
//     struct qclient *client;
//     int status = qclient_connect(NULL, &client);              // default socket, default stream
//     struct qclient_result result;
//     while ((status = qclient_next(client, &result, -1)) == 0) // waits for the next frame
//         printf("%s %.2f\n", qclient_label(client, result.hits[0].label), result.hits[0].score);
//     qclient_close(client);
//
// Event loops: qclient_fd() becomes readable when there is something to do; call
// qclient_dispatch(), then qclient_next() with timeout 0 until it returns -EAGAIN.
//
// Errors: every function returns 0 (or a count) or -errno. Threads: one handle, one thread at a
// time; different handles are independent. No threads and no globals inside.
//
// Restart: when the daemon goes away qclient_next hands out what was published before, then returns
// -ECONNRESET once (within 100 ms; -EPIPE instead when the daemon ended the stream in order). A
// user who calls on then waits for the stream to come back: the library reconnects by itself
// (inside next and dispatch, with back-off from 10 ms to 500 ms). The first result after that
// carries QCLIENT_RECONNECTED; a new daemon's sequence starts at 1 again, is read from its oldest
// record, and `lost` counts what is known to be missing.

#ifndef QCLIENT_H
#define QCLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define QCLIENT_VERSION_MAJOR 0
#define QCLIENT_VERSION_MINOR 1
#define QCLIENT_TOP_K_MAX 16

// Version of the library that runs: major << 16 | minor.
uint32_t qclient_version(void);

struct qclient;

struct qclient_options {
    size_t size;            // sizeof(struct qclient_options): lets the struct grow
    const char *socket;     // NULL: $QEDGE_SOCKET, else /run/qedge/qedged.sock
    const char *stream;     // NULL: the first stream of the configuration
    const char *name;       // how `qctl clients` shows this client; NULL: the program's name
    int connect_timeout_ms; // wait that long for a daemon that is not there yet; 0: fail at once;
                            // -1: for ever
    uint32_t flags;         // QCLIENT_FROM_OLDEST
};
enum {
    QCLIENT_FROM_OLDEST = 1u << 0,  // start with the oldest record in the ring, not the next one
    QCLIENT_NO_RECONNECT = 1u << 1, // -ECONNRESET and -EPIPE stay
};

// Result flags.
enum {
    QCLIENT_RECONNECTED = 1u << 0,   // first result after a daemon restart
    QCLIENT_LOST = 1u << 1,          // `lost` records before this one were overwritten unread
    QCLIENT_MODEL_CHANGED = 1u << 2, // labels may differ from the last result's (reload)
    QCLIENT_LAST = 1u << 3,          // the stream was closed in order after this one
    QCLIENT_THROTTLED = 1u << 4,     // the machine was slowed down (heat, low voltage) at the time
    QCLIENT_GATED = 1u << 5, // nothing had changed (motion gate): the hits are those of the last
                             // inference, frame and times are this frame's; inferred_ns is when
                             // that was decided
};

struct qclient_hit {
    uint32_t label; // class index; qclient_label() gives the text
    float score;    // 0..1 when the model ends in a softmax
};

// One frame's classification. Times are CLOCK_MONOTONIC nanoseconds.
struct qclient_result {
    uint64_t sequence;    // of the result in its stream, from 1, no gaps
    uint64_t frame;       // of the frame at its source (camera sequence): gaps are dropped frames
    uint64_t sensor_ns;   // frame was captured
    uint64_t dequeued_ns; // daemon got it
    uint64_t started_ns;  // a worker took it
    uint64_t preprocessed_ns;
    uint64_t inferred_ns;
    uint64_t published_ns;
    uint64_t lost;       // overwritten before this reader got to them, since the last result
    uint32_t flags;      // QCLIENT_*
    uint32_t generation; // counts model reloads
    uint32_t hit_count;
    struct qclient_hit hits[QCLIENT_TOP_K_MAX]; // best first
};

// Connects. options may be NULL. On success *client is the caller's until qclient_close, else it is
// NULL. -ENOENT/-ECONNREFUSED: no daemon; -EACCES: not in the configured group; -ENODEV: no such
// stream; -EAGAIN: the stream is not ready yet; -EPROTO: not a qedged, or another major version;
// -ETIMEDOUT: the daemon was silent for 2 s, or connect_timeout_ms passed; -EINVAL: size or unknown
// flags; -ENAMETOOLONG: socket (107) or stream (63 bytes).
int qclient_connect(const struct qclient_options *options, struct qclient **client);
void qclient_close(struct qclient *client); // takes NULL

// Next result in order. timeout_ms: 0 do not wait, -1 for ever.
// -EAGAIN: none yet (timeout 0); -ETIMEDOUT; -ECONNRESET: daemon gone (said once); -EPIPE: stream
// closed in order; -EINTR: a signal came while waiting.
int qclient_next(struct qclient *client, struct qclient_result *result, int timeout_ms);

// Newest result, skipping older ones (counted in `lost`); never waits. -EAGAIN when there was none
// since the last call; -ECONNRESET and -EPIPE as above.
int qclient_latest(struct qclient *client, struct qclient_result *result);

// For poll, epoll, libuv, GLib: readable when results, a restart or a close wait. Stays the same
// across restarts; the library's until close. -errno when it can not be made.
int qclient_fd(struct qclient *client);
// Clears the fd's readiness and handles what arrived; never waits. 0, or -ECONNRESET / -EPIPE like
// qclient_next.
int qclient_dispatch(struct qclient *client);

// Text of a class of the last result's model; "" when that model has no labels (or they are not
// known) or the index is out of range. Bytes as the model's author wrote them: mind control
// characters on a terminal. Valid until the next call that returns QCLIENT_MODEL_CHANGED or
// QCLIENT_RECONNECTED, or until close.
const char *qclient_label(struct qclient *client, uint32_t label);
uint32_t qclient_label_count(struct qclient *client);

// Sends one request to the daemon's control socket and gives the answer as a JSON text (malloc'ed,
// free() it). `request` is one of "status", "streams", "clients", "power", "baseline N" (pauses all
// streams for N seconds and measures the idle power), "bench N alone|beside STREAM" (runs that
// stream's model on synthetic frames for N seconds; alone: all streams pause), "reload", "version".
// The units are in the keys. -ETIMEDOUT when the daemon does not answer within timeout_ms (-1: for
// ever). When the daemon refuses, its -errno, and *answer may be a line that says why; else *answer
// is NULL on failure.
int qclient_request(const struct qclient_options *options, const char *request, int timeout_ms,
                    char **answer);

// One picture and what the model made of it.
enum qclient_format { // planes in memory order; h/2 and w/2 are rounded up
    QCLIENT_GREY = 1, // Y[h][w]
    QCLIENT_RGB24,    // [h][w] bytes R G B
    QCLIENT_BGR24,
    QCLIENT_XBGR32, // bytes B G R X
    QCLIENT_YUYV,   // [h][w/2] groups Y0 U Y1 V
    QCLIENT_UYVY,   // U Y0 V Y1
    QCLIENT_NV12,   // Y[h][w], then [h/2][w/2] pairs U V
    QCLIENT_NV21,   // V U
    QCLIENT_I420,   // Y[h][w], U[h/2][w/2], V[h/2][w/2]
    QCLIENT_YV12,   // V before U
    QCLIENT_I422,   // Y[h][w], U[h][w/2], V[h][w/2]
    QCLIENT_JPEG,   // a JPEG file; width and height may be 0, it says its own
    QCLIENT_I444,   // Y, U, V, all [h][w]
};
struct qclient_picture {
    uint32_t format;       // enum qclient_format
    uint32_t matrix;       // of YUV formats: 0 BT.601, 1 BT.709
    uint32_t range;        // 0 limited (16..235), 1 full
    int32_t width, height; // pixels
    size_t bytes;          // of pixels: what format and size need
    const uint8_t *pixels; // planes one after the other, rows without gaps
    char stream[64];
    struct qclient_result result;          // lost and flags are 0
    const char *labels[QCLIENT_TOP_K_MAX]; // of the hits; "" when there is none
};

// The picture behind the next result of options->stream (NULL: the first one), over a connection of
// its own. A stream hands out at most 20 pictures a second. *picture is the caller's until
// qclient_picture_free, NULL on failure. timeout_ms: -1 for ever. -ETIMEDOUT: no result came in
// time; -EACCES: not in the group, or this stream shares no pictures (`snapshots: false`); -EFBIG:
// larger than 64 MiB; -EPIPE: the stream has ended; -EOPNOTSUPP: the daemon is too old; else as
// qclient_connect.
int qclient_snapshot(const struct qclient_options *options, int timeout_ms,
                     struct qclient_picture **picture);
void qclient_picture_free(struct qclient_picture *picture); // takes NULL

// Latency of one stage of this stream, from the daemon's stats page, without disturbing it; the
// last stage is measured by this handle.
enum qclient_stage {
    QCLIENT_STAGE_CAPTURE,    // sensor -> dequeued
    QCLIENT_STAGE_WAIT,       // dequeued -> a worker took it
    QCLIENT_STAGE_PREPROCESS, // -> converted, cropped, resized, quantized
    QCLIENT_STAGE_INFER,      // -> engine done
    QCLIENT_STAGE_PUBLISH,    // -> in the ring
    QCLIENT_STAGE_TOTAL,      // sensor -> in the ring
    QCLIENT_STAGE_READ,       // in the ring -> returned by this handle's qclient_next or _latest
    QCLIENT_STAGE_COUNT
};
// Percentiles are within 3 %; 0 when count is 0.
struct qclient_latency {
    uint64_t count;
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns;
    uint64_t max_ns;  // exact since the start, within 3 % in the recent ones
    uint64_t mean_ns; // exact
};
struct qclient_statistics {
    size_t size;             // sizeof(struct qclient_statistics), set by the caller
    uint64_t frames_in;      // the source gave
    uint64_t frames_dropped; // replaced in the mailbox by a newer one before a worker was free
    uint64_t frames_bad;     // broken: JPEG error, short buffer, device error flag
    uint64_t frames_published;
    uint64_t reader_lag;  // this handle: published and not yet read
    uint64_t reader_lost; // this handle: overwritten before it was read, in all
    struct qclient_latency stages[QCLIENT_STAGE_COUNT]; // since the stream's start; READ: since
                                                        // this handle's
    struct qclient_latency recent[QCLIENT_STAGE_COUNT]; // over the last recent_ns
    uint64_t recent_ns; // about 10 s, less after a start; brought up to date once a second; 0: none
    uint64_t frames_skipped; // let go by choice: max_fps, or a budget is held
    uint64_t frames_gated;   // of the published ones: not inferred (QCLIENT_GATED)
};
// 0; -EINVAL: size not set. While the daemon is away: its last numbers.
int qclient_stats(struct qclient *client, struct qclient_statistics *stats);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
