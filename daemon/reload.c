// SPDX-License-Identifier: Apache-2.0

#include "daemon/reload.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/labels.h"
#include "common/log.h"
#include "daemon/budget.h"
#include "daemon/heap.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/source.h"
#include "daemon/stream.h"

#define ANSWER_MAX 16000

enum action { KEEP, SWAP, MAKE };

// What becomes of one stream of the new configuration.
struct step {
    enum action action;
    struct stream *old;      // KEEP, SWAP: the running stream; MAKE: the one it replaces, or NULL
    struct stream *made;     // MAKE
    struct source *source;   // MAKE: where its frames come from
    bool own_source;         // … made for this step; waits to be started
    struct network *network; // SWAP: one reference
    struct gate_memory *gate_memory; // SWAP: one reference, or NULL
    int labels_fd;           // SWAP with another model: labels of the next generation, else -1
};

struct garbage {
    struct stream *streams[CONFIG_STREAMS_MAX];
    struct source *sources[CONFIG_STREAMS_MAX];
    struct network *networks[CONFIG_STREAMS_MAX];
    uint32_t stream_count, source_count, network_count;
};

struct reload {
    struct service *service;
    uv_async_t loaded;
    pthread_t loader, reaper;
    bool loading, reaping; // threads to be joined
    bool again;            // SIGHUP came meanwhile
    uint64_t client;       // who waits for the answer
    uint32_t token;
    // made by the loader, taken by the loop
    struct config *config;
    struct config_errors errors;
    struct step steps[CONFIG_STREAMS_MAX];
    struct garbage garbage;
};

// ---- loader thread: reads the service's streams, which the loop does not change meanwhile ----

static void add_error(struct config_errors *errors, const char *stream, const char *text)
{
    config_errors_add(errors, "stream %s: %s", stream, text);
}

static struct stream *find_stream(const struct service *service, const char *name)
{
    for (uint32_t i = 0; i < service->stream_count; i++)
        if (strcmp(service->streams[i]->config.name, name) == 0)
            return service->streams[i];
    return NULL;
}

// A network with these settings that runs already or was just loaded for another stream, with a
// reference.
static struct network *find_network(const struct reload *reload, const struct config_model *config,
                                    int32_t before)
{
    for (uint32_t i = 0; i < reload->service->stream_count; i++)
        if (network_is_current(reload->service->streams[i]->network, config))
            return network_ref(reload->service->streams[i]->network);
    for (int32_t i = 0; i < before; i++)
        if (reload->steps[i].network && network_is_current(reload->steps[i].network, config))
            return network_ref(reload->steps[i].network);
    return NULL;
}

static enum action choose_action(const struct stream *old, const struct config_stream *config)
{
    if (!old || memcmp(&old->config.source, &config->source, sizeof(config->source)) != 0 ||
        old->config.ring_slots != config->ring_slots)
        return MAKE;
    bool same = memcmp(&old->config, config, sizeof(*config)) == 0 &&
                network_is_current(old->network, &config->model);
    return same ? KEEP : SWAP;
}

// The source with these settings: one that runs, one made for another stream, or a new one.
static int plan_source(struct reload *reload, int32_t index)
{
    const struct config_source *config = &reload->config->streams[index].source;
    struct step *step = &reload->steps[index];
    step->source = service_find_source(reload->service, config);
    for (int32_t i = 0; i < index && !step->source; i++)
        if (reload->steps[i].own_source &&
            memcmp(source_config(reload->steps[i].source), config, sizeof(*config)) == 0)
            step->source = reload->steps[i].source;
    if (step->source)
        return 0;
    int status = source_create(config, reload->service->pool, &step->source);
    step->own_source = status == 0;
    return status;
}

