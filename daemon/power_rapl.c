// SPDX-License-Identifier: Apache-2.0
//
// x86 energy counters (powercap): the processor packages. Their sub-zones (cores, graphics) are
// inside them and not added, nor is psys, which holds the packages where a machine has it. Counters
// begin again at max_energy_range_uj, at 65 W after 67 minutes.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/power_meter.h"
#include "common/sysfs.h"

#define FOLDER "/sys/class/powercap"
#define ZONES_MAX 64
#define PACKAGES_MAX 8

struct package {
    char path[SYSFS_PATH_MAX];
    int64_t range_uj, last_uj;
};

struct rapl {
    struct package packages[PACKAGES_MAX];
    int count;
    uint64_t last_ns; // 0 = no look yet
};

// "intel-rapl:0" and not "intel-rapl:0:1"
static bool is_package(const char *root, const char *zone, const char *path)
{
    char name[32];
    const char *colon = strchr(zone, ':');
    return colon && !strchr(colon + 1, ':') &&
           sysfs_folder_text(root, path, "name", name, sizeof(name)) > 0 &&
           strncmp(name, "package", 7) == 0;
}

static int find_packages(const char *root, struct rapl *rapl)
{
    char zones[ZONES_MAX][SYSFS_NAME_MAX];
    int count = sysfs_list(root, FOLDER, "intel-rapl:", zones, ZONES_MAX), status = -ENODEV;
    for (int i = 0; i < count && rapl->count < PACKAGES_MAX; i++) {
        struct package *package = &rapl->packages[rapl->count];
        snprintf(package->path, sizeof(package->path), FOLDER "/%.63s", zones[i]);
        if (!is_package(root, zones[i], package->path))
            continue;
        int found = sysfs_folder_number(root, package->path, "energy_uj", &package->last_uj);
        if (found == 0)
            found = sysfs_folder_number(root, package->path, "max_energy_range_uj",
                                        &package->range_uj);
        if (found < 0)
            status = found;
        else if (package->range_uj > 0)
            rapl->count++;
    }
    return rapl->count > 0 ? 0 : status;
}

static int rapl_open(const struct power_settings *settings, struct power_meter *meter)
{
    struct rapl *rapl = calloc(1, sizeof(*rapl));
    if (!rapl)
        return -ENOMEM;
    int status = find_packages(settings->root, rapl);
    if (status < 0) {
        free(rapl);
        if (status == -EACCES || status == -EPERM)
            snprintf(meter->detail, sizeof(meter->detail),
                     "only root may read RAPL here; 70-qedge.rules tells how to open it");
        else
            status = -ENODEV;
        return status;
    }
    snprintf(meter->detail, sizeof(meter->detail), "%d processor package%s", rapl->count,
             rapl->count == 1 ? "" : "s");
    meter->self = rapl;
    return 0;
}

// A counter that can not be read this time (ENODATA, EIO) leaves the sample out; the next one then
// covers the whole time, so nothing is lost.
static int rapl_sample(struct power_meter *meter, uint64_t now_ns, double *power_mw)
{
    struct rapl *rapl = meter->self;
    int64_t now_uj[PACKAGES_MAX];
    double sum_uj = 0;
    for (int i = 0; i < rapl->count; i++) {
        int status = sysfs_folder_number(meter->settings->root, rapl->packages[i].path, "energy_uj",
                                         &now_uj[i]);
        if (status < 0)
            return status;
        if (now_uj[i] < 0 || now_uj[i] > rapl->packages[i].range_uj)
            return -EINVAL;
    }
    for (int i = 0; i < rapl->count; i++) {
        struct package *package = &rapl->packages[i];
        int64_t spent = now_uj[i] - package->last_uj;
        sum_uj += (double)(spent < 0 ? spent + package->range_uj : spent);
        package->last_uj = now_uj[i];
    }
    uint64_t before = rapl->last_ns;
    rapl->last_ns = now_ns;
    if (before == 0 || now_ns <= before)
        return -EAGAIN;
    *power_mw = sum_uj / 1e3 / ((double)(now_ns - before) / CLOCK_NS_PER_S);
    return 0;
}

static void rapl_close(struct power_meter *meter)
{
    free(meter->self);
}

const struct power_meter_kind power_rapl = {.name = "rapl",
                                            .scope = "processor packages",
                                            .open = rapl_open,
                                            .sample = rapl_sample,
                                            .close = rapl_close};
