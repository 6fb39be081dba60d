// SPDX-License-Identifier: Apache-2.0
//
// When nothing measures: this process's CPU time times what a busy core is taken to cost above an
// idle one (power.estimate_core_mw). A guess, and called one everywhere. It knows nothing of the
// camera, of memory, of the clock's changes or of what else runs.
//
// The default depends on the board. Each value is what a whole board's input rises by from idle to
// all cores busy, a core, as reviews of the boards commonly report it, rounded; own measurements
// should replace it.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "daemon/power_meter.h"
#include "common/sysfs.h"

#define MODEL_PATH "/sys/firmware/devicetree/base/model"

static const struct {
    const char *model; // how the device tree's name begins
    int core_mw;
} boards[] = {
    {"Raspberry Pi 5", 1500},      {"Raspberry Pi Compute Module 5", 1500},
    {"Raspberry Pi 500", 1500},    {"Raspberry Pi 4", 900},
    {"Raspberry Pi 400", 900},     {"Raspberry Pi Compute Module 4", 900},
    {"Raspberry Pi 3", 700},       {"Raspberry Pi Compute Module 3", 700},
    {"Raspberry Pi Zero 2", 450},
};
#define OTHER_CORE_MW 3000

struct estimate {
    double core_mw;
    uint64_t last_ns, last_cpu_ns;
};

static int board_core_mw(const char *root, char *model, size_t size)
{
    if (sysfs_read_text(root, MODEL_PATH, model, size) < 0)
        snprintf(model, size, "unknown board");
    for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++)
        if (strncmp(model, boards[i].model, strlen(boards[i].model)) == 0)
            return boards[i].core_mw;
    return OTHER_CORE_MW;
}

static int estimate_open(const struct power_settings *settings, struct power_meter *meter)
{
    char model[64];
    struct estimate *estimate = calloc(1, sizeof(*estimate));
    if (!estimate)
        return -ENOMEM;
    int core_mw = settings->config->estimate_core_mw;
    if (core_mw > 0)
        snprintf(model, sizeof(model), "power.estimate_core_mw");
    else
        core_mw = board_core_mw(settings->root, model, sizeof(model));
    estimate->core_mw = core_mw;
    estimate->last_ns = clock_now_ns();
    estimate->last_cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    snprintf(meter->detail, sizeof(meter->detail), "assumes %d mW a busy core (%s)", core_mw, model);
    meter->self = estimate;
    return 0;
}

static int estimate_sample(struct power_meter *meter, uint64_t now_ns, double *power_mw)
{
    struct estimate *estimate = meter->self;
    uint64_t cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (now_ns <= estimate->last_ns)
        return -EAGAIN;
    *power_mw = estimate->core_mw * (double)(cpu_ns - estimate->last_cpu_ns) /
                (double)(now_ns - estimate->last_ns);
    estimate->last_ns = now_ns;
    estimate->last_cpu_ns = cpu_ns;
    return 0;
}

static void estimate_close(struct power_meter *meter)
{
    free(meter->self);
}

const struct power_meter_kind power_estimate = {.name = "estimate",
                                                .scope = "qedged's CPU time, above idle",
                                                .estimated = true,
                                                .open = estimate_open,
                                                .sample = estimate_sample,
                                                .close = estimate_close};
