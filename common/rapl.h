// SPDX-License-Identifier: Apache-2.0
//
// x86 energy counters (powercap): the processor packages. Their sub-zones (cores, graphics) are
// inside them and not added, nor is psys, which holds the packages where a machine has it. Counters
// begin again at max_energy_range_uj, at 65 W after 67 minutes: look more often. All that runs on
// the machine is in them.

#ifndef QEDGE_COMMON_RAPL_H
#define QEDGE_COMMON_RAPL_H

#include <stdint.h>

#include "common/sysfs.h"

#define RAPL_FOLDER "/sys/class/powercap"
#define RAPL_PACKAGES_MAX 8

struct rapl {
    const char *root; // as in sysfs.h
    int count;
    struct rapl_package {
        char path[SYSFS_PATH_MAX];
        int64_t range_uj, last_uj;
    } packages[RAPL_PACKAGES_MAX];
};

// Finds the packages and reads them once; `root` is borrowed for good. 0, -ENODEV when there are
// none, or why none can be read (-EACCES: only root may, since Linux 5.10).
int rapl_open(struct rapl *rapl, const char *root);
// Microjoules of all packages since the last call that succeeded (or rapl_open). 0, or -errno of a
// counter that can not be read this time (ENODATA, EIO) or tells nonsense; the next call that
// succeeds then covers the whole time.
int rapl_spent(struct rapl *rapl, double *spent_uj);

#endif
