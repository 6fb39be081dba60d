// SPDX-License-Identifier: Apache-2.0
//
// The processor packages' energy counters as a meter.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/rapl.h"
#include "daemon/power_meter.h"

struct counters {
    struct rapl rapl;
    uint64_t last_ns; // 0 = no look yet
};

static int rapl_meter_open(const struct power_settings *settings, struct power_meter *meter)
{
    struct counters *counters = calloc(1, sizeof(*counters));
    if (!counters)
        return -ENOMEM;
    int status = rapl_open(&counters->rapl, settings->root);
    if (status < 0) {
        free(counters);
        if (status == -EACCES || status == -EPERM)
            snprintf(meter->detail, sizeof(meter->detail),
                     "only root may read RAPL here; 70-qedge.rules tells how to open it");
        else
            status = -ENODEV;
        return status;
    }
    snprintf(meter->detail, sizeof(meter->detail), "%d processor package%s", counters->rapl.count,
             counters->rapl.count == 1 ? "" : "s");
    meter->self = counters;
    return 0;
}

static int rapl_meter_sample(struct power_meter *meter, uint64_t now_ns, double *power_mw)
{
    struct counters *counters = meter->self;
    double spent_uj;
    int status = rapl_spent(&counters->rapl, &spent_uj);
    if (status < 0)
        return status;
    uint64_t before = counters->last_ns;
    counters->last_ns = now_ns;
    if (before == 0 || now_ns <= before)
        return -EAGAIN;
    *power_mw = spent_uj / 1e3 / ((double)(now_ns - before) / CLOCK_NS_PER_S);
    return 0;
}

static void rapl_meter_close(struct power_meter *meter)
{
    free(meter->self);
}

const struct power_meter_kind power_rapl = {.name = "rapl",
                                            .scope = "processor packages",
                                            .open = rapl_meter_open,
                                            .sample = rapl_meter_sample,
                                            .close = rapl_meter_close};
