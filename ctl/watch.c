// SPDX-License-Identifier: Apache-2.0
//
// `qctl watch`: one line a result, as it comes; with --json one object a line. A reader like any
// other: it shows what every client app gets. trigger.h says which results are left out and which
// are events, runner.h what an event starts.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/paint.h"
#include "ctl/result_json.h"
#include "ctl/runner.h"
#include "ctl/text.h"
#include "ctl/trigger.h"
#include "qclient.h"

#define SHOWN_HITS 3
#define SHOWN_SCORE 0.005 // rounds to 0.00
#define BAR_COLUMNS 6
#define FPS_WINDOW 32
#define QUIET_MS 2000     // without a first result it is said why
#define CHILD_LOOK_MS 100 // between looks whether the command has ended, when no results come

struct watch {
    const struct ctl_settings *settings;
    struct qclient *client;
    const char *stream;
    struct trigger trigger;
    struct runner runner;
    uint64_t published_ns[FPS_WINDOW]; // of the last results
    uint64_t counted;
    double fps;
    long remaining;
    bool asked; // why no result comes
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

// Over the last results, shown or not; 0 until there are two.
static void fps_count(struct watch *watch, const struct qclient_result *result)
{
    uint64_t known = watch->counted < FPS_WINDOW ? watch->counted : FPS_WINDOW;
    uint64_t oldest = watch->published_ns[(watch->counted - known) % FPS_WINDOW];
    watch->fps = known && result->published_ns > oldest
                     ? (double)known * 1e9 / (double)(result->published_ns - oldest)
                     : 0;
    watch->published_ns[watch->counted % FPS_WINDOW] = result->published_ns;
    watch->counted++;
}

static void gap_line(const struct qclient_result *result)
{
    struct paint_line line;
    if (!(result->flags & (QCLIENT_RECONNECTED | QCLIENT_LOST | QCLIENT_MODEL_CHANGED)))
        return;
    paint_begin(&line);
    paint_text(&line, PAINT_WARN, "--");
    if (result->flags & QCLIENT_RECONNECTED)
        paint_text(&line, PAINT_WARN, " connected again");
    if (result->flags & QCLIENT_MODEL_CHANGED)
        paint_text(&line, PAINT_WARN, " model changed");
    if (result->lost)
        paint_format(&line, PAINT_WARN, " %llu lost", (unsigned long long)result->lost);
    paint_end(&line);
}

static uint64_t wall_ns(const struct qclient_result *result)
{
    return now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC) + result->published_ns;
}

static void time_text(const struct qclient_result *result, char text[32])
{
    uint64_t wall = wall_ns(result);
    time_t seconds = (time_t)(wall / 1000000000ull);
    struct tm local;
    localtime_r(&seconds, &local);
    size_t length = strftime(text, 24, "%H:%M:%S", &local);
    snprintf(text + length, 32 - length, ".%03u", (unsigned)(wall / 1000000 % 1000));
}

static void result_line(struct watch *watch, const struct qclient_result *result, uint64_t read_ns)
{
    struct paint_line line;
    char time[32];
    gap_line(result);
    time_text(result, time);
    paint_begin(&line);
    paint_text(&line, PAINT_DIM, time);
    paint_format(&line, PAINT_PLAIN, " %5.1f",
                 result_microseconds(result->sensor_ns, result->published_ns) / 1000);
    paint_format(&line, PAINT_DIM, "%s%.1f ms", paint_utf8() ? "→" : ">",
                 result_microseconds(result->sensor_ns, read_ns) / 1000);
    paint_format(&line, PAINT_DIM, " %5.1f/s ", watch->fps);
    for (uint32_t i = 0; i < result->hit_count && i < SHOWN_HITS; i++) {
        double score = (double)result->hits[i].score;
        if (i > 0 && score >= 0 && score < SHOWN_SCORE)
            break; // best first: nothing worth a column follows
        enum paint_style style = i > 0 ? PAINT_DIM : score >= 0.5 ? PAINT_GOOD : PAINT_WARN;
        if (i == 0)
            paint_bar(&line, style, score, BAR_COLUMNS);
        paint_format(&line, style, " %.2f ", score);
        paint_text(&line, i == 0 ? PAINT_BOLD : PAINT_DIM,
                   qclient_label(watch->client, result->hits[i].label));
        if (!*qclient_label(watch->client, result->hits[i].label))
            paint_format(&line, style, "class %u", result->hits[i].label);
    }
    if (result->flags & QCLIENT_GATED)
        paint_text(&line, PAINT_DIM, " (gated)");
    paint_end(&line);
}

