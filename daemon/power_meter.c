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

// The best source's trouble is what there is to mend.
static void tell_trouble(struct power_meter *meter, const char *trouble)
{
    size_t used = strlen(meter->detail);
    snprintf(meter->detail + used, sizeof(meter->detail) - used, "%s%s",
             used && trouble[0] ? "; " : "", trouble);
}

int power_meter_open(const struct power_settings *settings, struct power_meter *meter)
{
    int32_t wanted = settings->config->source;
    char trouble[160] = "";
    *meter = (struct power_meter){.settings = settings};
    if (wanted == CONFIG_POWER_NONE) {
        tell_trouble(meter, "switched off (power.source: none)");
        return -ENODEV;
    }
    for (int32_t i = CONFIG_POWER_HWMON; i <= CONFIG_POWER_ESTIMATE; i++) {
        if (wanted != CONFIG_POWER_AUTO && wanted != i)
            continue;
        int status = open_kind(settings, kinds[i], meter);
        if (status == 0) {
            tell_trouble(meter, trouble);
            return 0;
        }
        if (status != -ENODEV && !trouble[0])
            snprintf(trouble, sizeof(trouble), "%.159s", meter->detail);
    }
    *meter = (struct power_meter){.settings = settings};
    tell_trouble(meter, trouble[0] ? trouble : "no meter found");
    return -ENODEV;
}

void power_meter_close(struct power_meter *meter)
{
    if (meter->kind)
        meter->kind->close(meter);
    meter->kind = NULL;
    meter->self = NULL;
}
