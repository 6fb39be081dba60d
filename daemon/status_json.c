// SPDX-License-Identifier: Apache-2.0

#include "daemon/status_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "daemon/budget.h"
#include "daemon/health.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/power_json.h"
#include "daemon/service.h"
#include "daemon/stream.h"
#include "engine/inspect.h"

#define ANSWER_FIRST 16384
#define ANSWER_MAX (4 << 20)

static void write_us(struct json_writer *json, const char *key, uint64_t ns)
{
    json_write_member_fixed(json, key, (double)ns / CLOCK_NS_PER_US, 3);
}

// ---- one stream ------------------------------------------------------------

void status_json_write_summary(struct json_writer *json, const struct stats_summary *summary)
{
    json_write_object_begin(json);
    json_write_member_u64(json, "count", summary->count);
    write_us(json, "p50_us", summary->p50_ns);
    write_us(json, "p90_us", summary->p90_ns);
    write_us(json, "p99_us", summary->p99_ns);
    write_us(json, "p999_us", summary->p999_ns);
    write_us(json, "max_us", summary->max_ns);
    write_us(json, "mean_us", summary->mean_ns);
    write_us(json, "sum_us", summary->sum_ns);
    json_write_object_end(json);
}

static const char *const stage_names[STATS_STAGES] = {"capture", "wait",    "preprocess",
                                                      "infer",   "publish", "total"};

// "latency": since the start; "latency_recent": over the last window_s.
static void write_latency(struct json_writer *json, const struct stats_reader *reader)
{
    struct stats_summary summary, recent[STATS_STAGES];
    uint64_t window_ns = stats_recent(reader, recent);
    json_write_key(json, "latency");
    json_write_object_begin(json);
    for (unsigned i = 0; i < STATS_STAGES; i++) {
        stats_summarize(reader, i, &summary);
        json_write_key(json, stage_names[i]);
        status_json_write_summary(json, &summary);
    }
    json_write_object_end(json);
    json_write_key(json, "latency_recent");
    json_write_object_begin(json);
    json_write_member_fixed(json, "window_s", (double)window_ns / CLOCK_NS_PER_S, 1);
    for (unsigned i = 0; i < STATS_STAGES; i++) {
        json_write_key(json, stage_names[i]);
        status_json_write_summary(json, &recent[i]);
    }
    json_write_object_end(json);
}

static void write_hits(struct json_writer *json, const struct ring_record *record,
                       const struct network *network)
{
    json_write_key(json, "hits");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < record->hit_count && i < RING_TOP_K; i++) {
        json_write_object_begin(json);
        json_write_member_u64(json, "index", record->hits[i].label);
        json_write_member_string(json, "label", network_label(network, record->hits[i].label));
        json_write_member_fixed(json, "score", record->hits[i].score, 4);
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

static void write_last(struct json_writer *json, struct stream *stream)
{
    struct ring_record record;
    json_write_key(json, "last");
    if (!stream_last_record(stream, &record)) {
        json_write_null(json);
        return;
    }
    json_write_object_begin(json);
    json_write_member_u64(json, "sequence", record.sequence);
    write_us(json, "age_us", clock_now_ns() - record.published_ns);
    json_write_member_bool(json, "gated", record.flags & RING_RECORD_GATED);
    write_hits(json, &record, stream->network);
    json_write_object_end(json);
}

// The layer that works most stands for all: its kernel is what the time is spent in.
const char *status_json_kernel(const struct model *model)
{
    struct layer_info most = {.kernel = ""};
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        model_layer(model, i, &layer);
        if (i == 0 || layer.macs > most.macs)
            most = layer;
    }
    return most.kernel;
}

static void write_counters(struct json_writer *json, const struct stream *stream,
                           const struct stats_reader *reader, uint64_t missed)
{
    struct stream_rates rates;
    stream_get_rates(stream, &rates);
    json_write_member_fixed(json, "fps_in", rates.fps_in, 1);
    json_write_member_fixed(json, "fps_out", rates.fps_out, 1);
    json_write_member_u64(json, "frames_in", stats_counter(reader, STATS_FRAMES_IN));
    json_write_member_u64(json, "frames_dropped", stats_counter(reader, STATS_FRAMES_DROPPED));
    json_write_member_u64(json, "frames_bad", stats_counter(reader, STATS_FRAMES_BAD));
    json_write_member_u64(json, "frames_missed", missed);
    json_write_member_u64(json, "frames_published", stats_counter(reader, STATS_FRAMES_PUBLISHED));
    json_write_member_u64(json, "frames_skipped", stats_counter(reader, STATS_FRAMES_SKIPPED));
    json_write_member_u64(json, "frames_gated", stats_counter(reader, STATS_FRAMES_GATED));
}

// null: every frame is inferred.
static void write_gate(struct json_writer *json, const struct config_gate *gate)
{
    json_write_key(json, "gate");
    if (gate->threshold <= 0) {
        json_write_null(json);
        return;
    }
    json_write_object_begin(json);
    json_write_member_fixed(json, "threshold_percent", gate->threshold, 2);
    json_write_member_fixed(json, "level", gate->level, 1);
    json_write_member_fixed(json, "heartbeat_s", gate->heartbeat, 1);
    json_write_object_end(json);
}

static void write_fps_limit(struct json_writer *json, const char *key, double fps)
{
    json_write_key(json, key);
    if (fps > 0)
        json_write_fixed(json, fps, 2);
    else
        json_write_null(json);
}

