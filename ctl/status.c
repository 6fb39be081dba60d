// SPDX-License-Identifier: Apache-2.0
//
// `qctl status`: one screen, 80 columns.

#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/paint.h"

#define VALUE_COLUMN 12

static enum paint_style state_style(const char *state)
{
    if (strcmp(state, "running") == 0)
        return PAINT_GOOD;
    return strcmp(state, "failed") == 0 ? PAINT_BAD : PAINT_WARN;
}

static void duration_format(char *text, size_t size, double seconds)
{
    if (seconds < 120)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 7200)
        snprintf(text, size, "%.0f min", seconds / 60);
    else if (seconds < 172800)
        snprintf(text, size, "%.1f h", seconds / 3600);
    else
        snprintf(text, size, "%.1f days", seconds / 86400);
}

static void daemon_show(struct json_object *status)
{
    struct paint_line line;
    char uptime[32];
    duration_format(uptime, sizeof(uptime), ask_number(status, "uptime_s"));
    paint_begin(&line);
    paint_format(&line, PAINT_BOLD, "qedged %s", ask_string(status, "version"));
    paint_text(&line, PAINT_PLAIN, "  ");
    paint_text(&line, state_style(ask_string(status, "state")), ask_string(status, "state"));
    paint_format(&line, PAINT_PLAIN,
                 "  pid %lld  up %s  cpu %.0f %%  memory %.1f MiB  clients %lld",
                 ask_integer(status, "pid"), uptime, ask_number(status, "cpu_percent"),
                 ask_number(status, "memory_kb") / 1024, ask_integer(status, "clients"));
    paint_end(&line);
    if (*ask_string(status, "reason")) {
        paint_begin(&line);
        paint_format(&line, PAINT_WARN, "  %s", ask_string(status, "reason"));
        paint_end(&line);
    }
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "  kernels %s  threads %lld  config %s",
                 ask_string(status, "kernels"), ask_integer(status, "threads"),
                 ask_string(status, "config"));
    paint_end(&line);
}

static void field_show(const char *name, const char *value, enum paint_style style)
{
    struct paint_line line;
    if (!*value)
        return;
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "  %s", name);
    paint_to(&line, VALUE_COLUMN);
    paint_text(&line, style, value);
    paint_end(&line);
}

static void model_show(struct json_object *stream)
{
    const char *path = ask_string(stream, "model");
    const char *slash = strrchr(path, '/');
    char text[512];
    snprintf(text, sizeof(text), "%s  generation %lld", slash ? slash + 1 : path,
             ask_integer(stream, "generation"));
    field_show("model", text, PAINT_PLAIN);
    snprintf(text, sizeof(text), "mode %s  main kernel %s", ask_string(stream, "mode"),
             ask_string(stream, "kernel"));
    field_show("engine", text, PAINT_PLAIN);
}

static void frames_show(struct json_object *stream)
{
    char text[256];
    long long dropped = ask_integer(stream, "frames_dropped");
    long long bad = ask_integer(stream, "frames_bad");
    snprintf(text, sizeof(text),
             "in %.1f/s  out %.1f/s  published %lld  dropped %lld  bad %lld  clients %lld",
             ask_number(stream, "fps_in"), ask_number(stream, "fps_out"),
             ask_integer(stream, "frames_published"), dropped, bad, ask_integer(stream, "clients"));
    field_show("frames", text, bad ? PAINT_WARN : PAINT_PLAIN);
}

static void stage_show(const char *name, struct json_object *stage)
{
    static const char *const keys[] = {"p50_us", "p90_us", "p99_us", "max_us"};
    struct paint_line line;
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "    %s", name);
    paint_to(&line, 15);
    for (unsigned i = 0; i < 4; i++) {
        if (ask_integer(stage, "count") > 0)
            paint_format(&line, strcmp(name, "total") == 0 ? PAINT_BOLD : PAINT_PLAIN, "%10.3f",
                         ask_number(stage, keys[i]) / 1000);
        else
            paint_format(&line, PAINT_DIM, "%10s", "-");
    }
    paint_end(&line);
}

static void latency_show(struct json_object *latency)
{
    static const char *const stages[] = {"capture", "wait",    "preprocess",
                                         "infer",   "publish", "total"};
    struct paint_line line;
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "  latency ms %12s%10s%10s%10s", "p50", "p90", "p99", "max");
    paint_end(&line);
    for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        stage_show(stages[i], ask_object(latency, stages[i]));
}

static void last_show(struct json_object *last)
{
    struct paint_line line;
    size_t hits = ask_length(last, "hits");
    if (ask_integer(last, "sequence") == 0)
        return;
    paint_begin(&line);
    paint_text(&line, PAINT_DIM, "  last");
    paint_to(&line, VALUE_COLUMN);
    paint_format(&line, PAINT_PLAIN, "#%lld, %.1f ms ago", ask_integer(last, "sequence"),
                 ask_number(last, "age_us") / 1000);
    for (size_t i = 0; i < hits && i < 3; i++) {
        struct json_object *hit = ask_item(last, "hits", i);
        paint_format(&line, i == 0 ? PAINT_BOLD : PAINT_PLAIN, "  %.2f ", ask_number(hit, "score"));
        paint_text(&line, i == 0 ? PAINT_BOLD : PAINT_PLAIN, ask_string(hit, "label"));
    }
    paint_end(&line);
}

static void stream_show(struct json_object *stream)
{
    struct paint_line line;
    puts("");
    paint_begin(&line);
    paint_text(&line, PAINT_BOLD, ask_string(stream, "name"));
    paint_text(&line, PAINT_PLAIN, "  ");
    paint_text(&line, state_style(ask_string(stream, "state")), ask_string(stream, "state"));
    paint_end(&line);
    field_show("reason", ask_string(stream, "reason"), PAINT_WARN);
    field_show("hint", ask_string(stream, "hint"), PAINT_PLAIN);
    field_show("source", ask_string(stream, "source"), PAINT_PLAIN);
    model_show(stream);
    frames_show(stream);
    latency_show(ask_object(stream, "latency"));
    last_show(ask_object(stream, "last"));
}

int ctl_status(const struct ctl_settings *settings)
{
    struct json_object *status;
    int code = ask(settings, "status", &status);
    if (code != 0)
        return code;
    if (settings->json) {
        ask_print(status);
    } else {
        daemon_show(status);
        for (size_t i = 0; i < ask_length(status, "streams"); i++)
            stream_show(ask_item(status, "streams", i));
    }
    json_object_put(status);
    return CTL_EXIT_OK;
}