// ---- what becomes of a result ----

static void event_run(struct watch *watch, const struct qclient_result *result, uint32_t hit,
                      struct json_object *json)
{
    struct runner_event event = {
        .stream = watch->stream,
        .label = qclient_label(watch->client, result->hits[hit].label),
        .json = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE),
        .socket = watch->settings->socket,
        .index = result->hits[hit].label,
        .score = (double)result->hits[hit].score,
        .sequence = result->sequence,
        .frame = result->frame,
        .wall_ns = wall_ns(result)};
    runner_start(&watch->runner, &event);
}

static struct json_object *result_json(struct watch *watch, const struct qclient_result *result,
                                       uint64_t read_ns)
{
    const char *labels[QCLIENT_TOP_K_MAX];
    for (uint32_t i = 0; i < result->hit_count; i++)
        labels[i] = qclient_label(watch->client, result->hits[i].label);
    return result_json_make(result, labels, read_ns, watch->fps);
}

static void result_use(struct watch *watch, const struct qclient_result *result, uint32_t hit)
{
    uint64_t read_ns = now_ns(CLOCK_MONOTONIC);
    struct json_object *json = NULL;
    if (watch->settings->json || watch->settings->exec)
        json = result_json(watch, result, read_ns);
    if (watch->settings->json) {
        ask_print(json);
        fflush(stdout);
    } else {
        result_line(watch, result, read_ns);
    }
    if (watch->settings->exec)
        event_run(watch, result, hit, json);
    json_object_put(json);
}

// -1 to go on, or the exit status.
static int result_take(struct watch *watch, const struct qclient_result *result)
{
    uint32_t hit = 0;
    fps_count(watch, result);
    if (watch->settings->exec || trigger_is_set(&watch->trigger)) {
        int verdict = trigger_judge(&watch->trigger, watch->client, result, &hit);
        if (verdict < 0)
            return CTL_EXIT_FAILED;
        if (verdict < (watch->settings->exec ? TRIGGER_EVENT : TRIGGER_MATCH))
            return -1;
    }
    result_use(watch, result, hit);
    if (ferror(stdout))
        return CTL_EXIT_FAILED;
    return watch->remaining > 0 && --watch->remaining == 0 ? CTL_EXIT_OK : -1;
}

// ---- reading ----

// A stream that is not ready yet (its model loads) is waited for; a missing daemon only with
// --wait.
static int watch_connect(struct watch *watch, const char *stream)
{
    struct qclient_options options = {.size = sizeof(options),
                                      .socket = watch->settings->socket,
                                      .stream = stream,
                                      .name = "qctl watch",
                                      .connect_timeout_ms = watch->settings->wait_ms};
    int status = qclient_connect(&options, &watch->client);
    for (int i = 0; i < 50 && status == -EAGAIN; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        status = qclient_connect(&options, &watch->client);
    }
    return status;
}

// A watch that shows nothing looks like one that is broken: is it the stream?
static void silence_explain(struct watch *watch)
{
    struct json_object *answer, *stream;
    char raw[1024], text[1024];
    watch->asked = true;
    if (ask(watch->settings, "streams", &answer) != 0)
        return;
    for (size_t i = 0; (stream = ask_item(answer, "streams", i)) != NULL; i++) {
        if (watch->stream && strcmp(ask_string(stream, "name"), watch->stream) != 0)
            continue;
        snprintf(raw, sizeof(raw), "stream %s is %s: %s%s%s", ask_string(stream, "name"),
                 ask_string(stream, "state"), ask_string(stream, "reason"),
                 *ask_string(stream, "hint") ? "; " : "", ask_string(stream, "hint"));
        text_clean(raw, false, text, sizeof(text));
        if (*ask_string(stream, "reason"))
            fprintf(stderr, "qctl: no results yet: %s\n", text);
        break;
    }
    json_object_put(answer);
}