static void plan_stream(struct reload *reload, int32_t index)
{
    const struct config_stream *config = &reload->config->streams[index];
    struct step *step = &reload->steps[index];
    struct network_error error = {{0}};
    int status = 0;
    step->old = find_stream(reload->service, config->name);
    step->action = choose_action(step->old, config);
    if (step->action == KEEP)
        return;
    step->network = find_network(reload, &config->model, index);
    if (!step->network)
        status = network_create(&config->model, pool_threads(reload->service->pool), &step->network,
                                &error);
    if (status == 0 && step->action == SWAP && step->network != step->old->network) {
        step->labels_fd = labels_create(step->network->labels, step->network->label_count,
                                        step->old->generation + 1);
        status = step->labels_fd < 0 ? step->labels_fd : 0;
    }
    if (status == 0 && step->action == SWAP) {
        status = gate_memory_create(&config->gate, &step->network->target, &step->gate_memory);
        if (status < 0)
            snprintf(error.text, sizeof(error.text), "no memory for the motion gate");
    }
    if (status == 0 && step->action == MAKE) {
        status = stream_create(config, network_ref(step->network), &step->made);
        if (status < 0)
            network_unref(step->network);
        else
            status = plan_source(reload, index);
    }
    if (status < 0)
        add_error(&reload->errors, config->name, error.text[0] ? error.text : strerror(-status));
}

static void *loader_thread(void *arg)
{
    struct reload *reload = arg;
    struct service *service = reload->service;
    reload->config = calloc(1, sizeof(*reload->config));
    if (reload->config && config_load(service->config_path, reload->config, &reload->errors) == 0) {
        for (int32_t i = 0; i < reload->config->stream_count; i++)
            plan_stream(reload, i);
        if (reload->errors.count == 0 && service_needs_team(reload->config) &&
            pool_need_team(service->pool) < 0)
            add_error(&reload->errors, "*", "no threads for latency mode");
    } else if (reload->errors.count == 0) {
        add_error(&reload->errors, "*", "no memory");
    }
    uv_async_send(&reload->loaded);
    return NULL;
}

// ---- reaper thread ---------------------------------------------------------

static void *reaper_thread(void *arg)
{
    struct garbage *garbage = arg;
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
    return NULL;
}

static void start_reaper(struct reload *reload)
{
    int status = pthread_create(&reload->reaper, NULL, reaper_thread, &reload->garbage);
    reload->reaping = status == 0;
    if (status != 0) // no thread to be had: then here, once
        reaper_thread(&reload->garbage);
}

// ---- the loop --------------------------------------------------------------

static void drop_plan(struct reload *reload)
{
    for (int32_t i = 0; i < CONFIG_STREAMS_MAX; i++) {
        struct step *step = &reload->steps[i];
        if (step->own_source)
            source_destroy(step->source);
        stream_destroy(step->made);
        network_unref(step->network);
        gate_memory_unref(step->gate_memory);
        cleanup_close(&step->labels_fd);
        *step = (struct step){.labels_fd = -1};
    }
    free(reload->config);
    reload->config = NULL;
}

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

// Settings that are read at start only.
static bool needs_restart(const struct reload *reload)
{
    const struct config *old = reload->service->config, *new = reload->config;
    return memcmp(&old->workers, &new->workers, sizeof(old->workers)) != 0 ||
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
        json_write_member_string(&json, "note",
                                 "socket and workers take effect with the next restart");
    json_write_object_end(&json);
    return json_write_finish(&json);
}

// ---- the course of it ------------------------------------------------------

static void join_threads(struct reload *reload)
{
    if (reload->loading)
        pthread_join(reload->loader, NULL);
    if (reload->reaping)
        pthread_join(reload->reaper, NULL);
    reload->loading = reload->reaping = false;
}

static void take_settings(struct reload *reload)
{
    struct service *service = reload->service;
    struct config *old = service->config;
    // what only a restart changes stays as it is, so that the next reload compares with what runs
    reload->config->workers = old->workers;
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
                 restart ? "; socket and workers take effect with the next restart" : "");
        start_reaper(reload);
    } else {
        for (size_t i = 0; i < reload->errors.count; i++)
            log_error("reload: %s", reload->errors.lines[i]);
        log_error("reload: nothing was changed");
    }
    drop_plan(reload);
    config_errors_finish(&reload->errors);
    notify_send(&service->notify, "READY=1");
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
    join_threads(reload);
    reload->client = client;
    reload->token = token;
    notify_reloading(&service->notify);
    int status = -pthread_create(&reload->loader, NULL, loader_thread, reload);
    reload->loading = status == 0;
    if (status < 0) {
        log_error("reload: no thread: %s", strerror(-status));
        notify_send(&service->notify, "READY=1");
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

void reload_finish(struct service *service)
{
    struct reload *reload = service->reload;
    if (!reload)
        return;
    join_threads(reload);
    drop_plan(reload);
    config_errors_finish(&reload->errors);
}
