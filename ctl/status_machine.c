// SPDX-License-Identifier: Apache-2.0

#include "ctl/status_machine.h"

#include <stdio.h>
#include <string.h>

enum paint_style status_state_style(const char *state)
{
    if (strcmp(state, "running") == 0 || strcmp(state, "finished") == 0)
        return PAINT_GOOD;
    return strcmp(state, "failed") == 0 ? PAINT_BAD : PAINT_WARN;
}

void status_duration_format(char *text, size_t size, double seconds)
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

void status_field_show(const char *name, const char *value, enum paint_style style)
{
    struct paint_line line;
    unsigned room = paint_width() - STATUS_VALUE_COLUMN;
    while (*value) {
        char part[512];
        size_t length = strlen(value);
        if (length > room) {
            for (length = room; length > room / 2 && value[length] != ' '; length--)
                continue;
            if (value[length] != ' ')
                for (length = room; ((unsigned char)value[length] & 0xc0) == 0x80; length--)
                    continue; // not within a character
        }
        snprintf(part, sizeof(part), "%.*s", (int)length, value);
        paint_begin(&line);
        paint_format(&line, PAINT_DIM, "  %s", name);
        paint_to(&line, STATUS_VALUE_COLUMN);
        paint_text(&line, style, part);
        paint_end(&line);
        name = "";
        value += length;
        value += strspn(value, " ");
    }
}

void status_watts_format(char *text, size_t size, double milliwatts)
{
    if (milliwatts < 10000)
        snprintf(text, size, "%.2f W", milliwatts / 1000);
    else
        snprintf(text, size, "%.1f W", milliwatts / 1000);
}

static bool known(struct json_object *object, const char *key)
{
    return ask_object(object, key) != NULL;
}

static void name_show(struct paint_line *line, const char *name)
{
    paint_begin(line);
    paint_format(line, PAINT_DIM, "  %s", name);
    paint_to(line, STATUS_VALUE_COLUMN);
}

static void source_show(struct json_object *power)
{
    char text[512];
    snprintf(text, sizeof(text), "%s: %s; %s", ask_string(power, "source"),
             ask_string(power, "scope"), ask_string(power, "detail"));
    status_field_show("", text, PAINT_PLAIN);
}

static void energy_show(struct json_object *power)
{
    struct paint_line line;
    char idle[32];
    name_show(&line, "energy");
    status_watts_format(idle, sizeof(idle), ask_number(power, "baseline_mw"));
    if (known(power, "energy_per_inference_mj")) {
        paint_format(&line, PAINT_BOLD, "%.2f mJ", ask_number(power, "energy_per_inference_mj"));
        paint_format(&line, PAINT_PLAIN, " an inference");
        if (!ask_bool(power, "estimated"))
            paint_format(&line, PAINT_PLAIN, " above %s idle", idle);
        paint_format(&line, PAINT_PLAIN, ", over %.0f s", ask_number(power, "window_s"));
    } else if (!known(power, "baseline_mw")) {
        paint_text(&line, PAINT_DIM, "an inference's: not known before `qctl power --baseline`");
    } else if (ask_integer(power, "inferences") > 0) {
        paint_format(&line, PAINT_DIM, "an inference's: not known, the mean is below %s idle",
                     idle);
    } else {
        paint_text(&line, PAINT_DIM, "no inference in the last seconds");
    }
    paint_end(&line);
}

void status_power_show(struct json_object *power)
{
    struct paint_line line;
    char now[32], mean[32];
    const char *about = ask_bool(power, "estimated") ? " (estimated)" : "";
    if (!power)
        return;
    name_show(&line, "power");
    if (!*ask_string(power, "source")) {
        paint_format(&line, PAINT_DIM, "not known: %s", ask_string(power, "detail"));
        paint_end(&line);
        return;
    }
    status_watts_format(now, sizeof(now), ask_number(power, "power_mw"));
    status_watts_format(mean, sizeof(mean), ask_number(power, "mean_mw"));
    paint_format(&line, PAINT_BOLD, "%s", known(power, "power_mw") ? now : "no number now");
    if (known(power, "mean_mw"))
        paint_format(&line, PAINT_PLAIN, ", mean %s over %.0f s", mean,
                     ask_number(power, "window_s"));
    paint_text(&line, PAINT_WARN, about);
    paint_end(&line);
    source_show(power);
    energy_show(power);
}

void status_machine_show(struct json_object *machine)
{
    struct paint_line line;
    const char *now = ask_string(machine, "throttle");
    const char *before = ask_string(machine, "throttle_since_boot");
    if (!known(machine, "temperature_c") && !known(machine, "clock_mhz") &&
        !known(machine, "throttle_source"))
        return;
    name_show(&line, "machine");
    if (known(machine, "temperature_c"))
        paint_format(&line, PAINT_PLAIN, "%.1f C  ", ask_number(machine, "temperature_c"));
    if (known(machine, "clock_mhz"))
        paint_format(&line, PAINT_PLAIN, "%.0f", ask_number(machine, "clock_mhz"));
    if (known(machine, "clock_mhz") && known(machine, "clock_max_mhz"))
        paint_format(&line, PAINT_PLAIN, " of %.0f", ask_number(machine, "clock_max_mhz"));
    if (known(machine, "clock_mhz"))
        paint_text(&line, PAINT_PLAIN, " MHz  ");
    if (*now)
        paint_format(&line, PAINT_BAD, "held back: %s", now);
    else if (*before)
        paint_format(&line, PAINT_WARN, "was held back: %s", before);
    else if (known(machine, "throttle_source"))
        paint_text(&line, PAINT_PLAIN, "not throttled");
    paint_end(&line);
}
