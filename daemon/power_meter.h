// SPDX-License-Identifier: Apache-2.0
//
// Where watts come from. A kind of meter is a table of functions; the kinds are tried in this
// order, and the first that is there is taken (power.source: auto):
//
//   hwmon         a meter chip at the input: ina2xx family, powerz     power_hwmon.c
//   power_supply  a supply or a discharging battery that says power    power_supply.c
//   pmic          Raspberry Pi 5: sum of the regulator's rails         power_pmic.c
//   rapl          x86: energy counters of the processor packages       power_rapl.c
//   estimate      qedged's own CPU time times watts a core             power_estimate.c
//
// The loop's timer samples once a second; nothing here is near the frame path. A meter that goes
// away is looked for again.

#ifndef QEDGE_DAEMON_POWER_METER_H
#define QEDGE_DAEMON_POWER_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "common/firmware.h"

struct power_settings {
    const struct config_power *config;
    const char *root;                   // of /sys and /dev, see sysfs.h
    const struct firmware_ops *firmware; // firmware_device, or a test's
};

struct power_meter;
struct power_meter_kind {
    const char *name;
    const char *scope; // what the number covers, in words
    bool estimated;
    // 0 with meter->self and meter->detail; -ENODEV: there is none, nothing to say; another -errno:
    // one is there but can not be used, and detail says why. On failure nothing is held.
    int (*open)(const struct power_settings *settings, struct power_meter *meter);
    // 0 with *power_mw, the mean since the last sample where the meter counts energy, else the
    // present power; never negative. -EAGAIN: a counter's first look; another -errno: no number
    // this time.
    int (*sample)(struct power_meter *meter, uint64_t now_ns, double *power_mw);
    void (*close)(struct power_meter *meter);
};
extern const struct power_meter_kind power_hwmon, power_supply, power_pmic, power_rapl,
    power_estimate;

struct power_meter {
    const struct power_meter_kind *kind; // NULL = none
    const struct power_settings *settings;
    void *self;
    char detail[320]; // which one: "ina226 at 1-0040, shunt 10000 uOhm"
};

// Opens the first meter there is, or the configured one. 0; detail then also says what kept a better
// one from being taken. -ENODEV with detail saying what was found instead; nothing is held then.
int power_meter_open(const struct power_settings *settings, struct power_meter *meter);
void power_meter_close(struct power_meter *meter); // takes one that is not open

// The sum of V x A over all rails of a pmic_read_adc answer that have both, in mW; *rails = how
// many. *input_mv: EXT5V's volts, 0 when they are not in it. Lines that make no sense are skipped.
double power_pmic_sum(const char *text, int *rails, double *input_mv);

#endif
