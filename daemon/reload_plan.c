// SPDX-License-Identifier: Apache-2.0
//
// The part of a reload that takes time and may fail, on the loader's thread: settings are read,
// models loaded, streams and sources made. It reads the service's streams, which the loop does not
// change meanwhile, and changes nothing of the service.

#include "daemon/reload_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/labels.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/source.h"
#include "daemon/stream.h"

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

void reload_plan(struct reload *reload)
{
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
}

void reload_drop_plan(struct reload *reload)
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