static int watch_ended(const struct watch *watch)
{
    fprintf(stderr, "qctl: the stream was closed\n");
    return watch->settings->count ? CTL_EXIT_NOT_RUNNING : CTL_EXIT_OK;
}

// Until the next result, but not past until_ns (0: for ever): what qclient_next says, or -EAGAIN to
// look again.
static int result_next(struct watch *watch, struct qclient_result *result, uint64_t until_ns)
{
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    int timeout_ms = until_ns == 0 ? -1 : until_ns > now ? (int)((until_ns - now) / 1000000) : 0;
    bool looks = runner_is_busy(&watch->runner);
    if (looks && (timeout_ms < 0 || timeout_ms > CHILD_LOOK_MS))
        timeout_ms = CHILD_LOOK_MS;
    bool explains = !watch->asked && watch->counted == 0 && until_ns == 0;
    if (explains && timeout_ms < 0)
        timeout_ms = QUIET_MS;
    int status = qclient_next(watch->client, result, timeout_ms);
    if (looks)
        runner_poll(&watch->runner);
    if (explains && status == -ETIMEDOUT)
        silence_explain(watch);
    if (status == -ETIMEDOUT || status == -EAGAIN)
        return until_ns && now_ns(CLOCK_MONOTONIC) >= until_ns ? -ETIMEDOUT : -EAGAIN;
    return status == -EINTR ? -EAGAIN : status;
}

static int watch_run(struct watch *watch)
{
    uint64_t until_ns = 0; // after an orderly end only as long as --wait says
    for (;;) {
        struct qclient_result result;
        int status = result_next(watch, &result, until_ns);
        if (status == -EAGAIN)
            continue;
        if (status == -ECONNRESET) {
            watch->asked = true; // it is known now
            fprintf(stderr, "qctl: qedged went away, waiting for it to come back\n");
            continue;
        }
        if (status == -EPIPE && watch->settings->wait_ms > 0) {
            fprintf(stderr, "qctl: the stream was closed, waiting for it to come back\n");
            until_ns = now_ns(CLOCK_MONOTONIC) + (uint64_t)watch->settings->wait_ms * 1000000;
            continue;
        }
        if (status == -EPIPE || status == -ETIMEDOUT)
            return watch_ended(watch);
        if (status != 0)
            return ctl_complain(watch->settings, status, NULL);
        until_ns = 0;
        int code = result_take(watch, &result);
        if (code >= 0)
            return code;
    }
}

// What --exec tells of the stream: its name, also when it was not given. The caller's to free.
static int stream_name(const struct ctl_settings *settings, char **name)
{
    struct json_object *answer;
    int code = ask(settings, "streams", &answer);
    if (code != 0)
        return code;
    *name = strdup(ask_string(ask_item(answer, "streams", 0), "name"));
    json_object_put(answer);
    return *name && **name ? 0 : ctl_complain(settings, -ENODEV, NULL);
}

static int watch_start(struct watch *watch)
{
    int wait_ms = watch->settings->wait_ms;
    int status = watch_connect(watch, watch->stream);
    if (status != 0)
        return ctl_complain(watch->settings, status == -ETIMEDOUT && wait_ms ? -ENOENT : status,
                            NULL);
    int code = watch_run(watch);
    qclient_close(watch->client);
    return code;
}

int ctl_watch(const struct ctl_settings *settings, const char *stream)
{
    struct watch watch = {.settings = settings, .stream = stream, .remaining = settings->count};
    char *first = NULL;
    int code = settings->exec && !stream ? stream_name(settings, &first) : 0;
    watch.stream = first ? first : stream;
    trigger_init(&watch.trigger, settings);
    if (code == 0 && runner_init(&watch.runner, settings->exec, settings->json) < 0)
        code = ctl_complain(settings, -ENOMEM, NULL);
    if (code == 0)
        code = watch_start(&watch);
    runner_finish(&watch.runner);
    free(first);
    return code;
}
