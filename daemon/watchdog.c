// SPDX-License-Identifier: Apache-2.0

#include "daemon/watchdog.h"

#include <stdlib.h>
#include <uv.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/pool.h"
#include "daemon/service.h"
#include "daemon/source.h"

bool watchdog_is_alive(const struct service *service, uint64_t limit_ns)
{
    uint64_t before = clock_now_ns() - limit_ns;
    if (pool_is_stalled(service->pool, before))
        return false;
    for (uint32_t i = 0; i < service->source_count; i++) {
        struct source_status status;
        source_get_status(service->sources[i], &status);
        // a paced source waits for workers, which were judged above
        if (status.state == SOURCE_RUNNING && !source_is_paced(service->sources[i]) &&
            status.beat_ns < before)
            return false;
    }
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct service *service = timer->data;
    uint64_t limit_ns = service->notify.watchdog_us * CLOCK_NS_PER_US / 2;
    if (watchdog_is_alive(service, limit_ns))
        notify_send(&service->notify, "WATCHDOG=1");
    else
        log_error("no progress for %.1f s: the watchdog is not fed any more",
                  (double)limit_ns / CLOCK_NS_PER_S);
}

void watchdog_start(struct service *service)
{
    static uv_timer_t timer; // one watchdog a process; must outlive this call and the loop
    uint64_t every_ms = service->notify.watchdog_us / 4000;
    if (service->notify.watchdog_us == 0)
        return;
    uv_timer_init(&service->loop, &timer);
    timer.data = service;
    uv_timer_start(&timer, on_timer, every_ms, every_ms ? every_ms : 1);
}
