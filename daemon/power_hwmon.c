// SPDX-License-Identifier: Apache-2.0
//
// Meters at the machine's input that the kernel shows through hwmon: TI's ina2xx chips and the
// powerz USB-C inline meter. Power is volts times amperes, which resolves finer than the chip's own
// power register; that one is taken where a file of the two is missing.
//
// ina2xx drivers compute amperes from the shunt's volts with the shunt that they believe in
// (shunt_resistor, 10 mOhm unless the device tree says otherwise). Where the board has another one,
// power.shunt_micro_ohm puts it right here, without writing to the driver. The ina260 has its shunt
// inside.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/power_meter.h"
#include "common/sysfs.h"

#define FOLDER "/sys/class/hwmon"
#define METERS_MAX 32
#define MICRO_OHM_MAX 10000000

struct hwmon {
    char path[SYSFS_PATH_MAX];
    const char *volts, *amperes, *power; // file names; power NULL = it has none
    double scale;                        // of amperes
};

static const struct {
    const char *name, *volts, *amperes, *power;
    bool shunt; // has one of its own outside
} chips[] = {
    {"ina219", "in1_input", "curr1_input", "power1_input", true},
    {"ina220", "in1_input", "curr1_input", "power1_input", true},
    {"ina226", "in1_input", "curr1_input", "power1_input", true},
    {"ina230", "in1_input", "curr1_input", "power1_input", true},
    {"ina231", "in1_input", "curr1_input", "power1_input", true},
    {"ina234", "in1_input", "curr1_input", "power1_input", true},
    {"ina260", "in1_input", "curr1_input", "power1_input", false},
    {"powerz", "in0_input", "curr1_input", NULL, false},
};

static int find_chip(const char *root, const char *path)
{
    char name[32];
    if (sysfs_folder_text(root, path, "name", name, sizeof(name)) < 0)
        return -1;
    for (int i = 0; i < (int)(sizeof(chips) / sizeof(chips[0])); i++)
        if (strcmp(name, chips[i].name) == 0)
            return i;
    return -1;
}

// The name that stays the same over a restart where there is one: the device's ("1-0040").
static void place_of(const char *root, const char *path, char *place, size_t size)
{
    char link[SYSFS_PATH_MAX];
    snprintf(link, sizeof(link), "%.400s/device", path);
    if (sysfs_link_name(root, link, place, size) < 0)
        snprintf(place, size, "%s", strrchr(path, '/') + 1);
}

static void set_shunt(const struct power_settings *settings, struct hwmon *hwmon, char *text,
                      size_t size)
{
    int64_t believed = 0, real = settings->config->shunt_micro_ohm;
    bool known = sysfs_folder_number(settings->root, hwmon->path, "shunt_resistor", &believed) ==
                     0 &&
                 believed > 0 && believed <= MICRO_OHM_MAX;
    if (known && real > 0)
        hwmon->scale = (double)believed / (double)real;
    if (known)
        snprintf(text, size, ", shunt %lld uOhm%s", (long long)(real > 0 ? real : believed),
                 real > 0 ? "" : " (the driver's)");
}

static int take(const struct power_settings *settings, struct power_meter *meter, const char *path,
                const char *place, int chip)
{
    char shunt[64] = "";
    struct hwmon *hwmon = calloc(1, sizeof(*hwmon));
    if (!hwmon)
        return -ENOMEM;
    snprintf(hwmon->path, sizeof(hwmon->path), "%s", path);
    hwmon->volts = chips[chip].volts;
    hwmon->amperes = chips[chip].amperes;
    hwmon->power = chips[chip].power;
    hwmon->scale = 1;
    if (chips[chip].shunt)
        set_shunt(settings, hwmon, shunt, sizeof(shunt));
    snprintf(meter->detail, sizeof(meter->detail), "%s at %.60s%s", chips[chip].name, place, shunt);
    meter->self = hwmon;
    return 0;
}

// A board may carry several such chips, one a rail: then the one at the input must be named.
static int hwmon_open(const struct power_settings *settings, struct power_meter *meter)
{
    char names[METERS_MAX][SYSFS_NAME_MAX], found[SYSFS_PATH_MAX] = "", found_place[64] = "";
    char list[100] = "";
    int count = sysfs_list(settings->root, FOLDER, "hwmon", names, METERS_MAX);
    int meters = 0, found_chip = -1;
    const char *wanted = settings->config->meter;
    bool any = strcmp(wanted, "auto") == 0;
    for (int i = 0; i < count; i++) {
        char path[SYSFS_PATH_MAX], place[64];
        snprintf(path, sizeof(path), FOLDER "/%.63s", names[i]);
        int chip = find_chip(settings->root, path);
        if (chip < 0)
            continue;
        place_of(settings->root, path, place, sizeof(place));
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", place);
        if (!any && strcmp(wanted, place) != 0 && strcmp(wanted, names[i]) != 0)
            continue;
        meters++;
        found_chip = chip;
        snprintf(found, sizeof(found), "%s", path);
        snprintf(found_place, sizeof(found_place), "%s", place);
    }
    if (meters == 1)
        return take(settings, meter, found, found_place, found_chip);
    if (meters == 0 && !list[0])
        return -ENODEV;
    snprintf(meter->detail, sizeof(meter->detail), "%s: name the one at the input in power.meter",
             list);
    return -ENXIO;
}

static int hwmon_sample(struct power_meter *meter, uint64_t now_ns, double *power_mw)
{
    const struct hwmon *hwmon = meter->self;
    const char *root = meter->settings->root;
    int64_t millivolts, milliamperes, microwatts;
    (void)now_ns;
    int status = sysfs_folder_number(root, hwmon->path, hwmon->volts, &millivolts);
    if (status == 0)
        status = sysfs_folder_number(root, hwmon->path, hwmon->amperes, &milliamperes);
    // a meter that was put in the other way round counts backwards
    if (status == 0)
        *power_mw = (double)llabs(millivolts) * (double)llabs(milliamperes) / 1000 * hwmon->scale;
    else if (hwmon->power &&
             sysfs_folder_number(root, hwmon->path, hwmon->power, &microwatts) == 0)
        *power_mw = (double)llabs(microwatts) / 1000 * hwmon->scale;
    else
        return status;
    return 0;
}

static void hwmon_close(struct power_meter *meter)
{
    free(meter->self);
}

const struct power_meter_kind power_hwmon = {.name = "hwmon",
                                             .scope = "input",
                                             .open = hwmon_open,
                                             .sample = hwmon_sample,
                                             .close = hwmon_close};
