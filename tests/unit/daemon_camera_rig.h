// SPDX-License-Identifier: Apache-2.0
//
// For tests of cameras: the whole path of a stream (capture thread, workers, a small model, the
// ring) over the double of the device calls.

#ifndef QEDGE_TESTS_DAEMON_CAMERA_RIG_H
#define QEDGE_TESTS_DAEMON_CAMERA_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/log.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/source.h"
#include "daemon/stream.h"
#include "tests/unit/daemon_fake_camera.h"

#define TINY "tests/golden/models/conv_same.tflite"

static const struct fake_mode plain[] = {{V4L2_PIX_FMT_YUYV, 640, 480, 30}, {0, 0, 0, 0}};

static inline struct config_source camera_config(const char *device, int32_t width, int32_t height,
                                                 double fps, const char *format)
{
    struct config_source config;
    memset(&config, 0, sizeof(config));
    config.type = CONFIG_V4L2;
    snprintf(config.device, sizeof(config.device), "%s", device);
    snprintf(config.format, sizeof(config.format), "%s", format);
    config.size = (struct config_size){width, height};
    config.fps = fps;
    config.buffers = 4;
    return config;
}

static inline int setup(void **state)
{
    (void)state;
    fake_count = 0;
    v4l2_device_direct = &fake_ops;
    v4l2_device_fallback = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

// ---- the whole path --------------------------------------------------------

struct rig {
    struct pool *pool;
    struct source *source;
    struct stream *stream;
};

static inline void rig_start_model(struct rig *rig, const struct config_source *config,
                                   const char *model, int top_k)
{
    struct config_workers workers;
    struct config_stream stream;
    struct network *network;
    struct network_error error;
    memset(&workers, 0, sizeof(workers));
    memset(&stream, 0, sizeof(stream));
    workers.threads = 2;
    workers.cpus.all = true;
    snprintf(stream.name, sizeof(stream.name), "cam");
    snprintf(stream.model.path, sizeof(stream.model.path), "%s", model);
    stream.source = *config;
    stream.top_k = top_k;
    stream.mode = CONFIG_MODE_THROUGHPUT;
    stream.ring_slots = 256;
    if (network_create(&stream.model, 2, &network, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(pool_create(&workers, false, &rig->pool), 0);
    assert_int_equal(stream_create(&stream, network, &rig->stream), 0);
    stream_tune(rig->stream, 2, 1);
    assert_int_equal(source_create(config, rig->pool, &rig->source), 0);
    assert_int_equal(pool_attach(rig->pool, rig->stream, rig->source), 0);
    source_start(rig->source);
}

static inline void rig_start(struct rig *rig, const struct config_source *config)
{
    rig_start_model(rig, config, TINY, 3);
}

// Afterwards nothing is open or mapped, and no buffer was given to the camera twice.
static inline void rig_stop(struct rig *rig)
{
    source_join(rig->source);
    while (!stream_is_idle(rig->stream))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    pool_detach(rig->pool, rig->stream);
    source_destroy(rig->source);
    pool_destroy(rig->pool);
    stream_destroy(rig->stream);
    for (int i = 0; i < fake_count; i++) {
        assert_int_equal(fakes[i].opens, fakes[i].closes);
        assert_int_equal(fakes[i].maps, fakes[i].unmaps);
        assert_int_equal(fakes[i].misuse, 0);
    }
}

static inline uint64_t counter(const struct rig *rig, enum stats_counter which)
{
    struct stats_reader reader = stats_writer_reader(&rig->stream->publisher.stats);
    return stats_counter(&reader, which);
}

// Until the counter has reached `least`, or a minute.
static inline void wait_for(const struct rig *rig, enum stats_counter which, uint64_t least)
{
    for (int i = 0; i < 60000 && counter(rig, which) < least; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(counter(rig, which) >= least);
}

// Until the source is in that state, or a minute. Returns how many naps of a millisecond and more
// it took: on a machine that is slow or stands still these are longer, too.
static inline uint32_t wait_state(const struct rig *rig, enum source_state state,
                                  struct source_status *status)
{
    uint32_t naps = 0;
    do {
        source_get_status(rig->source, status);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    } while (status->state != state && ++naps < 60000);
    assert_int_equal(status->state, state);
    return naps;
}

#endif
