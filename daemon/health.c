// SPDX-License-Identifier: Apache-2.0

#include "daemon/health.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/source.h"
#include "daemon/stream.h"
#include "daemon/watchdog.h"

#define BAD_SHARE 0.1  // more broken frames than this are worth a word
#define SLOW_SHARE 0.6 // a camera that gives less than this of its rate
#define DROP_SHARE 0.1
#define FEW 10 // frames in the last seconds: too few to judge by

#define SAY(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)

static bool is_state(const struct stream_health *health, const char *state)
{
    return strcmp(health->state, state) == 0;
}

// ---- a stream that runs ----------------------------------------------------

static void judge_bad(const struct stream_rates *rates, struct stream_health *health)
{
    if (rates->bad_in <= FEW || (double)rates->bad_in < BAD_SHARE * (double)rates->frames_in)
        return;
    health->state = "degraded";
    SAY(health->reason, "%llu of the last %llu frames were broken",
        (unsigned long long)rates->bad_in, (unsigned long long)rates->frames_in);
    SAY(health->hint, "another cable or USB port, or a smaller source.size");
}

// Many cameras lengthen the exposure in the dark and halve their rate.
static void judge_rate(const struct stream *stream, double asked, const struct stream_rates *rates,
                       struct stream_health *health)
{
    if (stream->config.source.type != CONFIG_V4L2 || stream->config.source.fps <= 0 ||
        rates->seconds < 4 || rates->fps_in > SLOW_SHARE * asked)
        return;
    health->state = "degraded";
    SAY(health->reason, "the camera gives %.1f of %.4g frames/s", rates->fps_in, asked);
    SAY(health->hint, "more light, or the camera's control exposure_dynamic_framerate=0 (v4l2-ctl)");
}

static void judge_drops(const struct stream_rates *rates, struct stream_health *health)
{
    if (rates->frames_in <= FEW || rates->dropped <= FEW ||
        (double)rates->dropped < DROP_SHARE * (double)rates->frames_in)
        return;
    SAY(health->hint,
        "%.0f %% of the frames are dropped, the newest is taken: a lower source.fps, a smaller model "
        "or more workers.threads would end that",
        100.0 * (double)rates->dropped / (double)rates->frames_in);
}

// Left out by choice: no fault, but worth knowing.
static void judge_budget(const struct governor *governor, const struct stream *stream,
                         struct stream_health *health)
{
    if (governor_holds(governor) && stream->limit_fps > 0)
        SAY(health->hint, "held at %.1f frames/s by budget.%s", stream->limit_fps,
            governor_key(governor->cause));
}

static void call_stuck(const char *what, struct stream_health *health)
{
    health->state = "failed";
    SAY(health->reason, "%s for more than %llu s", what, WATCHDOG_STALL_NS / CLOCK_NS_PER_S);
    SAY(health->hint, "systemctl restart qedged; under systemd's watchdog that happens by itself");
}

static void judge_running(const struct service *service, const struct stream *stream,
                          const struct source_status *source, struct stream_health *health)
{
    uint64_t before = clock_now_ns() - WATCHDOG_STALL_NS;
    struct stream_rates rates;
    stream_get_rates(stream, &rates);
    if (power_baseline_runs(&service->power)) {
        health->state = "waiting";
        SAY(health->reason, "paused while the idle power is measured (qctl power --baseline)");
        return;
    }
    if (bench_is_alone(&service->bench)) {
        health->state = "waiting";
        SAY(health->reason, "paused for a measurement (qctl bench --alone)");
        return;
    }
    if (pool_is_stalled(service->pool, before)) {
        call_stuck("a worker has been at one frame", health);
        return;
    }
    if (source->beat_ns < before && !source_is_paced(stream->source)) {
        call_stuck("its capture thread has stood still", health);
        return;
    }
    judge_budget(&service->governor, stream, health);
    judge_drops(&rates, health);
    judge_rate(stream, source->asked_fps, &rates, health);
    judge_bad(&rates, health);
}

void health_of_stream(const struct service *service, const struct stream *stream,
                      struct stream_health *health)
{
    static const char *const states[] = {
        [SOURCE_STARTING] = "starting", [SOURCE_RUNNING] = "running", [SOURCE_WAITING] = "waiting",
        [SOURCE_FAILED] = "failed",     [SOURCE_FINISHED] = "finished"};
    struct source_status source;
    memset(health, 0, sizeof(*health));
    source_get_status(stream->source, &source);
    health->state = states[source.state];
    health->missed = source.missed;
    SAY(health->reason, "%s", source.trouble.reason);
    SAY(health->hint, "%s", source.trouble.hint);
    SAY(health->source, "%s", source.text);
    if (source.state == SOURCE_STARTING)
        SAY(health->reason, "its source is being opened for the first time");
    if (source.state == SOURCE_FINISHED) {
        SAY(health->reason, "the recording has come to its end");
        SAY(health->hint, "source.loop: true starts it again");
    }
    if (source.state == SOURCE_RUNNING)
        judge_running(service, stream, &source, health);
}

// ---- the daemon ------------------------------------------------------------

// How much worse than running.
static int rank(const struct stream_health *health)
{
    return is_state(health, "failed")     ? 4
           : is_state(health, "waiting")  ? 3
           : is_state(health, "degraded") ? 2
           : is_state(health, "starting") ? 1
                                          : 0;
}

static void judge_machine(const struct machine *machine, struct daemon_health *health)
{
    char causes[80];
    if (!machine_is_throttled(machine) || !health->healthy)
        return;
    bool volts = machine->throttle.now & FIRMWARE_UNDER_VOLTAGE;
    machine_describe(machine->throttle.now, causes, sizeof(causes));
    health->healthy = false;
    health->state = "degraded";
    SAY(health->reason, "the machine is held back: %s", causes);
    SAY(health->hint, "%s", volts ? "a stronger power supply, a shorter or thicker cable"
                                  : "better cooling, or less work: a lower source.fps");
}

// A budget that is held is as it should be; one that is not, is not.
static void judge_governor(const struct governor *governor, struct daemon_health *health)
{
    const char *state = governor_state(governor);
    if (!health->healthy || (strcmp(state, "blind") != 0 && strcmp(state, "exceeded") != 0))
        return;
    health->healthy = false;
    health->state = "degraded";
    governor_describe(governor, health->reason, sizeof(health->reason), health->hint,
                      sizeof(health->hint));
}

void health_of_daemon(const struct service *service, struct daemon_health *health)
{
    int worst = 0;
    uint32_t giving = 0;
    *health = (struct daemon_health){.healthy = true, .state = "running"};
    for (uint32_t i = 0; i < service->stream_count; i++) {
        struct stream_health stream;
        health_of_stream(service, service->streams[i], &stream);
        int here = rank(&stream);
        giving += here == 0 || here == 2;
        if (here <= worst)
            continue;
        worst = here;
        health->healthy = false;
        SAY(health->reason, "stream %.63s is %s%s%.200s", service->streams[i]->config.name,
            stream.state, stream.reason[0] ? ": " : "", stream.reason);
        SAY(health->hint, "%s", stream.hint);
    }
    if (worst > 0)
        health->state = worst == 4 && giving == 0 ? "failed" : "degraded";
    judge_machine(&service->machine, health);
    judge_governor(&service->governor, health);
}
