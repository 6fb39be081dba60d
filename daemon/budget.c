// SPDX-License-Identifier: Apache-2.0

#include "daemon/budget.h"

#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/source.h"
#include "daemon/stream.h"

#define FREE_NS                                                                                    \
    ((STREAM_RATE_SECONDS + 1) * CLOCK_NS_PER_S) // until rates know nothing of what was held
#define FPS_MIN 0.2

// first: a meter that was opened a moment ago may give its first number in a second.
static void read_machine(const struct service *service, bool first,
                         struct governor_reading *reading)
{
    struct power_report power;
    power_get(&service->power, &power);
    bool measured = power.source && (first || power.has_power || power.has_mean);
    *reading = (struct governor_reading){
        .known = {[GOVERNOR_WATTS] = measured,
                  [GOVERNOR_CELSIUS] = service->machine.has_temperature,
                  [GOVERNOR_MJ] = measured && power.has_baseline},
        .value = {[GOVERNOR_WATTS] = power.power_mw / 1000,
                  [GOVERNOR_CELSIUS] = service->machine.temperature_c,
                  [GOVERNOR_MJ] = power.has_inference ? power.inference_mj : 0},
        .idle_w = power.baseline_mw / 1000};
}

// The rate that a stream has when nothing is held back is what a share is a share of.
static void remember_rates(struct service *service, uint64_t now_ns)
{
    if (governor_holds(&service->governor) || now_ns - service->governor.changed_ns < FREE_NS)
        return;
    for (uint32_t i = 0; i < service->stream_count; i++) {
        struct stream_rates rates;
        stream_get_rates(service->streams[i], &rates);
        if (rates.seconds > 0 && rates.fps_out > 0)
            service->streams[i]->free_fps = rates.fps_out;
    }
}

static double limit_of(const struct governor *governor, const struct stream *stream)
{
    struct stream_rates rates;
    double wanted = stream->config.max_fps, free_fps = stream->free_fps;
    stream_get_rates(stream, &rates);
    if (free_fps <= 0) // held back since it came
        free_fps = wanted > 0 && wanted < rates.fps_in ? wanted : rates.fps_in;
    if (governor->share >= 1 || free_fps <= 0)
        return wanted;
    double held = free_fps * governor->share;
    if (held < FPS_MIN)
        held = FPS_MIN;
    return wanted > 0 && wanted < held ? wanted : held;
}

static void apply(struct service *service)
{
    const struct governor *governor = &service->governor;
    pool_set_threads(service->pool, governor->threads);
    for (uint32_t i = 0; i < service->stream_count; i++) {
        struct stream *stream = service->streams[i];
        double fps = limit_of(governor, stream);
        if (fps != stream->limit_fps || stream->config.max_fps != stream->max_fps)
            pool_set_max_fps(service->pool, stream, stream->config.max_fps, fps);
        stream->limit_fps = fps;
    }
}

static void say(struct service *service)
{
    char reason[200], hint[160];
    const char *state = governor_state(&service->governor);
    if (strcmp(state, service->governor_said) == 0)
        return;
    governor_describe(&service->governor, reason, sizeof(reason), hint, sizeof(hint));
    if (hint[0])
        log_warning("%s; %s", reason, hint);
    else if (!reason[0])
        log_info("within the budget: nothing is held back any more");
    service->governor_said = state;
}

void budget_init(struct service *service, uint64_t now_ns)
{
    governor_init(&service->governor, &service->config->budget, pool_threads(service->pool),
                  now_ns);
    machine_sample(&service->machine, now_ns); // what there is to measure with
    read_machine(service, true, &service->governor.reading);
    service->governor_said = "free";
    say(service);
}

void budget_reload(struct service *service)
{
    governor_set(&service->governor, &service->config->budget);
    apply(service);
    for (uint32_t i = 0; i < service->source_count; i++)
        source_retune(service->sources[i]);
}

void budget_tick(struct service *service, uint64_t now_ns)
{
    struct governor_reading reading;
    if (power_baseline_runs(&service->power) || service->bench.load)
        return; // nothing works at the moment, or all does, and that says nothing
    remember_rates(service, now_ns);
    read_machine(service, false, &reading);
    governor_tick(&service->governor, &reading, now_ns);
    apply(service);
    say(service);
}

static void write_budgets(struct json_writer *json, const struct governor *governor, bool measured)
{
    json_write_object_begin(json);
    for (int i = 0; i < GOVERNOR_BUDGETS; i++) {
        json_write_key(json, governor_key((enum governor_budget)i));
        if (governor->budget[i] <= 0 || (measured && !governor->reading.known[i]))
            json_write_null(json);
        else
            json_write_fixed(json, measured ? governor->reading.value[i] : governor->budget[i], 3);
    }
    json_write_object_end(json);
}

void budget_write(struct json_writer *json, const struct service *service)
{
    const struct governor *governor = &service->governor;
    char reason[200], hint[160];
    json_write_key(json, "governor");
    if (!governor_has_budget(governor) && !governor_holds(governor)) {
        json_write_null(json);
        return;
    }
    governor_describe(governor, reason, sizeof(reason), hint, sizeof(hint));
    json_write_object_begin(json);
    json_write_member_string(json, "state", governor_state(governor));
    json_write_member_string(json, "reason", reason);
    json_write_member_string(json, "hint", hint);
    json_write_key(json, "budget");
    write_budgets(json, governor, false);
    json_write_key(json, "measured");
    write_budgets(json, governor, true);
    json_write_member_string(
        json, "limit",
        governor_holds(governor) || governor->exceeded ? governor_key(governor->cause) : NULL);
    json_write_member_fixed(json, "frames_percent", 100 * governor->share, 1);
    json_write_member_u64(json, "threads", governor->threads);
    json_write_key(json, "held_s");
    if (governor_holds(governor))
        json_write_fixed(json, (double)(clock_now_ns() - governor->since_ns) / CLOCK_NS_PER_S, 1);
    else
        json_write_null(json);
    json_write_object_end(json);
}
