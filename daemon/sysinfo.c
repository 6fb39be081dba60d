// SPDX-License-Identifier: Apache-2.0

#include "daemon/sysinfo.h"

#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

void sysinfo_init(struct sysinfo *sysinfo)
{
    *sysinfo = (struct sysinfo){.sampled_ns = clock_now_ns(),
                                .cpu_ns = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

void sysinfo_sample(struct sysinfo *sysinfo, uint64_t now_ns)
{
    uint64_t cpu = clock_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (now_ns > sysinfo->sampled_ns)
        sysinfo->cpu_percent =
            100.0 * (double)(cpu - sysinfo->cpu_ns) / (double)(now_ns - sysinfo->sampled_ns);
    sysinfo->sampled_ns = now_ns;
    sysinfo->cpu_ns = cpu;
}

static uint64_t read_memory_kb(void)
{
    cleanup_file FILE *file = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    unsigned long long total = 0, kb;
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Private_Clean: %llu", &kb) == 1 ||
            sscanf(line, "Private_Dirty: %llu", &kb) == 1)
            total += kb;
    return total;
}

uint64_t sysinfo_memory_kb(struct sysinfo *sysinfo)
{
    uint64_t now = clock_now_ns();
    if (!sysinfo->memory_ns || now - sysinfo->memory_ns > CLOCK_NS_PER_S) {
        sysinfo->memory_kb = read_memory_kb();
        sysinfo->memory_ns = now;
    }
    return sysinfo->memory_kb;
}
