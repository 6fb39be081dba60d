// SPDX-License-Identifier: Apache-2.0
//
// `qctl status`: one screen, 80 columns: is it well, how fast, how late, how hot, how much energy;
// and if something is wrong, what to do.

#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/holder.h"
#include "ctl/paint.h"
#include "ctl/prometheus.h"
#include "ctl/status_machine.h"

// A budget, and what is done for it.
static void governor_show(struct json_object *governor)
{
    static const char *const keys[][2] = {
        {"watts", "W"}, {"celsius", "C"}, {"mj_per_inference", "mJ"}};
    struct json_object *budget = ask_object(governor, "budget");
    struct json_object *measured = ask_object(governor, "measured");
    const char *reason = ask_string(governor, "reason");
    char text[256] = "";
    size_t used = 0;
    if (!governor)
        return;
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!ask_object(budget, keys[i][0]))
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %.4g %s",
                                 used ? "  " : "", keys[i][0], ask_number(budget, keys[i][0]),
                                 keys[i][1]);
        if (ask_object(measured, keys[i][0]))
            used += (size_t)snprintf(text + used, sizeof(text) - used, " (now %.1f)",
                                     ask_number(measured, keys[i][0]));
    }
    snprintf(text + used, sizeof(text) - used, "%s%s", used ? "  " : "",
             ask_string(governor, "state"));
    status_field_show("budget", text, PAINT_PLAIN);
    status_field_show("", reason, PAINT_WARN);
}

static void daemon_show(struct json_object *status)
{
    struct paint_line line;
    char uptime[32];
    const char *state = ask_string(status, "state");
    const char *shown = strcmp(state, "running") == 0 ? "healthy" : state;
    status_duration_format(uptime, sizeof(uptime), ask_number(status, "uptime_s"));
    paint_begin(&line);
    paint_format(&line, PAINT_BOLD, "qedged %s", ask_string(status, "version"));
    paint_text(&line, PAINT_PLAIN, "  ");
    paint_text(&line, status_state_style(state), shown);
    paint_format(&line, PAINT_PLAIN,
                 "  pid %lld  up %s  cpu %.0f %%  memory %.1f MiB  clients %lld",
                 ask_integer(status, "pid"), uptime, ask_number(status, "cpu_percent"),
                 ask_number(status, "memory_kb") / 1024, ask_integer(status, "clients"));
    paint_end(&line);
    status_field_show("reason", ask_string(status, "reason"), PAINT_WARN);
    const char *hint = ask_string(status, "hint");
    if (strcmp(hint, ask_string(ask_item(status, "streams", 0), "hint")) != 0) // shown below anyway
        status_field_show("hint", hint, PAINT_PLAIN);
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "  kernels %s  threads %lld  config %s",
                 ask_string(status, "kernels"), ask_integer(status, "threads"),
                 ask_string(status, "config"));
    paint_end(&line);
    status_machine_show(ask_object(status, "machine"));
    status_power_show(ask_object(status, "power"));
    governor_show(ask_object(status, "governor"));
}

static void model_show(struct json_object *stream)
{
    const char *path = ask_string(stream, "model");
    const char *slash = strrchr(path, '/');
    char text[512];
    snprintf(text, sizeof(text), "%s  generation %lld", slash ? slash + 1 : path,
             ask_integer(stream, "generation"));
    status_field_show("model", text, PAINT_PLAIN);
    snprintf(text, sizeof(text), "mode %s  main kernel %s", ask_string(stream, "mode"),
             ask_string(stream, "kernel"));
    status_field_show("engine", text, PAINT_PLAIN);
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
    status_field_show("frames", text, bad ? PAINT_WARN : PAINT_PLAIN);
}

// What is left out by choice: nothing to show where nothing is.
static void thrift_show(struct json_object *stream)
{
    char text[256];
    struct json_object *gate = ask_object(stream, "gate");
    int used = 0;
    if (gate)
        used = snprintf(text, sizeof(text),
                        "%lld results gated (threshold %.4g %%, heartbeat %.4g s)",
                        ask_integer(stream, "frames_gated"), ask_number(gate, "threshold_percent"),
                        ask_number(gate, "heartbeat_s"));
    if (ask_object(stream, "max_fps") || ask_integer(stream, "frames_skipped") > 0)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%lld frames skipped",
                         used ? "  " : "", ask_integer(stream, "frames_skipped"));
    if (ask_object(stream, "max_fps"))
        used += snprintf(text + used, sizeof(text) - (size_t)used, " (max_fps %.4g)",
                         ask_number(stream, "max_fps"));
    if (used)
        status_field_show("saved", text, PAINT_PLAIN);
}

