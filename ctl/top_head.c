// SPDX-License-Identifier: Apache-2.0

#include "ctl/top_head.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/status_machine.h"

#define TIME_COLUMNS 8

static void time_format(char text[16], time_t moment)
{
    struct tm local;
    localtime_r(&moment, &local);
    strftime(text, 16, "%H:%M:%S", &local);
}

// Adds a field behind two spaces if it fits as a whole.
static void field(struct paint_line *line, enum paint_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void field(struct paint_line *line, enum paint_style style, const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (line->column + 2 + strlen(text) > line->width)
        return;
    paint_text(line, PAINT_PLAIN, line->column > 0 ? "  " : "");
    paint_text(line, style, text);
}

static void line_end(struct frame *frame, struct paint_line *line, bool paused)
{
    char time_text[16];
    unsigned column = paint_width() - TIME_COLUMNS;
    line->width = paint_width();
    if (paused) {
        field(line, PAINT_MARK, "PAUSED");
    } else if (line->column + 2 <= column && line->width > TIME_COLUMNS) {
        time_format(time_text, time(NULL));
        paint_to(line, column);
        paint_text(line, PAINT_DIM, time_text);
    }
    frame_add(frame, line);
}

static void daemon_draw(struct frame *frame, const struct top_sample *sample, bool paused)
{
    struct paint_line line;
    struct json_object *status = sample->status;
    char uptime[32];
    const char *state = ask_string(status, "state");
    double memory_mib = ask_number(status, "memory_kb") / 1024;
    status_duration_format(uptime, sizeof(uptime), ask_number(status, "uptime_s"));
    paint_begin(&line);
    if (line.width > 2 * TIME_COLUMNS)
        line.width -= TIME_COLUMNS + 2; // the time's
    paint_format(&line, PAINT_BOLD, "qedged %s", ask_string(status, "version"));
    field(&line, status_state_style(state), "%s",
          strcmp(state, "running") == 0 ? "healthy" : state);
    field(&line, PAINT_PLAIN, "up %s", uptime);
    field(&line, PAINT_PLAIN, "cpu %.0f %%", ask_number(status, "cpu_percent"));
    field(&line, PAINT_PLAIN, "%.1f MiB", memory_mib);
    field(&line, PAINT_PLAIN, "threads %lld", ask_integer(status, "threads"));
    field(&line, PAINT_DIM, "%s", ask_string(status, "kernels"));
    line_end(frame, &line, paused);
}

static void throttle_field(struct paint_line *line, struct json_object *machine)
{
    const char *now = ask_string(machine, "throttle");
    const char *before = ask_string(machine, "throttle_since_boot");
    if (*now)
        field(line, PAINT_BAD, "held back: %s", now);
    else if (*before)
        field(line, PAINT_WARN, "was held back: %s", before);
    else if (ask_object(machine, "throttle_source"))
        field(line, PAINT_PLAIN, "not throttled");
}

static void power_fields(struct paint_line *line, struct json_object *power)
{
    char watts[32];
    const char *source = ask_string(power, "source");
    const char *key = ask_object(power, "power_mw") ? "power_mw" : "mean_mw";
    if (!ask_object(power, key)) {
        field(line, PAINT_DIM, "power not known");
        return;
    }
    status_watts_format(watts, sizeof(watts), ask_number(power, key));
    if (ask_bool(power, "estimated"))
        field(line, PAINT_WARN, "%s (estimated)", watts);
    else
        field(line, PAINT_BOLD, "%s (%s)", watts, source);
    if (ask_object(power, "energy_per_inference_mj"))
        field(line, PAINT_PLAIN, "%.2f mJ/inference", ask_number(power, "energy_per_inference_mj"));
}

static void machine_draw(struct frame *frame, struct json_object *status)
{
    struct paint_line line;
    struct json_object *machine = ask_object(status, "machine");
    paint_begin(&line);
    if (ask_object(machine, "temperature_c"))
        field(&line, PAINT_PLAIN, "%.1f C", ask_number(machine, "temperature_c"));
    throttle_field(&line, machine);
    power_fields(&line, ask_object(status, "power"));
    if (ask_object(machine, "clock_max_mhz"))
        field(&line, PAINT_PLAIN, "%.0f of %.0f MHz", ask_number(machine, "clock_mhz"),
              ask_number(machine, "clock_max_mhz"));
    else if (ask_object(machine, "clock_mhz"))
        field(&line, PAINT_PLAIN, "%.0f MHz", ask_number(machine, "clock_mhz"));
    frame_add(frame, &line);
}

static void text_draw(struct frame *frame, const char *name, const char *text,
                      enum paint_style style)
{
    struct paint_line line;
    if (!*text)
        return;
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "%s ", name);
    paint_text(&line, style, text);
    frame_add(frame, &line);
}

static void gone_draw(struct frame *frame, const struct top_sample *sample, time_t gone)
{
    struct paint_line line;
    char since[16];
    bool dead = sample->error == -ENOENT || sample->error == -ECONNREFUSED ||
                sample->error == -ECONNRESET || sample->error == -EPIPE;
    time_format(since, gone);
    paint_begin(&line);
    paint_format(&line, PAINT_BAD, "qedged %s", dead ? "is gone" : "does not answer");
    field(&line, PAINT_PLAIN, "since %s", since);
    line_end(frame, &line, false);
    paint_begin(&line);
    paint_format(&line, PAINT_DIM, "%s; asking again",
                 sample->why && *sample->why ? sample->why : strerror(-sample->error));
    frame_add(frame, &line);
}

void top_head_draw(struct frame *frame, const struct top_sample *sample, time_t gone, bool paused)
{
    if (!sample->status) {
        gone_draw(frame, sample, gone);
        return;
    }
    daemon_draw(frame, sample, paused);
    machine_draw(frame, sample->status);
    text_draw(frame, "budget", ask_string(ask_object(sample->status, "governor"), "reason"),
              PAINT_WARN);
    if (!ask_bool(sample->status, "healthy")) {
        text_draw(frame, "reason", ask_string(sample->status, "reason"), PAINT_WARN);
        text_draw(frame, "hint", ask_string(sample->status, "hint"), PAINT_PLAIN);
    }
}
