// SPDX-License-Identifier: Apache-2.0

#include "daemon/power.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/output_file.h"

#define FAILURES_MAX 3
#define LOOK_AGAIN_NS (10 * CLOCK_NS_PER_S)
#define SETTLE_NS CLOCK_NS_PER_S // after the inferences stop, before the baseline counts

// ---- the baseline's file ---------------------------------------------------

// "SOURCE MILLIWATTS": another source's baseline is not this one's.
static void baseline_load(struct power *power)
{
    char source[32] = "", text[128] = "";
    double milliwatts;
    if (!power->state_path[0] || !power->meter.kind)
        return;
    cleanup_fd int fd = open(power->state_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return;
    if (sscanf(text, "%31s %lf", source, &milliwatts) == 2 &&
        strcmp(source, power->meter.kind->name) == 0 && milliwatts > 0 && milliwatts < 1e7)
        power->baseline_mw = milliwatts;
}

static void baseline_keep(struct power *power)
{
    char text[64];
    power->baseline_unkept = 0;
    if (!power->state_path[0])
        return;
    int length = snprintf(text, sizeof(text), "%s %.3f\n", power->meter.kind->name,
                          power->baseline_mw);
    power->baseline_unkept = output_file_write(power->state_path, text, (size_t)length);
    if (power->baseline_unkept < 0)
        log_warning("idle power: holds until the end of this process only: %s: %s",
                    power->state_path, strerror(-power->baseline_unkept));
}

// ---- life ------------------------------------------------------------------

// Takes *meter over, open or not.
static void adopt_meter(struct power *power, const struct power_meter *meter, uint64_t now_ns)
{
    double ignored; // a counter's first look
    power->meter = *meter;
    power->failures = 0;
    power->baseline_mw = -1;
    if (!meter->kind)
        return;
    if (meter->kind->estimated)
        power->baseline_mw = 0;
    else if (power->config.baseline_mw > 0)
        power->baseline_mw = power->config.baseline_mw;
    else
        baseline_load(power);
    power->meter.kind->sample(&power->meter, now_ns, &ignored);
}

static void open_meter(struct power *power, uint64_t now_ns)
{
    struct power_meter meter;
    power->looked_ns = now_ns;
    power_meter_open(&power->settings, &meter);
    adopt_meter(power, &meter, now_ns);
}

void power_init(struct power *power, const struct config_power *config,
                const struct firmware_ops *firmware, const char *root, const char *state_folder)
{
    memset(power, 0, sizeof(*power));
    power->config = *config;
    power->settings =
        (struct power_settings){.config = &power->config, .root = root, .firmware = firmware};
    if (state_folder && state_folder[0])
        snprintf(power->state_path, sizeof(power->state_path), "%.490s/power_baseline",
                 state_folder);
    uint64_t now = clock_now_ns();
    power->sampled_ns = now;
    open_meter(power, now);
}

void power_finish(struct power *power)
{
    power_meter_close(&power->meter);
}

// ---- sampling --------------------------------------------------------------

static void window_clear(struct power *power)
{
    power->window_count = power->window_at = 0;
    power->energy_mj = 0;
    power->valid = false;
}

// Only a measured number is worth changing for.
static void look_for_better(struct power *power, uint64_t now_ns)
{
    struct power_meter meter;
    power->looked_ns = now_ns;
    if (power_meter_open(&power->settings, &meter) < 0 || meter.kind->estimated) {
        power_meter_close(&meter);
        return;
    }
    power_meter_close(&power->meter);
    window_clear(power);
    adopt_meter(power, &meter, now_ns);
    log_info("power: from %s (%s) now", power->meter.kind->name, power->meter.detail);
}

// This meter may be gone, or a better one plugged in.
static void look_again(struct power *power, uint64_t now_ns)
{
    bool lost = power->meter.kind && power->failures >= FAILURES_MAX;
    bool due = now_ns - power->looked_ns > LOOK_AGAIN_NS;
    if (!lost && due && power->meter.kind && power->meter.kind->estimated &&
        power->config.source == CONFIG_POWER_AUTO)
        look_for_better(power, now_ns);
    if (!lost && (power->meter.kind || !due))
        return;
    if (lost)
        log_cause_say(&power->cause, LOG_LEVEL_WARNING, "power: %s (%s) gives no numbers any more",
                      power->meter.kind->name, power->meter.detail);
    power_meter_close(&power->meter);
    window_clear(power);
    open_meter(power, now_ns);
    if (power->meter.kind)
        log_cause_clear(&power->cause, "power: from %s (%s) now", power->meter.kind->name,
                        power->meter.detail);
}

static void window_add(struct power *power, const struct power_sample *sample)
{
    power->window[power->window_at] = *sample;
    power->window_at = (power->window_at + 1) % POWER_WINDOW;
    if (power->window_count < POWER_WINDOW)
        power->window_count++;
    power->energy_mj += sample->energy_mj;
}

static void baseline_add(struct power *power, uint64_t now_ns, const struct power_sample *sample)
{
    if (!power->baseline_until_ns || now_ns - sample->ns < power->baseline_from_ns)
        return;
    power->baseline_energy_mj += sample->energy_mj;
    power->baseline_ns += sample->ns;
}

// A second without a number is part of the next one that has a number: counters cover it anyway.
void power_sample(struct power *power, uint64_t now_ns, uint64_t inferences)
{
    look_again(power, now_ns);
    struct power_sample sample = {.ns = now_ns - power->sampled_ns};
    if (inferences > power->inferences)
        sample.inferences = inferences - power->inferences;
    int status = power->meter.kind
                     ? power->meter.kind->sample(&power->meter, now_ns, &power->power_mw)
                     : -EAGAIN;
    power->valid = status == 0 && sample.ns > 0;
    if (status < 0 && status != -EAGAIN) {
        power->failures++;
        return;
    }
    power->failures = 0;
    power->inferences = inferences;
    power->sampled_ns = now_ns;
    if (!power->valid)
        return;
    sample.energy_mj = power->power_mw * (double)sample.ns / CLOCK_NS_PER_S;
    window_add(power, &sample);
    baseline_add(power, now_ns, &sample);
}

static void report_window(const struct power *power, struct power_report *report)
{
    double energy_mj = 0, seconds = 0;
    for (unsigned i = 0; i < power->window_count; i++) {
        const struct power_sample *sample = &power->window[i];
        energy_mj += sample->energy_mj;
        seconds += (double)sample->ns / CLOCK_NS_PER_S;
        report->inferences += sample->inferences;
    }
    report->window_s = seconds;
    report->has_mean = seconds > 0;
    if (!report->has_mean)
        return;
    report->mean_mw = energy_mj / seconds;
    double above_mj = energy_mj - report->baseline_mw * seconds;
    report->has_inference = report->has_baseline && report->inferences > 0 && above_mj >= 0;
    if (report->has_inference)
        report->inference_mj = above_mj / (double)report->inferences;
}

void power_get(const struct power *power, struct power_report *report)
{
    const struct power_meter_kind *kind = power->meter.kind;
    *report = (struct power_report){.detail = power->meter.detail};
    if (!kind)
        return;
    report->source = kind->name;
    report->scope = kind->scope;
    report->estimated = kind->estimated;
    report->has_power = power->valid;
    report->power_mw = power->power_mw;
    report->energy_mj = power->energy_mj;
    report->has_baseline = power->baseline_mw >= 0;
    report->baseline_mw = report->has_baseline ? power->baseline_mw : 0;
    report_window(power, report);
}

// ---- measuring the baseline ------------------------------------------------

bool power_baseline_runs(const struct power *power)
{
    return power->baseline_until_ns != 0;
}

void power_baseline_cancel(struct power *power)
{
    power->baseline_until_ns = 0;
}

int power_baseline_start(struct power *power, uint64_t now_ns, uint32_t seconds)
{
    if (!power->meter.kind || power->meter.kind->estimated)
        return -ENODATA;
    if (power_baseline_runs(power))
        return -EBUSY;
    power->baseline_from_ns = now_ns + SETTLE_NS;
    power->baseline_until_ns = power->baseline_from_ns + seconds * CLOCK_NS_PER_S;
    power->baseline_energy_mj = 0;
    power->baseline_ns = 0;
    return 0;
}

int power_baseline_poll(struct power *power, uint64_t now_ns)
{
    if (!power_baseline_runs(power) || now_ns < power->baseline_until_ns)
        return 1;
    power->baseline_until_ns = 0;
    if (power->baseline_ns == 0)
        return -ENODATA;
    power->baseline_mw =
        power->baseline_energy_mj / ((double)power->baseline_ns / CLOCK_NS_PER_S);
    baseline_keep(power);
    return 0;
}
