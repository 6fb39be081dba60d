// SPDX-License-Identifier: Apache-2.0

#include "daemon/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/stream.h"

int baseline_start(struct service *service, uint64_t client, uint32_t token, const char *seconds,
                   const char **error)
{
    char *end;
    long count = strtol(seconds, &end, 10);
    *error = "expected baseline and a number of seconds, 1 to 600";
    if (end == seconds || *end || count < 1 || count > BASELINE_SECONDS_MAX)
        return -EINVAL;
    *error = "a bench is under way";
    if (service->bench.load)
        return -EBUSY;
    int status = power_baseline_start(&service->power, clock_now_ns(), (uint32_t)count);
    *error = status == -EBUSY ? "a baseline is being measured"
                              : "nothing measures power here; an estimate needs no baseline";
    if (status < 0)
        return status;
    service->baseline_client = client;
    service->baseline_token = token;
    pool_set_paused(service->pool, true);
    log_info("paused for %ld s: the idle power is measured", count + 1);
    return 0;
}

static void answer(struct service *service, int status)
{
    struct power_report report;
    struct json_writer json;
    char text[512] = "the meter gave no numbers";
    power_get(&service->power, &report);
    if (status == 0) {
        json_write_init(&json, text, sizeof(text));
        json_write_object_begin(&json);
        json_write_member_fixed(&json, "baseline_mw", report.baseline_mw, 1);
        json_write_member_string(&json, "source", report.source);
        json_write_member_string(&json, "scope", report.scope);
        if (service->power.baseline_unkept < 0)
            json_write_member_string(&json, "not_kept", strerror(-service->power.baseline_unkept));
        json_write_object_end(&json);
        json_write_finish(&json);
    }
    control_answer(&service->control, service->baseline_client, service->baseline_token, status,
                   text, strlen(text));
}

static void resume(struct service *service)
{
    pool_set_paused(service->pool, false);
    for (uint32_t i = 0; i < service->stream_count; i++)
        stream_forget_rates(service->streams[i]);
}

void baseline_forget_client(struct service *service, uint64_t client)
{
    if (!power_baseline_runs(&service->power) || service->baseline_client != client)
        return;
    log_info("idle power: who asked has gone, the streams go on");
    power_baseline_cancel(&service->power);
    resume(service);
}

void baseline_tick(struct service *service, uint64_t now_ns)
{
    int status = power_baseline_poll(&service->power, now_ns);
    if (status > 0)
        return;
    resume(service);
    if (status == 0)
        log_info("idle power: %.0f mW (%s)", service->power.baseline_mw,
                 service->power.meter.kind->name);
    else
        log_warning("idle power: the meter gave no numbers");
    answer(service, status);
}
