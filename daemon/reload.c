// SPDX-License-Identifier: Apache-2.0

#include "daemon/reload.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "daemon/budget.h"
#include "daemon/heap.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/reload_impl.h"
#include "daemon/service.h"
#include "daemon/source.h"
#include "daemon/stream.h"

#define ANSWER_MAX 16000

// ---- loader thread ---------------------------------------------------------

static void *loader_thread(void *arg)
{
    struct reload *reload = arg;
    // what the reload before left may take its time, with a camera that hangs all of it
    if (reload->reaping)
        pthread_join(reload->reaper, NULL);
    reload_plan(reload);
    uv_async_send(&reload->loaded);
    atomic_fetch_sub(&reload->busy, 1);
    return NULL;
}

// ---- reaper thread ---------------------------------------------------------

static void *reaper_thread(void *arg)
{
    struct reload *reload = arg;
    struct garbage *garbage = &reload->garbage;
    for (uint32_t i = 0; i < garbage->source_count; i++)
        source_destroy(garbage->sources[i]);
    for (uint32_t i = 0; i < garbage->stream_count; i++) {
        while (!stream_is_idle(garbage->streams[i])) {
            struct timespec rest = {.tv_nsec = 1000000};
            nanosleep(&rest, NULL);
        }
        stream_destroy(garbage->streams[i]);
    }
    for (uint32_t i = 0; i < garbage->network_count; i++)
        network_unref(garbage->networks[i]);
    memset(garbage, 0, sizeof(*garbage));
    heap_trim();
    atomic_fetch_sub(&reload->busy, 1);
    return NULL;
}

static void start_reaper(struct reload *reload)
{
    atomic_fetch_add(&reload->busy, 1);
    int status = pthread_create(&reload->reaper, NULL, reaper_thread, reload);
    reload->reaping = status == 0;
    if (status != 0) // no thread to be had: then here, once
        reaper_thread(reload);
}

// ---- the loop --------------------------------------------------------------

// Out of the pool and away from its clients; freed by the reaper.
static void retire_stream(struct reload *reload, struct stream *stream)
{
    control_drop_stream(&reload->service->control, stream);
    pool_detach(reload->service->pool, stream);
    publisher_end(&stream->publisher, stream->tickets);
    reload->garbage.streams[reload->garbage.stream_count++] = stream;
}

static bool is_kept(const struct reload *reload, const struct stream *stream)
{
    for (int32_t i = 0; i < reload->config->stream_count; i++)
        if (reload->steps[i].old == stream && reload->steps[i].action != MAKE)
            return true;
    return false;
}

static void swap_stream(struct reload *reload, struct step *step,
                        const struct config_stream *config)
{
    struct stream *stream = step->old;
    uint32_t generation = stream->generation;
    if (step->labels_fd >= 0) {
        generation++;
        // clients have the labels before they can see a record that needs them
        control_send_labels(&reload->service->control, stream, generation, step->labels_fd);
        cleanup_close(&stream->labels_fd);
        stream->labels_fd = steal_fd(&step->labels_fd);
    }
    struct stream_change change = {.network = step->network,
                                   .gate_memory = step->gate_memory,
                                   .gate = config->gate,
                                   .top_k = (uint32_t)config->top_k,
                                   .generation = generation};
    pool_swap(reload->service->pool, stream, &change);
    step->network = NULL;
    step->gate_memory = NULL;
    reload->garbage.networks[reload->garbage.network_count++] = change.network;
    gate_memory_unref(change.gate_memory);
    memcpy(&stream->config, config, sizeof(*config));
    stream_tune(stream, pool_threads(reload->service->pool),
                (uint32_t)reload->config->stream_count);
}

