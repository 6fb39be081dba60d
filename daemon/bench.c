// SPDX-License-Identifier: Apache-2.0

#include "daemon/bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "daemon/bench_load.h"
#include "daemon/network.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/status_json.h"
#include "daemon/stream.h"

#define ANSWER_MAX 4096

static uint64_t live_inferences(const struct service *service)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < service->stream_count; i++)
        count += stream_inferences(service->streams[i]);
    return count;
}

static uint64_t load_done(const struct bench *bench)
{
    return bench->load ? atomic_load_explicit(&bench->load->done, memory_order_relaxed) : 0;
}

uint64_t bench_inferences(const struct bench *bench)
{
    return bench->inferences + load_done(bench);
}

bool bench_is_alone(const struct bench *bench)
{
    return bench->load && bench->alone;
}

// ---- beginning ----

static int parse(struct bench *bench, const char *text)
{
    char *end;
    long seconds = strtol(text, &end, 10);
    if (end == text || *end != ' ' || seconds < 1 || seconds > BENCH_SECONDS_MAX)
        return -EINVAL;
    bool alone = strncmp(end, " alone", 6) == 0;
    if (!alone && strncmp(end, " beside", 7) != 0)
        return -EINVAL;
    end += alone ? 6 : 7;
    if (*end && *end != ' ')
        return -EINVAL;
    bench->alone = alone;
    bench->seconds = (uint32_t)seconds;
    return wire_text_set(bench->stream, sizeof(bench->stream), *end ? end + 1 : "");
}

// Of the stream's frames; before the first one came, of what it is most likely to be.
static void shape_get(struct service *service, const struct stream *stream, struct image *shape)
{
    pool_get_shape(service->pool, stream, shape);
    if (shape->format != IMAGE_NONE && shape->width > 0 && shape->height > 0)
        return;
    enum image_format format = shape->format == IMAGE_JPEG ? IMAGE_JPEG : IMAGE_YUYV;
    *shape = (struct image){.format = format, .width = 640, .height = 480};
}

static int load_start(struct service *service, struct bench *bench, struct stream *stream)
{
    struct image shape;
    struct network *network = network_ref(stream->network);
    shape_get(service, stream, &shape);
    bench->load = bench_load_create(network, &shape, stream->top_k,
                                    clock_now_ns() + (bench->seconds + 3) * CLOCK_NS_PER_S);
    if (!bench->load) {
        network_unref(network);
        return -ENOMEM;
    }
    struct pool_spare spare = {.take = bench_load_take,
                               .run = bench_load_run,
                               .arg = bench->load,
                               .with_team = stream_wants_team(stream) &&
                                            pool_has_team(service->pool)};
    snprintf(bench->mode, sizeof(bench->mode), "%s", spare.with_team ? "latency" : "throughput");
    if (bench->alone)
        pool_set_paused(service->pool, true);
    pool_set_spare(service->pool, &spare);
    return 0;
}

int bench_start(struct service *service, uint64_t client, uint32_t token, const char *text,
                const char **error)
{
    struct bench fresh = {.client = client,
                          .token = token,
                          .powered = true,
                          .inferences = service->bench.inferences};
    *error = "expected bench, a number of seconds (1 to 60), alone or beside, and a stream";
    if (parse(&fresh, text) < 0)
        return -EINVAL;
    *error = service->bench.load ? "a bench is under way" : "the idle power is being measured";
    if (service->bench.load || power_baseline_runs(&service->power))
        return -EBUSY;
    struct stream *stream = control_find_stream(&service->control, fresh.stream);
    *error = "no such stream";
    if (!stream)
        return -ENODEV;
    *error = "no memory for a bench";
    snprintf(fresh.stream, sizeof(fresh.stream), "%s", stream->config.name);
    int status = load_start(service, &fresh, stream);
    if (status < 0)
        return status;
    service->bench = fresh;
    log_info("bench of stream %s for %u s%s", fresh.stream, fresh.seconds,
             fresh.alone ? ": all streams are paused" : "");
    return 0;
}

// ---- ending ----

static void end(struct service *service)
{
    struct bench *bench = &service->bench;
    pool_set_spare(service->pool, NULL);
    if (bench->alone) {
        pool_set_paused(service->pool, false);
        for (uint32_t i = 0; i < service->stream_count; i++)
            stream_forget_rates(service->streams[i]);
    }
    bench->inferences = bench_inferences(bench);
    bench_load_unref(bench->load);
    bench->load = NULL;
}

void bench_finish(struct service *service)
{
    if (service->bench.load)
        end(service);
}

void bench_forget_client(struct service *service, uint64_t client)
{
    if (!service->bench.load || service->bench.client != client)
        return;
    log_info("bench of stream %s: who asked has gone, it ends", service->bench.stream);
    end(service);
}

// ---- the answer ----

static void write_frame(struct json_writer *json, const struct image *image)
{
    char text[64];
    snprintf(text, sizeof(text), "%s %dx%d", image_format_name(image->format), image->width,
             image->height);
    json_write_member_string(json, "frame", text);
}

