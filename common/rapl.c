// SPDX-License-Identifier: Apache-2.0
#include "common/rapl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ZONES_MAX 64

// "intel-rapl:0" and not "intel-rapl:0:1"
static bool is_package(const char *root, const char *zone, const char *path)
{
    char name[32];
    const char *colon = strchr(zone, ':');
    return colon && !strchr(colon + 1, ':') &&
           sysfs_folder_text(root, path, "name", name, sizeof(name)) > 0 &&
           strncmp(name, "package", 7) == 0;
}

int rapl_open(struct rapl *rapl, const char *root)
{
    char zones[ZONES_MAX][SYSFS_NAME_MAX];
    int count = sysfs_list(root, RAPL_FOLDER, "intel-rapl:", zones, ZONES_MAX), status = -ENODEV;
    memset(rapl, 0, sizeof(*rapl));
    rapl->root = root;
    for (int i = 0; i < count && rapl->count < RAPL_PACKAGES_MAX; i++) {
        struct rapl_package *package = &rapl->packages[rapl->count];
        snprintf(package->path, sizeof(package->path), RAPL_FOLDER "/%.63s", zones[i]);
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

int rapl_spent(struct rapl *rapl, double *spent_uj)
{
    int64_t now_uj[RAPL_PACKAGES_MAX];
    for (int i = 0; i < rapl->count; i++) {
        const struct rapl_package *package = &rapl->packages[i];
        int status = sysfs_folder_number(rapl->root, package->path, "energy_uj", &now_uj[i]);
        if (status < 0)
            return status;
        if (now_uj[i] < 0 || now_uj[i] > package->range_uj)
            return -EINVAL;
    }
    *spent_uj = 0;
    for (int i = 0; i < rapl->count; i++) {
        struct rapl_package *package = &rapl->packages[i];
        int64_t spent = now_uj[i] - package->last_uj;
        *spent_uj += (double)(spent < 0 ? spent + package->range_uj : spent);
        package->last_uj = now_uj[i];
    }
    return 0;
}
