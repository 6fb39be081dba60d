// SPDX-License-Identifier: Apache-2.0

#include "daemon/share.h"

#include <errno.h>
#include <string.h>

#include "daemon/client.h"
#include "daemon/control.h"
#include "daemon/service.h"
#include "daemon/snapshot.h"
#include "daemon/stream.h"

#define LOOK_MS 5

static void on_look(uv_timer_t *timer)
{
    share_look(timer->data);
}

static void refuse(struct client *client, int status)
{
    const char *text = status == -EFBIG   ? "the stream's pictures are too large to be shared"
                       : status == -EPIPE ? "the stream has ended"
                                          : "no memory for a picture";
    uint32_t token = client->snapshot_token;
    client->snapshot_of = NULL;
    client_error(client, token, status, text);
}

void share_ask(struct client *client, const struct wire_snapshot *message)
{
    struct control *control = client->control;
    uint32_t token = message->header.token;
    struct stream *stream = control_find_stream(control, message->stream);
    if (!stream) {
        client_error(client, token, -ENODEV, "no such stream");
    } else if (!stream->config.snapshots) {
        client_error(client, token, -EACCES, "this stream shares no pictures (snapshots: false)");
    } else if (client->snapshot_of) {
        client_error(client, token, -EBUSY, "one snapshot at a time");
    } else {
        client->snapshot_of = stream;
        client->snapshot_token = token;
        client->snapshot_asked_ns = clock_now_ns();
        if (!uv_is_active((uv_handle_t *)&control->look))
            uv_timer_start(&control->look, on_look, 0, LOOK_MS);
    }
}

static void fill(struct wire_picture *picture, const struct stream *stream, uint32_t token)
{
    const struct snapshot *snapshot = &stream->snapshot;
    wire_init(picture, WIRE_PICTURE, sizeof(*picture), token);
    picture->stamp = snapshot->stamp;
    picture->format = snapshot->image.format;
    picture->matrix = snapshot->image.matrix;
    picture->range = snapshot->image.range;
    picture->width = snapshot->image.width;
    picture->height = snapshot->image.height;
    picture->bytes = snapshot->bytes;
    picture->record = snapshot->record;
    wire_text_set(picture->stream, sizeof(picture->stream), stream->config.name);
}

// To everybody who asked before its result was published; false: nobody had.
static bool hand_out(struct control *control, struct stream *stream)
{
    struct client *next;
    bool any = false;
    for (struct client *client = control->clients; client; client = next) {
        next = client->next;
        if (client->snapshot_of != stream ||
            client->snapshot_asked_ns > stream->snapshot.record.published_ns)
            continue;
        struct wire_picture picture;
        fill(&picture, stream, client->snapshot_token);
        client->snapshot_of = NULL;
        any = true;
        client_send_picture(client, &picture, stream->snapshot.fd, stream->labels_fd);
    }
    return any;
}

static void refuse_all(struct control *control, const struct stream *stream, int status)
{
    struct client *next;
    for (struct client *client = control->clients; client; client = next) {
        next = client->next;
        if (client->snapshot_of == stream)
            refuse(client, status);
    }
}

static bool has_waiting(const struct control *control, const struct stream *stream)
{
    for (const struct client *client = control->clients; client; client = client->next)
        if (client->snapshot_of == stream)
            return true;
    return false;
}

static void advance(struct control *control, struct stream *stream, uint64_t now_ns)
{
    struct snapshot *snapshot = &stream->snapshot;
    switch (snapshot_get_state(snapshot)) {
    case SNAPSHOT_TOO_SMALL: {
        int status = snapshot_grow(snapshot);
        if (status < 0)
            refuse_all(control, stream, status);
        break;
    }
    case SNAPSHOT_DONE:
        snapshot_collect(snapshot);
        if (hand_out(control, stream))
            stream->snapshot_next_ns = now_ns + SHARE_INTERVAL_NS;
        break;
    case SNAPSHOT_IDLE:
        if (now_ns >= stream->snapshot_next_ns)
            snapshot_arm(snapshot);
        break;
    case SNAPSHOT_WANTED:
    case SNAPSHOT_COPYING: break;
    }
    if (publisher_is_closed(&stream->publisher) && snapshot_get_state(snapshot) != SNAPSHOT_DONE)
        refuse_all(control, stream, -EPIPE);
}

void share_look(struct control *control)
{
    struct service *service = control->service;
    uint64_t now = clock_now_ns();
    bool waiting = false;
    for (uint32_t i = 0; i < service->stream_count; i++) {
        struct stream *stream = service->streams[i];
        if (!has_waiting(control, stream))
            continue;
        advance(control, stream, now);
        waiting = waiting || has_waiting(control, stream);
    }
    if (!waiting)
        uv_timer_stop(&control->look);
}