static void write_energy(struct json_writer *json, const struct service *service, double seconds,
                         uint64_t inferences)
{
    const struct bench *bench = &service->bench;
    struct power_report report;
    power_get(&service->power, &report);
    double spent_mj = service->power.energy_mj - bench->from_mj;
    double above_mj = spent_mj - report.baseline_mw * seconds;
    bool known = report.source && bench->powered && seconds > 0;
    json_write_member_string(json, "power_source", report.source);
    json_write_member_string(json, "power_scope", report.source ? report.scope : NULL);
    json_write_member_bool(json, "power_estimated", report.estimated);
    json_write_key(json, "mean_mw");
    json_write_fixed(json, known ? spent_mj / seconds : (double)NAN, 1);
    json_write_key(json, "baseline_mw");
    json_write_fixed(json, report.has_baseline ? report.baseline_mw : (double)NAN, 1);
    json_write_key(json, "energy_per_inference_mj");
    json_write_fixed(json,
                     known && report.has_baseline && above_mj > 0 && inferences > 0
                         ? above_mj / (double)inferences
                         : (double)NAN,
                     6);
}

static void write_stages(struct json_writer *json, const struct bench_load *load)
{
    static const char *const names[BENCH_STAGES] = {"preprocess", "infer", "total"};
    struct stats_summary summary;
    for (unsigned i = 0; i < BENCH_STAGES; i++) {
        stats_histogram_summarize(&load->stages[i], &summary);
        json_write_key(json, names[i]);
        status_json_write_summary(json, &summary);
    }
}

static void write_throttle(struct json_writer *json, const struct service *service)
{
    char text[128];
    machine_describe(service->bench.throttle, text, sizeof(text));
    json_write_member_bool(json, "throttled", service->bench.throttle != 0);
    json_write_member_string(json, "throttle", text);
}

static int answer_make(struct service *service, uint64_t now_ns, char *text, size_t size)
{
    const struct bench *bench = &service->bench;
    struct stats_summary frames;
    struct json_writer json;
    double seconds = (double)(now_ns - bench->from_ns) / CLOCK_NS_PER_S;
    uint64_t live = live_inferences(service), done = load_done(bench) - bench->from_done;
    live = live > bench->from_live ? live - bench->from_live : 0; // a stream may be gone by now
    stats_histogram_summarize(&bench->load->stages[BENCH_FRAME], &frames);
    json_write_init(&json, text, size);
    json_write_object_begin(&json);
    json_write_member_string(&json, "stream", bench->stream);
    json_write_member_string(&json, "model", bench->load->network->config.path);
    json_write_member_string(&json, "kernel", status_json_kernel(bench->load->network->model));
    json_write_member_string(&json, "mode", bench->mode);
    json_write_member_u64(&json, "threads", pool_threads(service->pool));
    json_write_member_bool(&json, "alone", bench->alone);
    write_frame(&json, &bench->load->shape);
    json_write_member_fixed(&json, "seconds", seconds, 3);
    json_write_member_u64(&json, "frames", frames.count);
    json_write_member_fixed(&json, "fps", (double)frames.count / seconds, 2);
    json_write_member_fixed(&json, "live_fps", (double)live / seconds, 2);
    write_stages(&json, bench->load);
    write_energy(&json, service, seconds, done + live);
    write_throttle(&json, service);
    json_write_object_end(&json);
    return json_write_finish(&json);
}

static void answer(struct service *service, uint64_t now_ns)
{
    char text[ANSWER_MAX] = "";
    const struct bench *bench = &service->bench;
    int error = atomic_load(&bench->load->error);
    int length = error ? error : answer_make(service, now_ns, text, sizeof(text));
    if (length < 0) {
        snprintf(text, sizeof(text), "the synthetic frame can not be run: %s", strerror(-length));
        control_answer(&service->control, bench->client, bench->token, length, text, strlen(text));
    } else {
        control_answer(&service->control, bench->client, bench->token, 0, text, (size_t)length);
    }
}

// ---- the loop's second ----

static void begin(struct service *service, uint64_t now_ns)
{
    struct bench *bench = &service->bench;
    bench->from_ns = now_ns;
    bench->from_live = live_inferences(service);
    bench->from_done = load_done(bench);
    bench->from_mj = service->power.energy_mj;
    bench->powered = service->power.valid;
    atomic_store(&bench->load->from_ns, now_ns);
}

void bench_tick(struct service *service, uint64_t now_ns)
{
    struct bench *bench = &service->bench;
    if (!bench->load)
        return;
    if (machine_is_throttled(&service->machine))
        bench->throttle |= service->machine.throttle.now;
    if (bench->from_ns == 0 && !atomic_load(&bench->load->error)) {
        begin(service, now_ns);
        return;
    }
    bench->powered = bench->powered && service->power.valid;
    if (++bench->ticks < bench->seconds && !atomic_load(&bench->load->error))
        return;
    atomic_store(&bench->load->until_ns, now_ns);
    answer(service, now_ns);
    end(service);
}
