// SPDX-License-Identifier: Apache-2.0
//
// How the machine is: temperature, clock, and whether it is held back by heat or low voltage. The
// daemon's loop reads it once a second, qmodel bench before and after.
//
// Throttling is known from, best first: the Raspberry Pi's firmware (all four causes, now and since
// boot), hwmon rpi_volt (low voltage only), x86's package_throttle_count (heat: it rises).

#ifndef QEDGE_COMMON_MACHINE_H
#define QEDGE_COMMON_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/firmware.h"
#include "common/sysfs.h"

// A cause of being slower than the machine could be. Bits as the firmware has them.
struct machine_throttle {
    const char *source; // "firmware", "rpi_volt", "thermal_throttle"; NULL = not known here
    uint32_t now;       // FIRMWARE_UNDER_VOLTAGE …
    uint32_t since_boot;
    uint32_t since_start; // seen by this process
};

struct machine {
    const char *root;
    const struct firmware_ops *ops;
    struct firmware firmware;
    char temperature_path[SYSFS_PATH_MAX]; // "" = none found
    char alarm_path[SYSFS_PATH_MAX];       // rpi_volt's
    int64_t throttle_count;                // x86; -1 = there is none
    uint64_t looked_ns;                    // for what was missing
    // the last sample
    bool has_temperature, has_clock;
    double temperature_c;
    char temperature_source[64];
    double clock_mhz, clock_max_mhz; // the fastest CPU's; max 0 = not known
    struct machine_throttle throttle;
};

// root: see sysfs.h; both are borrowed.
void machine_init(struct machine *machine, const struct firmware_ops *ops, const char *root);
void machine_finish(struct machine *machine);
void machine_sample(struct machine *machine, uint64_t now_ns);
// Held back at the moment, by whatever.
bool machine_is_throttled(const struct machine *machine);
// "low voltage, throttled"; "" when nothing is.
void machine_describe(uint32_t bits, char *text, size_t size);

#endif