// Nothing here can fail: there is room for twice as many streams and sources as a configuration may
// have, and what goes was taken out before.
static void add_made(struct reload *reload, struct step *step)
{
    struct service *service = reload->service;
    struct stream *stream = step->made;
    ring_set_daemon_id(&stream->publisher.ring, service->daemon_id);
    stream_tune(stream, pool_threads(service->pool), (uint32_t)reload->config->stream_count);
    int status = pool_attach(service->pool, stream, step->source);
    assert(status == 0);
    (void)status;
    // it came to its end since the plan was made: so does the stream, whose clients would wait
    if (!step->own_source && service_source_has_ended(step->source))
        publisher_end(&stream->publisher, stream->tickets);
    if (step->own_source) {
        service->sources[service->source_count++] = step->source;
        source_start(step->source);
    }
    step->own_source = false;
    step->made = NULL;
}

static void swap_all(struct reload *reload)
{
    struct service *service = reload->service;
    struct stream *streams[CONFIG_STREAMS_MAX];
    for (uint32_t i = 0; i < service->stream_count; i++)
        if (!is_kept(reload, service->streams[i]))
            retire_stream(reload, service->streams[i]);
    // the list holds the kept ones only while sources that feed nobody are looked for
    uint32_t count = 0;
    for (int32_t i = 0; i < reload->config->stream_count; i++) {
        struct step *step = &reload->steps[i];
        streams[count++] = step->action == MAKE ? step->made : step->old;
        if (step->action == SWAP)
            swap_stream(reload, step, &reload->config->streams[i]);
        if (step->action == MAKE)
            add_made(reload, step);
    }
    memcpy(service->streams, streams, count * sizeof(streams[0]));
    service->stream_count = count;
    struct garbage *garbage = &reload->garbage;
    garbage->source_count =
        service_take_unused_sources(service, garbage->sources, CONFIG_STREAMS_MAX);
    for (uint32_t i = 0; i < garbage->source_count; i++)
        source_stop(garbage->sources[i]);
}

// ---- telling ---------------------------------------------------------------

static uint32_t count_changes(const struct reload *reload)
{
    uint32_t changes = 0;
    for (uint32_t i = 0; i < reload->service->stream_count; i++)
        changes += !is_kept(reload, reload->service->streams[i]);
    for (int32_t i = 0; i < reload->config->stream_count; i++)
        changes += reload->steps[i].action == SWAP ||
                   (reload->steps[i].action == MAKE && !reload->steps[i].old);
    return changes;
}

static void write_changed(struct json_writer *json, const struct reload *reload)
{
    json_write_key(json, "changed");
    json_write_array_begin(json);
    for (int32_t i = 0;
         reload->config && reload->errors.count == 0 && i < reload->config->stream_count; i++)
        if (reload->steps[i].action != KEEP)
            json_write_string(json, reload->config->streams[i].name);
    for (uint32_t i = 0;
         reload->config && reload->errors.count == 0 && i < reload->service->stream_count; i++) {
        const struct stream *stream = reload->service->streams[i];
        bool replaced = false;
        for (int32_t k = 0; k < reload->config->stream_count; k++)
            replaced =
                replaced || strcmp(reload->config->streams[k].name, stream->config.name) == 0;
        if (!replaced)
            json_write_string(json, stream->config.name);
    }
    json_write_array_end(json);
}

#define RESTART_NOTE "socket, socket_group, workers and power take effect with the next restart"

// Settings that are read at start only.
static bool needs_restart(const struct reload *reload)
{
    const struct config *old = reload->service->config, *new = reload->config;
    return memcmp(&old->workers, &new->workers, sizeof(old->workers)) != 0 ||
           memcmp(&old->power, &new->power, sizeof(old->power)) != 0 ||
           strcmp(old->socket, new->socket) != 0 ||
           strcmp(old->socket_group, new->socket_group) != 0;
}

static int write_answer(const struct reload *reload, bool restart, char *text, size_t size)
{
    struct json_writer json;
    json_write_init(&json, text, size);
    json_write_object_begin(&json);
    json_write_member_bool(&json, "reloaded", reload->errors.count == 0);
    write_changed(&json, reload);
    json_write_key(&json, "errors");
    json_write_array_begin(&json);
    for (size_t i = 0; i < reload->errors.count && json.length + 1200 < size; i++)
        json_write_string(&json, reload->errors.lines[i]);
    json_write_array_end(&json);
    if (restart)
        json_write_member_string(&json, "note", RESTART_NOTE);
    json_write_object_end(&json);
    return json_write_finish(&json);
}

