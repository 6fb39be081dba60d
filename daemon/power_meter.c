// SPDX-License-Identifier: Apache-2.0

#include "daemon/power_meter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// In the order of enum config_power_source, best first.
static const struct power_meter_kind *const kinds[] = {
    [CONFIG_POWER_HWMON] = &power_hwmon, [CONFIG_POWER_SUPPLY] = &power_supply,
    [CONFIG_POWER_PMIC] = &power_pmic,   [CONFIG_POWER_RAPL] = &power_rapl,
    [CONFIG_POWER_ESTIMATE] = &power_estimate,
};

static int open_kind(const struct power_settings *settings, const struct power_meter_kind *kind,
                     struct power_meter *meter)
{
    *meter = (struct power_meter){.settings = settings};
    int status = kind->open(settings, meter);
    if (status == 0)
        meter->kind = kind;
    return status;
}

int power_meter_open(const struct power_settings *settings, struct power_meter *meter)
{
    int32_t wanted = settings->config->source;
    char trouble[sizeof(meter->detail)] = "no meter found";
    *meter = (struct power_meter){.settings = settings};
    if (wanted == CONFIG_POWER_NONE) {
        snprintf(meter->detail, sizeof(meter->detail), "switched off (power.source: none)");
        return -ENODEV;
    }
    for (int32_t i = CONFIG_POWER_HWMON; i <= CONFIG_POWER_ESTIMATE; i++) {
        if (wanted != CONFIG_POWER_AUTO && wanted != i)
            continue;
        int status = open_kind(settings, kinds[i], meter);
        if (status == 0)
            return 0;
        // the best source's trouble is what there is to mend
        if (status != -ENODEV && strcmp(trouble, "no meter found") == 0)
            memcpy(trouble, meter->detail, sizeof(trouble));
    }
    memcpy(meter->detail, trouble, sizeof(trouble));
    return -ENODEV;
}

void power_meter_close(struct power_meter *meter)
{
    if (meter->kind)
        meter->kind->close(meter);
    meter->kind = NULL;
    meter->self = NULL;
}