static void write_stream(struct json_writer *json, const struct service *service,
                         struct stream *stream)
{
    struct stats_reader reader = stats_writer_reader(&stream->publisher.stats);
    struct stream_health health;
    health_of_stream(service, stream, &health);
    json_write_object_begin(json);
    json_write_member_string(json, "name", stream->config.name);
    json_write_member_string(json, "state", health.state);
    json_write_member_string(json, "reason", health.reason);
    json_write_member_string(json, "hint", health.hint);
    json_write_member_string(json, "source", health.source);
    json_write_member_string(json, "model", stream->config.model.path);
    json_write_member_u64(json, "generation", stream->generation);
    json_write_member_string(json, "mode", tuner_name(&stream->tuner));
    json_write_member_string(json, "kernel", status_json_kernel(stream->network->model));
    write_counters(json, stream, &reader, health.missed);
    write_fps_limit(json, "max_fps", stream->config.max_fps);
    write_fps_limit(json, "fps_limit", stream->limit_fps);
    write_gate(json, &stream->config.gate);
    json_write_member_u64(json, "clients", stream->subscribers);
    write_latency(json, &reader);
    write_last(json, stream);
    json_write_object_end(json);
}

static void write_streams(struct json_writer *json, const struct service *service)
{
    json_write_key(json, "streams");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < service->stream_count; i++)
        write_stream(json, service, service->streams[i]);
    json_write_array_end(json);
}

// ---- the requests ----------------------------------------------------------

static void write_state(struct json_writer *json, const struct service *service)
{
    struct daemon_health health;
    health_of_daemon(service, &health);
    json_write_member_bool(json, "healthy", health.healthy);
    json_write_member_string(json, "state", health.state);
    json_write_member_string(json, "reason", health.reason);
    json_write_member_string(json, "hint", health.hint);
}

static void write_status(struct json_writer *json, struct service *service)
{
    uint64_t now = clock_now_ns();
    json_write_object_begin(json);
    json_write_member_string(json, "version", QEDGE_VERSION);
    json_write_member_u64(json, "pid", (uint64_t)getpid());
    json_write_member_fixed(json, "uptime_s", (double)(now - service->started_ns) / CLOCK_NS_PER_S,
                            1);
    write_state(json, service);
    json_write_member_string(json, "kernels", service->kernels);
    json_write_member_u64(json, "threads", pool_threads(service->pool));
    json_write_member_fixed(json, "cpu_percent", service->sysinfo.cpu_percent, 1);
    json_write_member_u64(json, "memory_kb", sysinfo_memory_kb(&service->sysinfo));
    json_write_member_string(json, "config", service->config_path);
    json_write_member_u64(json, "clients", service->control.count);
    power_json_write(json, &service->power);
    power_json_write_machine(json, &service->machine);
    budget_write(json, service);
    write_streams(json, service);
    json_write_object_end(json);
}

static void write_client(struct json_writer *json, const struct client *client, uint64_t now)
{
    struct client_progress progress;
    client_get_progress(client, now, &progress);
    json_write_object_begin(json);
    json_write_member_string(json, "name", client->name);
    json_write_member_i64(json, "pid", client->peer.pid);
    json_write_member_u64(json, "uid", client->peer.uid);
    json_write_member_string(json, "stream", client->stream ? client->stream->config.name : "");
    json_write_member_fixed(json, "connected_s",
                            (double)(now - client->connected_ns) / CLOCK_NS_PER_S, 1);
    json_write_member_u64(json, "read_sequence", progress.read_sequence);
    json_write_member_u64(json, "lag", progress.lag);
    json_write_member_u64(json, "lost", progress.lost);
    json_write_member_fixed(json, "quiet_s", (double)progress.quiet_ns / CLOCK_NS_PER_S, 3);
    json_write_key(json, "read");
    status_json_write_summary(json, &progress.read);
    json_write_object_end(json);
}

static void write_clients(struct json_writer *json, const struct service *service)
{
    json_write_object_begin(json);
    json_write_key(json, "clients");
    json_write_array_begin(json);
    for (const struct client *client = service->control.clients; client; client = client->next)
        if (client->greeted)
            write_client(json, client, clock_now_ns());
    json_write_array_end(json);
    json_write_object_end(json);
}

static void write_version(struct json_writer *json)
{
    char wire[16], ring[16];
    snprintf(wire, sizeof(wire), "%d.%d", WIRE_MAJOR, WIRE_MINOR);
    snprintf(ring, sizeof(ring), "%d.%d", RING_MAJOR, RING_MINOR);
    json_write_object_begin(json);
    json_write_member_string(json, "version", QEDGE_VERSION);
    json_write_member_string(json, "wire", wire);
    json_write_member_string(json, "ring", ring);
    json_write_object_end(json);
}

static bool write_answer(struct json_writer *json, struct service *service, const char *request)
{
    if (strcmp(request, "status") == 0) {
        write_status(json, service);
    } else if (strcmp(request, "streams") == 0) {
        json_write_object_begin(json);
        write_streams(json, service);
        json_write_object_end(json);
    } else if (strcmp(request, "clients") == 0) {
        write_clients(json, service);
    } else if (strcmp(request, "power") == 0) {
        json_write_object_begin(json);
        power_json_write(json, &service->power);
        power_json_write_machine(json, &service->machine);
        json_write_object_end(json);
    } else if (strcmp(request, "version") == 0) {
        write_version(json);
    } else {
        return false;
    }
    return true;
}

int status_json_make(struct service *service, const char *request, char **answer)
{
    *answer = NULL;
    for (size_t size = ANSWER_FIRST; size <= ANSWER_MAX; size *= 4) {
        struct json_writer json;
        char *buffer = malloc(size);
        if (!buffer)
            return -ENOMEM;
        json_write_init(&json, buffer, size);
        bool known = write_answer(&json, service, request);
        int length = known ? json_write_finish(&json) : -EINVAL;
        if (length >= 0) {
            *answer = buffer;
            return length;
        }
        free(buffer);
        if (length != -ENOSPC)
            return length;
    }
    return -ENOMEM;
}
