// SPDX-License-Identifier: Apache-2.0
//
// `qctl watch`: one line a result, as it comes; with --json one object a line. A reader like any
// other: it shows what every client app gets.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/paint.h"
#include "qclient.h"

#define STAGES 5
#define SHOWN_HITS 3
#define SHOWN_SCORE 0.005 // rounds to 0.00
#define BAR_COLUMNS 6
#define FPS_WINDOW 32

static const char *const stage_names[STAGES] = {"capture", "wait", "preprocess", "infer",
                                                "publish"};

struct watch {
    const struct ctl_settings *settings;
    struct qclient *client;
    uint64_t published_ns[FPS_WINDOW]; // of the last results
    uint64_t shown;
    long remaining;
};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

// A stage whose stamps are missing or run backwards took no time.
static double microseconds(uint64_t from, uint64_t to)
{
    return from && to > from ? (double)(to - from) / 1000 : 0;
}

static void stages_compute(const struct qclient_result *result, double stages[STAGES])
{
    stages[0] = microseconds(result->sensor_ns, result->dequeued_ns);
    stages[1] = microseconds(result->dequeued_ns, result->started_ns);
    stages[2] = microseconds(result->started_ns, result->preprocessed_ns);
    stages[3] = microseconds(result->preprocessed_ns, result->inferred_ns);
    stages[4] = microseconds(result->inferred_ns, result->published_ns);
}

// Over the last results; 0 until there are two.
static double fps(struct watch *watch, const struct qclient_result *result)
{
    uint64_t known = watch->shown < FPS_WINDOW ? watch->shown : FPS_WINDOW;
    uint64_t oldest = watch->published_ns[(watch->shown - known) % FPS_WINDOW];
    double rate = known && result->published_ns > oldest
                      ? (double)known * 1e9 / (double)(result->published_ns - oldest)
                      : 0;
    watch->published_ns[watch->shown % FPS_WINDOW] = result->published_ns;
    watch->shown++;
    return rate;
}

static struct json_object *number(double value, int decimals)
{
    char text[64];
    snprintf(text, sizeof(text), "%.*f", decimals, value);
    return json_object_new_double_s(value, text);
}

static struct json_object *flags_json(const struct qclient_result *result)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{QCLIENT_RECONNECTED, "reconnected"},
                 {QCLIENT_LOST, "lost"},
                 {QCLIENT_MODEL_CHANGED, "model_changed"},
                 {QCLIENT_LAST, "last"},
                 {QCLIENT_THROTTLED, "throttled"}};
    struct json_object *array = json_object_new_array();
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (result->flags & names[i].flag)
            json_object_array_add(array, json_object_new_string(names[i].name));
    }
    return array;
}

// json-c passes bytes through: a label that is not UTF-8 must not make the line invalid.
static struct json_object *label_json(const char *label)
{
    char clean[512];
    size_t length = 0;
    for (; *label && length + 4 < sizeof(clean); label++) {
        unsigned char byte = (unsigned char)*label;
        static const unsigned char least[] = {0xc2, 0xe0, 0xf0};
        size_t size = byte < 0x80                           ? 1
                      : byte >= least[2] && byte <= 0xf4    ? 4
                      : byte >= least[1] && byte < least[2] ? 3
                      : byte >= least[0] && byte < least[1] ? 2
                                                            : 0;
        size_t good = size ? 1 : 0;
        while (good && good < size && ((unsigned char)label[good] & 0xc0) == 0x80)
            good++;
        if (!size || good < size) {
            clean[length++] = '?';
            continue;
        }
        memcpy(clean + length, label, size);
        length += size;
        label += size - 1;
    }
    return json_object_new_string_len(clean, (int)length);
}

static struct json_object *hits_json(struct watch *watch, const struct qclient_result *result)
{
    struct json_object *array = json_object_new_array();
    for (uint32_t i = 0; i < result->hit_count; i++) {
        struct json_object *hit = json_object_new_object();
        json_object_object_add(hit, "index", json_object_new_int64(result->hits[i].label));
        json_object_object_add(hit, "label",
                               label_json(qclient_label(watch->client, result->hits[i].label)));
        float score = result->hits[i].score;
        json_object_object_add(
            hit, "score", score - score == 0 ? number((double)score, 6) : NULL); // NaN, Inf: null
        json_object_array_add(array, hit);
    }
    return array;
}

