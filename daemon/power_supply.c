// SPDX-License-Identifier: Apache-2.0
//
// The power_supply class: a supply that is in use and says how much it gives, or a battery while it
// is what feeds the machine. `health` is never read: with the PoE+ HAT that clears a flag.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/power_meter.h"
#include "common/sysfs.h"

#define FOLDER "/sys/class/power_supply"
#define SUPPLIES_MAX 16

struct supply {
    char path[SYSFS_PATH_MAX];
    bool battery;
};

static bool feeds(const char *root, const struct supply *supply)
{
    char status[32];
    int64_t online;
    if (supply->battery)
        return sysfs_folder_text(root, supply->path, "status", status, sizeof(status)) > 0 &&
               strcmp(status, "Discharging") == 0;
    return sysfs_folder_number(root, supply->path, "online", &online) == 0 && online > 0;
}

// Drivers disagree about the sign of a discharging battery's current.
static int read_power(const char *root, const struct supply *supply, double *power_mw)
{
    int64_t microwatts, microvolts, microamperes;
    if (!feeds(root, supply))
        return -ENODATA;
    if (sysfs_folder_number(root, supply->path, "power_now", &microwatts) == 0) {
        *power_mw = (double)llabs(microwatts) / 1e3;
        return 0;
    }
    int status = sysfs_folder_number(root, supply->path, "voltage_now", &microvolts);
    if (status == 0)
        status = sysfs_folder_number(root, supply->path, "current_now", &microamperes);
    if (status == 0)
        *power_mw = (double)llabs(microvolts) * (double)llabs(microamperes) / 1e9;
    return status;
}

static int supply_open(const struct power_settings *settings, struct power_meter *meter)
{
    char names[SUPPLIES_MAX][SYSFS_NAME_MAX];
    int count = sysfs_list(settings->root, FOLDER, "", names, SUPPLIES_MAX);
    const char *wanted = settings->config->meter;
    for (int i = 0; i < count; i++) {
        struct supply supply = {.battery = false};
        char type[32] = "";
        double power_mw;
        snprintf(supply.path, sizeof(supply.path), FOLDER "/%.63s", names[i]);
        sysfs_folder_text(settings->root, supply.path, "type", type, sizeof(type));
        supply.battery = strcmp(type, "Battery") == 0 || strcmp(type, "UPS") == 0;
        if ((strcmp(wanted, "auto") != 0 && strcmp(wanted, names[i]) != 0) ||
            read_power(settings->root, &supply, &power_mw) < 0 || power_mw == 0)
            continue;
        meter->self = malloc(sizeof(supply));
        if (!meter->self)
            return -ENOMEM;
        memcpy(meter->self, &supply, sizeof(supply));
        snprintf(meter->detail, sizeof(meter->detail), "%s %.63s", supply.battery ? "battery" : "supply",
                 names[i]);
        return 0;
    }
    return -ENODEV;
}

static int supply_sample(struct power_meter *meter, uint64_t now_ns, double *power_mw)
{
    (void)now_ns;
    return read_power(meter->settings->root, meter->self, power_mw);
}

static void supply_close(struct power_meter *meter)
{
    free(meter->self);
}

const struct power_meter_kind power_supply = {.name = "power_supply",
                                              .scope = "input",
                                              .open = supply_open,
                                              .sample = supply_sample,
                                              .close = supply_close};