static void number_show(struct paint_line *line, struct json_object *stage, const char *key,
                        enum paint_style style)
{
    if (ask_integer(stage, "count") > 0)
        paint_format(line, style, "%9.3f", ask_number(stage, key) / 1000);
    else
        paint_format(line, PAINT_DIM, "%9s", "-");
}

static void stage_show(const char *name, struct json_object *recent, struct json_object *all)
{
    static const char *const recent_keys[] = {"p50_us", "p90_us", "p99_us", "p999_us", "max_us"};
    static const char *const all_keys[] = {"p99_us", "max_us"};
    enum paint_style style = strcmp(name, "total") == 0 ? PAINT_BOLD : PAINT_PLAIN;
    struct paint_line line;
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "    %s", name);
    paint_to(&line, 15);
    for (unsigned i = 0; i < 5; i++)
        number_show(&line, recent, recent_keys[i], style);
    paint_text(&line, PAINT_DIM, " |");
    for (unsigned i = 0; i < 2; i++)
        number_show(&line, all, all_keys[i], PAINT_PLAIN);
    paint_end(&line);
}

// The last seconds on the left, since the start on the right.
static void latency_show(struct json_object *recent, struct json_object *all)
{
    static const char *const stages[] = {"capture", "wait",    "preprocess",
                                         "infer",   "publish", "total"};
    struct paint_line line;
    if (ask_integer(ask_object(all, "total"), "count") == 0)
        return; // nothing but dashes, before the first frame
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "  latency ms   over the last %.0f s",
                 ask_number(recent, "window_s"));
    paint_to(&line, 60);
    paint_text(&line, PAINT_DIM, " | since the start");
    paint_end(&line);
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "%15s%9s%9s%9s%9s%9s |%9s%9s", "", "p50", "p90", "p99", "p99.9",
                 "max", "p99", "max");
    paint_end(&line);
    for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        stage_show(stages[i], ask_object(recent, stages[i]), ask_object(all, stages[i]));
}

static void last_show(struct json_object *last)
{
    struct paint_line line;
    size_t hits = ask_length(last, "hits");
    if (ask_integer(last, "sequence") == 0)
        return;
    paint_begin(&line);
    paint_text(&line, PAINT_DIM, "  last");
    paint_to(&line, STATUS_VALUE_COLUMN);
    paint_format(&line, PAINT_PLAIN, "#%lld, %.1f ms ago", ask_integer(last, "sequence"),
                 ask_number(last, "age_us") / 1000);
    for (size_t i = 0; i < hits && i < 3; i++) {
        struct json_object *hit = ask_item(last, "hits", i);
        enum paint_style style = i == 0 ? PAINT_BOLD : PAINT_PLAIN;
        paint_format(&line, style, "  %.2f ", ask_number(hit, "score"));
        if (*ask_string(hit, "label"))
            paint_text(&line, style, ask_string(hit, "label"));
        else
            paint_format(&line, style, "class %lld", ask_integer(hit, "index"));
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
    paint_text(&line, status_state_style(ask_string(stream, "state")), ask_string(stream, "state"));
    paint_end(&line);
    status_field_show("reason", ask_string(stream, "reason"), PAINT_WARN);
    status_field_show("hint", ask_string(stream, "hint"), PAINT_PLAIN);
    status_field_show("source", ask_string(stream, "source"), PAINT_PLAIN);
    model_show(stream);
    frames_show(stream);
    thrift_show(stream);
    latency_show(ask_object(stream, "latency_recent"), ask_object(stream, "latency"));
    last_show(ask_object(stream, "last"));
}

static int metrics_ask(const struct ctl_settings *settings)
{
    struct json_object *status, *clients;
    int code = ask(settings, "status", &status);
    if (code != 0)
        return code;
    code = ask(settings, "clients", &clients);
    if (code == 0) {
        prometheus_write(status, clients);
        json_object_put(clients);
    }
    json_object_put(status);
    return code;
}

// One that is stuck does not answer either.
static int metrics_show(const struct ctl_settings *settings)
{
    int code = metrics_ask(settings);
    if (code == CTL_EXIT_NOT_RUNNING || code == CTL_EXIT_UNKNOWN)
        prometheus_write_down();
    return code;
}

int ctl_status(const struct ctl_settings *settings)
{
    struct json_object *status;
    if (settings->prometheus)
        return metrics_show(settings);
    int code = ask(settings, "status", &status);
    if (code != 0)
        return code;
    holder_name(status);
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
