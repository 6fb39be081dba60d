// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as qedged.yaml: either good, with every value in its range, or refused with lines that
// name file and place.

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "daemon/config.h"

static void fuzz_start(void)
{
}

static void check_good(const struct config *config)
{
    fuzz_require(config->socket[0] && memchr(config->socket, 0, sizeof(config->socket)));
    fuzz_require(config->max_clients >= 1 && config->max_clients <= 4096);
    fuzz_require(config->stream_count >= 1 && config->stream_count <= CONFIG_STREAMS_MAX);
    fuzz_require(config->workers.threads >= 0 && config->workers.threads <= CONFIG_THREADS_MAX);
    for (int32_t i = 0; i < config->stream_count; i++) {
        const struct config_stream *stream = &config->streams[i];
        fuzz_require(stream->name[0] && memchr(stream->name, 0, sizeof(stream->name)));
        fuzz_require(stream->model.path[0]);
        fuzz_require(stream->top_k >= 1 && stream->top_k <= 16);
        fuzz_require(stream->ring_slots >= 8 && stream->ring_slots <= 65536 &&
                     (stream->ring_slots & (stream->ring_slots - 1)) == 0);
        fuzz_require(stream->model.mean.count == stream->model.std.count ||
                     stream->model.mean.count * stream->model.std.count == 3);
        for (int k = 0; k < stream->model.std.count; k++)
            fuzz_require(stream->model.std.value[k] > 0);
        for (int32_t k = 0; k < i; k++)
            fuzz_require(strcmp(stream->name, config->streams[k].name) != 0);
    }
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    static struct config config, before;
    struct config_errors errors = {0};
    memset(&config, 0x5a, sizeof(config));
    memcpy(&before, &config, sizeof(config));
    int status = config_parse("fuzz.yaml", data, size, &config, &errors);
    if (status == 0) {
        fuzz_require(errors.count == 0);
        check_good(&config);
    } else {
        fuzz_require(memcmp(&before, &config, sizeof(config)) == 0);
        fuzz_require(status == -ENOMEM || (errors.count >= 1 && errors.count <= 101));
        for (size_t i = 0; i < errors.count; i++)
            fuzz_require(strncmp(errors.lines[i], "fuzz.yaml:", 10) == 0);
    }
    config_errors_finish(&errors);
}
