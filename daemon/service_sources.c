// SPDX-License-Identifier: Apache-2.0
//
// The sources of the service: streams with the same settings of a source share one.

#include "daemon/service.h"

#include <string.h>

#include "daemon/pool.h"
#include "daemon/source.h"
#include "daemon/stream.h"

bool service_source_has_ended(struct source *source)
{
    struct source_status status;
    source_get_status(source, &status);
    return status.state == SOURCE_FINISHED;
}

struct source *service_find_source(const struct service *service,
                                   const struct config_source *config)
{
    for (uint32_t i = 0; i < service->source_count; i++)
        if (memcmp(source_config(service->sources[i]), config, sizeof(*config)) == 0 &&
            !service_source_has_ended(service->sources[i]))
            return service->sources[i];
    return NULL;
}

int service_attach_source(struct service *service, struct stream *stream)
{
    struct source *source = service_find_source(service, &stream->config.source);
    if (source)
        return pool_attach(service->pool, stream, source);
    int status = source_create(&stream->config.source, service->pool, &source);
    if (status < 0)
        return status;
    status = pool_attach(service->pool, stream, source);
    if (status == 0)
        service->sources[service->source_count++] = source;
    else
        source_destroy(source);
    return status;
}

uint32_t service_take_unused_sources(struct service *service, struct source **unused, uint32_t max)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < service->source_count && taken < max;) {
        bool used = false;
        for (uint32_t k = 0; k < service->stream_count; k++)
            used = used || service->streams[k]->source == service->sources[i];
        if (used) {
            i++;
            continue;
        }
        unused[taken++] = service->sources[i];
        service->sources[i] = service->sources[--service->source_count];
    }
    return taken;
}
