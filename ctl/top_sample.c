// SPDX-License-Identifier: Apache-2.0

#include "ctl/top_sample.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "qclient.h"

#define QUIET_S 1.0  // a reader that has results and takes none for that long stands still
#define BEHIND_LAG 3 // a reader that is awake has one or two to come

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int request(struct top_sample *sample, const struct ctl_settings *settings, const char *text,
                   int timeout_ms, struct json_object **answer)
{
    struct qclient_options options = {
        .size = sizeof(options), .socket = settings->socket, .name = "qctl top"};
    char *json;
    int status = qclient_request(&options, text, timeout_ms, &json);
    if (status != 0) {
        sample->why = json;
        return status;
    }
    *answer = json_tokener_parse(json);
    free(json);
    if (json_object_is_type(*answer, json_type_object))
        return 0;
    json_object_put(*answer);
    *answer = NULL;
    return -EPROTO;
}

static double percentile(struct json_object *stage, const char *key)
{
    return ask_integer(stage, "count") > 0 ? ask_number(stage, key) : -1;
}

static bool is_twin(const struct top_client *a, const struct top_client *b)
{
    return a->pid == b->pid && strcmp(a->name, b->name) == 0 && strcmp(a->stream, b->stream) == 0;
}

static const struct top_client *client_before(const struct top_sample *before,
                                              const struct top_client *client)
{
    for (size_t i = 0; before && i < before->client_count; i++) {
        const struct top_client *other = &before->client_rows[i];
        if (other->twin == client->twin && is_twin(other, client))
            return other;
    }
    return NULL;
}

static const char *client_state(const struct top_client *client, const struct top_client *before)
{
    if (!*client->stream)
        return "asking";
    if (client->lag == 0)
        return client->quiet_s < QUIET_S ? "reading" : "waiting";
    if (client->quiet_s >= QUIET_S)
        return "stalled";
    if (before && client->lost > before->lost)
        return "losing";
    return client->lag < BEHIND_LAG ? "reading" : "behind";
}

static void client_add(struct top_sample *sample, struct json_object *json,
                       const struct top_sample *before)
{
    struct top_client client = {
        .position = sample->client_count,
        .name = ask_string(json, "name"),
        .stream = ask_string(json, "stream"),
        .pid = ask_integer(json, "pid"),
        .reads = ask_integer(ask_object(json, "read"), "count"),
        .lag = ask_integer(json, "lag"),
        .lost = ask_integer(json, "lost"),
        .p99_us = percentile(ask_object(json, "read"), "p99_us"),
        .quiet_s = ask_number(json, "quiet_s"),
        .rate = -1,
    };
    if (client.pid == getpid())
        return;
    for (size_t i = 0; i < sample->client_count; i++)
        client.twin += is_twin(&sample->client_rows[i], &client);
    const struct top_client *then = client_before(before, &client);
    double passed = before ? sample->taken_s - before->taken_s : 0;
    if (then && passed > 0 && client.reads >= then->reads)
        client.rate = (double)(client.reads - then->reads) / passed;
    client.state = client_state(&client, then);
    sample->client_rows[sample->client_count++] = client;
}

static long long lag_of(const struct top_sample *sample, const char *stream)
{
    long long most = -1;
    for (size_t i = 0; i < sample->client_count; i++) {
        const struct top_client *client = &sample->client_rows[i];
        if (client->lag > most && strcmp(client->stream, stream) == 0)
            most = client->lag;
    }
    return most;
}

static void stream_add(struct top_sample *sample, struct json_object *json,
                       const struct histories *histories)
{
    struct json_object *recent = ask_object(ask_object(json, "latency_recent"), "total");
    struct top_stream *stream = &sample->streams[sample->stream_count];
    stream->position = sample->stream_count++;
    stream->name = ask_string(json, "name");
    stream->state = ask_string(json, "state");
    stream->fps_in = ask_number(json, "fps_in");
    stream->fps_out = ask_number(json, "fps_out");
    stream->p50_us = percentile(recent, "p50_us");
    stream->p99_us = percentile(recent, "p99_us");
    stream->dropped = ask_integer(json, "frames_dropped");
    stream->gated = ask_object(json, "gate") ? ask_integer(json, "frames_gated") : -1;
    stream->errors = ask_integer(json, "frames_bad") + ask_integer(json, "frames_missed");
    stream->lag = lag_of(sample, stream->name);
    stream->history = histories_find(histories, stream->name);
}

static int rows_make(struct top_sample *sample, const struct histories *histories,
                     const struct top_sample *before)
{
    size_t clients = ask_length(sample->clients, "clients");
    size_t streams = ask_length(sample->status, "streams");
    sample->client_rows = calloc(clients + 1, sizeof(*sample->client_rows));
    sample->streams = calloc(streams + 1, sizeof(*sample->streams));
    if (!sample->client_rows || !sample->streams)
        return -ENOMEM;
    for (size_t i = 0; i < clients; i++)
        client_add(sample, ask_item(sample->clients, "clients", i), before);
    for (size_t i = 0; i < streams; i++)
        stream_add(sample, ask_item(sample->status, "streams", i), histories);
    return 0;
}

void top_sample_take(struct top_sample *sample, const struct ctl_settings *settings, int timeout_ms,
                     struct histories *histories, const struct top_sample *before)
{
    *sample = (struct top_sample){0};
    int status = request(sample, settings, "status", timeout_ms, &sample->status);
    if (status == 0)
        status = request(sample, settings, "clients", timeout_ms, &sample->clients);
    sample->taken_s = now_s();
    if (status == 0)
        status = histories_add(histories, sample->status);
    if (status == 0)
        status = rows_make(sample, histories, before);
    sample->error = status;
    if (status == 0)
        return;
    json_object_put(sample->status);
    json_object_put(sample->clients);
    sample->status = sample->clients = NULL;
    sample->stream_count = sample->client_count = 0;
    if (status != -EINTR)
        histories_add(histories, NULL);
}

void top_sample_finish(struct top_sample *sample)
{
    json_object_put(sample->status);
    json_object_put(sample->clients);
    free(sample->why);
    free(sample->streams);
    free(sample->client_rows);
    *sample = (struct top_sample){0};
}