// ---- the course of it ------------------------------------------------------

static void join_threads(struct reload *reload)
{
    if (reload->loading)
        pthread_join(reload->loader, NULL); // which has joined the reaper
    else if (reload->reaping)
        pthread_join(reload->reaper, NULL);
    reload->loading = reload->reaping = false;
}

static void take_settings(struct reload *reload)
{
    struct service *service = reload->service;
    struct config *old = service->config;
    // what only a restart changes stays as it is, so that the next reload compares with what runs
    reload->config->workers = old->workers;
    reload->config->power = old->power;
    memcpy(reload->config->socket, old->socket, sizeof(old->socket));
    memcpy(reload->config->socket_group, old->socket_group, sizeof(old->socket_group));
    service->config = reload->config;
    reload->config = NULL;
    service->control.max = (uint32_t)service->config->max_clients;
    log_set_level((enum log_level)service->config->log_level);
    free(old);
}

static void on_loaded(uv_async_t *async)
{
    struct reload *reload = async->data;
    struct service *service = reload->service;
    static char answer[ANSWER_MAX]; // the loop's
    join_threads(reload);
    bool good = reload->errors.count == 0, restart = good && needs_restart(reload);
    int length = write_answer(reload, restart, answer, sizeof(answer));
    if (good) {
        uint32_t changes = count_changes(reload);
        swap_all(reload);
        take_settings(reload);
        budget_reload(service);
        service_lock_memory(service);
        log_info("reloaded: %u stream%s changed%s", changes, changes == 1 ? "" : "s",
                 restart ? "; " RESTART_NOTE : "");
        start_reaper(reload);
    } else {
        for (size_t i = 0; i < reload->errors.count; i++)
            log_error("reload: %s", reload->errors.lines[i]);
        log_error("reload: nothing was changed");
    }
    reload_drop_plan(reload);
    config_errors_finish(&reload->errors);
    notify_ready(&service->notify);
    service_say_status(service);
    if (reload->client)
        control_answer(&service->control, reload->client, reload->token, 0, answer,
                       length < 0 ? 0 : (size_t)length);
    reload->client = 0;
    if (reload->again) {
        reload->again = false;
        reload_start(service, 0, 0);
    }
}

int reload_start(struct service *service, uint64_t client, uint32_t token)
{
    struct reload *reload = service->reload;
    if (reload->loading) {
        reload->again = reload->again || client == 0;
        return -EBUSY;
    }
    reload->client = client;
    reload->token = token;
    notify_reloading(&service->notify);
    atomic_fetch_add(&reload->busy, 1);
    int status = -pthread_create(&reload->loader, NULL, loader_thread, reload);
    reload->loading = status == 0;
    if (status < 0) {
        atomic_fetch_sub(&reload->busy, 1);
        log_error("reload: no thread: %s", strerror(-status));
        notify_ready(&service->notify);
    }
    return status;
}

int reload_init(struct service *service)
{
    struct reload *reload = calloc(1, sizeof(*reload));
    if (!reload)
        return -ENOMEM;
    reload->service = service;
    for (int32_t i = 0; i < CONFIG_STREAMS_MAX; i++)
        reload->steps[i].labels_fd = -1;
    reload->loaded.data = reload;
    int status = uv_async_init(&service->loop, &reload->loaded, on_loaded);
    reload->loaded.data = reload;
    service->reload = reload;
    return status;
}

bool reload_finish(struct service *service, uint64_t limit_ns)
{
    struct reload *reload = service->reload;
    uint64_t limit = clock_now_ns() + limit_ns;
    if (!reload)
        return true;
    while (atomic_load(&reload->busy) > 0) {
        struct timespec rest = {.tv_nsec = 500000};
        if (clock_now_ns() > limit)
            return false;
        nanosleep(&rest, NULL);
    }
    join_threads(reload);
    reload_drop_plan(reload);
    config_errors_finish(&reload->errors);
    return true;
}