static void result_json(struct watch *watch, const struct qclient_result *result, uint64_t read_ns)
{
    double stages[STAGES];
    struct json_object *root = json_object_new_object();
    struct json_object *latency = json_object_new_object();
    stages_compute(result, stages);
    for (unsigned i = 0; i < STAGES; i++)
        json_object_object_add(latency, stage_names[i], number(stages[i], 1));
    json_object_object_add(root, "sequence", json_object_new_uint64(result->sequence));
    json_object_object_add(root, "frame", json_object_new_uint64(result->frame));
    json_object_object_add(root, "generation", json_object_new_int64(result->generation));
    json_object_object_add(root, "published_ns", json_object_new_uint64(result->published_ns));
    json_object_object_add(root, "latency_us", latency);
    json_object_object_add(root, "total_us",
                           number(microseconds(result->sensor_ns, result->published_ns), 1));
    json_object_object_add(root, "read_us", number(microseconds(result->sensor_ns, read_ns), 1));
    json_object_object_add(root, "fps", number(fps(watch, result), 2));
    json_object_object_add(root, "lost", json_object_new_uint64(result->lost));
    json_object_object_add(root, "flags", flags_json(result));
    json_object_object_add(root, "hits", hits_json(watch, result));
    ask_print(root);
    fflush(stdout);
    json_object_put(root);
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

static void time_text(const struct qclient_result *result, char text[32])
{
    uint64_t wall = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC) + result->published_ns;
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
                 microseconds(result->sensor_ns, result->published_ns) / 1000);
    paint_format(&line, PAINT_DIM, "%s%.1f ms", paint_utf8() ? "→" : ">",
                 microseconds(result->sensor_ns, read_ns) / 1000);
    paint_format(&line, PAINT_DIM, " %5.1f/s ", fps(watch, result));
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
    paint_end(&line);
}

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

static int watch_ended(const struct watch *watch)
{
    fprintf(stderr, "qctl: the stream was closed\n");
    return watch->settings->count ? CTL_EXIT_NOT_RUNNING : CTL_EXIT_OK;
}

static int watch_run(struct watch *watch)
{
    const int patience_ms = watch->settings->wait_ms;
    int timeout_ms = -1; // after an orderly end only as long as --wait says
    for (;;) {
        struct qclient_result result;
        int status = qclient_next(watch->client, &result, timeout_ms);
        if (status == -ECONNRESET) {
            fprintf(stderr, "qctl: qedged went away, waiting for it to come back\n");
            continue;
        }
        if (status == -EINTR)
            continue;
        if (status == -EPIPE && patience_ms > 0) {
            fprintf(stderr, "qctl: the stream was closed, waiting for it to come back\n");
            timeout_ms = patience_ms;
            continue;
        }
        if (status == -EPIPE || (status == -ETIMEDOUT && timeout_ms >= 0))
            return watch_ended(watch);
        if (status != 0)
            return ctl_complain(watch->settings, status, NULL);
        timeout_ms = -1;
        uint64_t read_ns = now_ns(CLOCK_MONOTONIC);
        if (watch->settings->json)
            result_json(watch, &result, read_ns);
        else
            result_line(watch, &result, read_ns);
        if (ferror(stdout))
            return CTL_EXIT_FAILED;
        if (watch->remaining > 0 && --watch->remaining == 0)
            return CTL_EXIT_OK;
    }
}

int ctl_watch(const struct ctl_settings *settings, const char *stream)
{
    struct watch watch = {.settings = settings, .remaining = settings->count};
    int status = watch_connect(&watch, stream);
    if (status != 0)
        return ctl_complain(settings, status == -ETIMEDOUT && settings->wait_ms ? -ENOENT : status,
                            NULL);
    int code = watch_run(&watch);
    qclient_close(watch.client);
    return code;
}
