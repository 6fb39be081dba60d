// SPDX-License-Identifier: Apache-2.0
//
// Energy that the machine has used, where something measures it: the processor packages' RAPL
// counters in /sys/class/powercap (Intel, AMD). Everything that runs is in it, not only we.

#ifndef QEDGE_QMODEL_METER_H
#define QEDGE_QMODEL_METER_H

#include <stdint.h>

#define METER_ZONES 8

struct meter {
    uint32_t count;
    char paths[METER_ZONES][192]; // energy_uj of each package
    uint64_t spans[METER_ZONES];  // where it starts again at 0
    uint64_t before[METER_ZONES]; // last reading
    char why[160];                // no meter: why; else the meters' names
};

// root: "" or a folder that stands for /. 0; -ENODEV with `why` when nothing can be read.
int meter_open(struct meter *meter, const char *root);
void meter_start(struct meter *meter);
// Joules since meter_start; below 0: it can not be read any more. Not longer apart than a counter
// takes to come round (a minute at several hundred watts).
double meter_stop(struct meter *meter);

#endif
