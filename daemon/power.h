// SPDX-License-Identifier: Apache-2.0
//
// Power as status tells it: the present watts, the mean over the last seconds, the energy spent,
// and what an inference costs above the idle baseline. Every number comes with its source, scope
// and window (power_meter.h). The loop's; sampled once a second, and nothing is done for it on the
// frame path.

#ifndef QEDGE_DAEMON_POWER_H
#define QEDGE_DAEMON_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/log.h"
#include "daemon/power_meter.h"

#define POWER_WINDOW 10      // samples that the mean is of
#define POWER_TEXT_MAX 240

struct power_sample {
    uint64_t ns;         // how long it stands for
    double energy_mj;    // spent in it
    uint64_t inferences; // done in it
};

struct power {
    struct config_power config;
    struct power_settings settings;
    struct power_meter meter;
    struct log_cause cause;
    uint64_t sampled_ns, looked_ns;
    uint64_t inferences; // as counted when there was a number last
    unsigned failures;   // in a row
    bool valid;          // power_mw is of the last second
    double power_mw;
    double energy_mj; // since the start
    struct power_sample window[POWER_WINDOW];
    unsigned window_at, window_count;
    double baseline_mw;  // -1 = not known
    char state_path[512]; // where a measured baseline is kept, "" = nowhere
    // a baseline being measured
    uint64_t baseline_from_ns, baseline_until_ns; // 0 = none is
    double baseline_energy_mj;
    uint64_t baseline_ns;
    int baseline_unkept; // why the one measured last is not in the file (-errno), 0: it is
};

// What can be told at the moment.
struct power_report {
    const char *source; // NULL = nothing measures; `detail` says why
    const char *scope, *detail;
    bool estimated;
    bool has_power, has_mean, has_baseline, has_inference;
    double power_mw, mean_mw, energy_mj, baseline_mw;
    double window_s;         // of mean_mw and inference_mj
    double inference_mj;     // (mean - baseline) * window / inferences
    uint64_t inferences;     // in the window
};

// Copies config; firmware and root ("" on a machine) are borrowed. state_folder: where a measured baseline
// survives a restart, NULL = nowhere.
void power_init(struct power *power, const struct config_power *config,
                const struct firmware_ops *firmware, const char *root, const char *state_folder);
void power_finish(struct power *power);
// inferences: done by all streams since the start; a number that went back counts as none.
void power_sample(struct power *power, uint64_t now_ns, uint64_t inferences);
void power_get(const struct power *power, struct power_report *report);

// Measures the baseline: the caller has stopped all inference. -ENODATA: no meter, or an estimate,
// whose baseline is 0 by nature; -EBUSY: one is being measured.
int power_baseline_start(struct power *power, uint64_t now_ns, uint32_t seconds);
// After each power_sample: 1 while it is being measured or none is; 0 when it has just been done;
// -ENODATA: the meter gave no numbers.
int power_baseline_poll(struct power *power, uint64_t now_ns);
void power_baseline_cancel(struct power *power);
bool power_baseline_runs(const struct power *power);

#endif
