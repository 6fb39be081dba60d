// SPDX-License-Identifier: Apache-2.0
#include "qmodel/meter.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

static int read_number(const char *path, uint64_t *value)
{
    cleanup_file FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    return fscanf(file, "%" SCNu64, value) == 1 ? 0 : -EIO;
}

// "intel-rapl:0" is a package; "intel-rapl:0:1" a part of it that is counted there already.
static bool is_package(const char *name)
{
    const char *colon = strchr(name, ':');
    return strncmp(name, "intel-rapl:", 11) == 0 && colon && !strchr(colon + 1, ':');
}

static void add_zone(struct meter *m, const char *folder, const char *name, int *denied)
{
    char path[192];
    uint64_t now, span;
    if (m->count == METER_ZONES || strlen(name) > 40)
        return;
    snprintf(path, sizeof(path), "%s/%s/energy_uj", folder, name);
    int rc = read_number(path, &now);
    if (rc < 0) {
        *denied = rc;
        return;
    }
    snprintf(m->paths[m->count], sizeof(m->paths[0]), "%s", path);
    snprintf(path, sizeof(path), "%s/%s/max_energy_range_uj", folder, name);
    m->spans[m->count] = read_number(path, &span) == 0 ? span : 0;
    m->count++;
}

int meter_open(struct meter *m, const char *root)
{
    char folder[80];
    int denied = 0;
    memset(m, 0, sizeof(*m));
    snprintf(folder, sizeof(folder), "%.40s/sys/class/powercap", root);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (is_package(entry->d_name))
            add_zone(m, folder, entry->d_name, &denied);
    if (dir)
        closedir(dir);
    if (m->count > 0)
        snprintf(m->why, sizeof(m->why), "RAPL, %u package%s, all that ran included", m->count,
                 m->count == 1 ? "" : "s");
    else if (denied)
        snprintf(m->why, sizeof(m->why), "no meter: %.60s/intel-rapl:*/energy_uj: %.60s", folder,
                 strerror(-denied));
    else
        snprintf(m->why, sizeof(m->why), "no meter: nothing in %.60s", folder);
    return m->count > 0 ? 0 : -ENODEV;
}

void meter_start(struct meter *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (read_number(m->paths[i], &m->before[i]) < 0)
            m->before[i] = UINT64_MAX;
}

double meter_stop(struct meter *m)
{
    double joules = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        uint64_t now;
        if (m->before[i] == UINT64_MAX || read_number(m->paths[i], &now) < 0)
            return -1;
        uint64_t used = now - m->before[i];
        if (now < m->before[i])
            used = m->spans[i] > m->before[i] ? m->spans[i] - m->before[i] + now : now;
        joules += (double)used / 1e6;
    }
    return joules;
}
