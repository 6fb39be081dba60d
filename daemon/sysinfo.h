// SPDX-License-Identifier: Apache-2.0
//
// What this process costs: CPU share over the last second, memory of its own.

#ifndef QEDGE_DAEMON_SYSINFO_H
#define QEDGE_DAEMON_SYSINFO_H

#include <stdint.h>

struct sysinfo {
    uint64_t sampled_ns, cpu_ns;
    double cpu_percent; // 100 = one CPU
    uint64_t memory_ns, memory_kb;
};

void sysinfo_init(struct sysinfo *sysinfo);
void sysinfo_sample(struct sysinfo *sysinfo, uint64_t now_ns);
// Unique set size in KiB (what would be free if the process ended); 0 when /proc does not say.
// Looked up at most once a second: it costs the kernel a walk through all pages.
uint64_t sysinfo_memory_kb(struct sysinfo *sysinfo);

#endif
