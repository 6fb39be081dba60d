// SPDX-License-Identifier: Apache-2.0
//
// A source: what yields frames, with a capture thread of its own.
//
//   starting ──open──▶ running ──lost──▶ waiting ──back-off 100 ms … 1 s, or a wake──▶ open again …
//                         └───end of files──▶ finished
//
// The thread gives each frame to every attached stream's mailbox by reference (pool_offer). Before
// the device is closed all frames are called back, so nobody reads pixels that are gone.
//
// Kinds of source are tables of functions: source_v4l2.c, source_replay.c, source_pattern.c.

#ifndef QEDGE_DAEMON_SOURCE_H
#define QEDGE_DAEMON_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/frame.h"

struct pool;

// FAILED is WAITING for somebody to change something: it is tried again as often.
enum source_state {
    SOURCE_STARTING,
    SOURCE_RUNNING,
    SOURCE_WAITING,
    SOURCE_FAILED,
    SOURCE_FINISHED
};

struct source_trouble {
    char reason[200]; // what is wrong: "no such device: /dev/video0"
    char hint[160];   // what to do about it, "" when there is nothing to say
};

// A kind of source. All functions but release run on the capture thread.
struct source_kind {
    const char *name;
    // 0 with *self ready to give frames; else -errno with trouble filled and nothing left open.
    // wake_fd: becomes readable when next must come back early. frames of it carry `source`.
    int (*open)(const struct config_source *config, struct source *source, int wake_fd, void **self,
                struct source_trouble *trouble);
    // Waits at most wait_ms for a frame. 0 with *frame (references not yet set); -EAGAIN none yet;
    // -EBADMSG a broken one, skipped; 1 the end; another -errno with trouble filled: the source is
    // lost.
    int (*next)(void *self, int wait_ms, struct frame **frame, struct source_trouble *trouble);
    // The frame's buffer may be filled again. Any thread.
    void (*release)(void *self, struct frame *frame);
    // All frames have been released.
    void (*close)(void *self);
    // "/dev/video0 640x480 YUYV 30 fps"
    void (*describe)(const void *self, char *text, size_t size);
    // What is not as it was asked for, "" when all is; may be NULL. Said once.
    void (*remark)(const void *self, char *text, size_t size);
};

extern const struct source_kind source_v4l2, source_replay, source_pattern;

struct source;

// Copies config. Its thread is there from now on but waits for source_start, so that streams can be
// attached before, and that nothing can fail afterwards.
int source_create(const struct config_source *config, struct pool *pool, struct source **source);
void source_start(struct source *source);
// Begins to stop: the thread ends soon.
void source_stop(struct source *source);
// Stops and waits for the thread: no frame of it is anywhere any more.
void source_join(struct source *source);
// Joins and frees. No stream may be attached any more. Takes NULL.
void source_destroy(struct source *source);

const struct config_source *source_config(const struct source *source);
// Try again now (something was plugged in). Any thread.
void source_wake(struct source *source);
// What its streams want (max_fps) may have changed: a camera that was told another rate than it
// would be told now is opened anew. Any thread.
void source_retune(struct source *source);
// The state in words, for status. Any thread.
struct source_status {
    enum source_state state;
    struct source_trouble trouble;
    char text[560];  // "v4l2 /dev/video0 640x480 YUYV 30 fps"
    double asked_fps; // of a camera; less than configured where max_fps leaves no use for more
    uint64_t missed; // frames that the device itself lost (gaps in its sequence)
    uint64_t last_frame_ns;
    uint64_t beat_ns; // the capture thread was last seen going round
};
void source_get_status(struct source *source, struct source_status *status);

// ---- for pool.c, which keeps the list of attached streams under its lock ----
struct source_streams {
    struct stream *stream[CONFIG_STREAMS_MAX];
    uint32_t count;
};
struct source_streams *source_attached(struct source *source);
bool source_is_stopping(const struct source *source);
// Frames are not dropped but wait for the workers (fps: max).
bool source_is_paced(const struct source *source);

#endif
