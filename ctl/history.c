// SPDX-License-Identifier: Apache-2.0

#include "ctl/history.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"

static void latency_push(struct history *history, float mean_us)
{
    if (history->latency_count == HISTORY_LENGTH)
        memmove(history->latency_us, history->latency_us + 1,
                --history->latency_count * sizeof(history->latency_us[0]));
    history->latency_us[history->latency_count++] = mean_us;
}

static double sum_of(struct json_object *latency, const char *stage)
{
    return ask_number(ask_object(latency, stage), "sum_us");
}

// The first look at a stream, or at a daemon that has started anew: of what it did in the last
// seconds there is only what the daemon says.
static void begin(struct history *history, struct json_object *stream)
{
    struct json_object *recent = ask_object(stream, "latency_recent");
    struct json_object *total = ask_object(recent, "total");
    for (unsigned i = 0; i < STAGE_BAR_STAGES; i++)
        history->interval_stages_us[i] = sum_of(recent, stage_bar_names[i]);
    latency_push(history,
                 ask_integer(total, "count") > 0 ? (float)ask_number(total, "mean_us") : NAN);
}

static void go_on(struct history *history, struct json_object *latency, long long count)
{
    long long frames = count - history->count;
    for (unsigned i = 0; i < STAGE_BAR_STAGES; i++)
        history->interval_stages_us[i] =
            fmax(sum_of(latency, stage_bar_names[i]) - history->stages_us[i], 0);
    double sum = fmax(sum_of(latency, "total") - history->total_us, 0);
    latency_push(history, frames > 0 ? (float)(sum / (double)frames) : NAN);
}

static void look(struct history *history, struct json_object *stream, struct json_object *status)
{
    long long daemon_pid = ask_integer(status, "pid");
    double uptime_s = ask_number(status, "uptime_s");
    struct json_object *latency = ask_object(stream, "latency");
    long long count = ask_integer(ask_object(latency, "total"), "count");
    if (history->daemon_pid == daemon_pid && uptime_s >= history->uptime_s &&
        count >= history->count)
        go_on(history, latency, count);
    else
        begin(history, stream);
    history->daemon_pid = daemon_pid;
    history->uptime_s = uptime_s;
    history->count = count;
    history->total_us = sum_of(latency, "total");
    for (unsigned i = 0; i < STAGE_BAR_STAGES; i++)
        history->stages_us[i] = sum_of(latency, stage_bar_names[i]);
    history->seen = true;
}

static struct history *find(const struct histories *histories, const char *name)
{
    struct history *history = histories->first;
    while (history && strcmp(history->name, name) != 0)
        history = history->next;
    return history;
}

static struct history *create(struct histories *histories, const char *name)
{
    struct history *history = calloc(1, sizeof(*history));
    if (!history)
        return NULL;
    history->name = strdup(name);
    if (!history->name) {
        free(history);
        return NULL;
    }
    history->daemon_pid = -1;
    history->next = histories->first;
    histories->first = history;
    return history;
}

static void forget_unseen(struct histories *histories)
{
    struct history **link = &histories->first;
    while (*link) {
        struct history *history = *link;
        if (history->seen) {
            link = &history->next;
            continue;
        }
        *link = history->next;
        free(history->name);
        free(history);
    }
}

int histories_add(struct histories *histories, struct json_object *status)
{
    for (struct history *history = histories->first; history; history = history->next) {
        history->seen = false;
        if (!status)
            latency_push(history, NAN);
    }
    if (!status)
        return 0;
    for (size_t i = 0; i < ask_length(status, "streams"); i++) {
        struct json_object *stream = ask_item(status, "streams", i);
        struct history *history = find(histories, ask_string(stream, "name"));
        if (!history)
            history = create(histories, ask_string(stream, "name"));
        if (!history)
            return -ENOMEM;
        look(history, stream, status);
    }
    forget_unseen(histories);
    return 0;
}

const struct history *histories_find(const struct histories *histories, const char *name)
{
    return find(histories, name);
}

void histories_finish(struct histories *histories)
{
    for (struct history *history = histories->first; history; history = history->next)
        history->seen = false;
    forget_unseen(histories);
}
