// SPDX-License-Identifier: Apache-2.0
//
// `qctl streams` and `qctl clients`: a line each.

#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/paint.h"

static void stream_show(struct json_object *stream)
{
    struct paint_line line;
    struct json_object *total = ask_object(ask_object(stream, "latency"), "total");
    const char *model = ask_string(stream, "model");
    const char *slash = strrchr(model, '/');
    const char *state = ask_string(stream, "state");
    paint_begin(&line);
    paint_text(&line, PAINT_BOLD, ask_string(stream, "name"));
    paint_to(&line, 14);
    paint_format(&line, strcmp(state, "running") == 0 ? PAINT_GOOD : PAINT_WARN, " %s", state);
    paint_to(&line, 23);
    paint_format(&line, PAINT_PLAIN, "%7.1f %7.1f %8lld %6lld ", ask_number(stream, "fps_in"),
                 ask_number(stream, "fps_out"), ask_integer(stream, "frames_dropped"),
                 ask_integer(stream, "frames_bad"));
    if (ask_integer(total, "count") > 0)
        paint_format(&line, PAINT_PLAIN, "%8.2f  ", ask_number(total, "p50_us") / 1000);
    else
        paint_format(&line, PAINT_PLAIN, "%8s  ", "-");
    paint_text(&line, PAINT_DIM, slash ? slash + 1 : model);
    paint_end(&line);
}

static void streams_show(struct json_object *answer)
{
    puts("NAME           STATE      IN/s   OUT/s  DROPPED    BAD   P50 ms  MODEL");
    for (size_t i = 0; i < ask_length(answer, "streams"); i++)
        stream_show(ask_item(answer, "streams", i));
}

int ctl_streams(const struct ctl_settings *settings)
{
    return ask_and_show(settings, "streams", streams_show);
}

static void client_show(struct json_object *client)
{
    struct paint_line line;
    struct json_object *read = ask_object(client, "read");
    long long lag = ask_integer(client, "lag"), lost = ask_integer(client, "lost");
    paint_begin(&line);
    paint_text(&line, PAINT_BOLD, ask_string(client, "name"));
    paint_to(&line, 18);
    paint_format(&line, PAINT_PLAIN, " %7lld %6lld  ", ask_integer(client, "pid"),
                 ask_integer(client, "uid"));
    paint_text(&line, PAINT_PLAIN,
               *ask_string(client, "stream") ? ask_string(client, "stream") : "-");
    paint_to(&line, 44);
    paint_format(&line, PAINT_PLAIN, "%8.0f s %6lld ", ask_number(client, "connected_s"), lag);
    paint_format(&line, lost ? PAINT_WARN : PAINT_PLAIN, "%7lld", lost);
    if (ask_integer(read, "count") > 0)
        paint_format(&line, PAINT_PLAIN, " %10.3f", ask_number(read, "p99_us") / 1000);
    else
        paint_format(&line, PAINT_DIM, " %10s", "-");
    paint_end(&line);
}

static void clients_show(struct json_object *answer)
{
    puts("NAME                   PID    UID  STREAM   CONNECTED    LAG    LOST READ p99 ms");
    for (size_t i = 0; i < ask_length(answer, "clients"); i++)
        client_show(ask_item(answer, "clients", i));
}

int ctl_clients(const struct ctl_settings *settings)
{
    return ask_and_show(settings, "clients", clients_show);
}
