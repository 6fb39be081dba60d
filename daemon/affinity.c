// SPDX-License-Identifier: Apache-2.0

#include "daemon/affinity.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"

// The process's own mask, narrowed to the configured set; false when nothing is left or it can not
// be read.
static bool allowed_cpus(const struct config_cpus *cpus, cpu_set_t *set)
{
    if (sched_getaffinity(getpid(), sizeof(*set), set) < 0)
        return false;
    for (int cpu = 0; cpu < CPU_SETSIZE && !cpus->all; cpu++)
        if (cpu >= CONFIG_CPUS_MAX || !(cpus->bits[cpu / 64] >> cpu % 64 & 1))
            CPU_CLR(cpu, set);
    return CPU_COUNT(set) > 0;
}

uint32_t affinity_cpu_count(const struct config_cpus *cpus)
{
    cpu_set_t set;
    if (!allowed_cpus(cpus, &set))
        return 1;
    uint32_t count = (uint32_t)CPU_COUNT(&set);
    return count > CONFIG_THREADS_MAX ? CONFIG_THREADS_MAX : count;
}

void affinity_apply(const struct config_workers *config, bool say)
{
    cpu_set_t set;
    if (!config->cpus.all) {
        bool done =
            allowed_cpus(&config->cpus, &set) && sched_setaffinity(0, sizeof(set), &set) == 0;
        if (!done && say)
            log_warning("workers.cpus: none of these CPUs may be used; the workers run on any");
    }
    // nice is a thread's own on Linux
    if (config->nice && setpriority(PRIO_PROCESS, (id_t)gettid(), config->nice) < 0 && say)
        log_warning("workers.nice: %d refused: %s (needs CAP_SYS_NICE)", config->nice,
                    strerror(errno));
    struct sched_param param = {.sched_priority = config->realtime};
    if (config->realtime && sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) < 0 &&
        say)
        log_warning("workers.realtime: %d refused: %s (needs CAP_SYS_NICE)", config->realtime,
                    strerror(errno));
}

int affinity_lock_memory(void)
{
    // On fault: the 8 MiB that each thread's stack may grow to is not taken at once. Not
    // MCL_FUTURE: near the limit it would make allocations and new threads fail.
    return mlockall(MCL_CURRENT | MCL_ONFAULT) < 0 ? -errno : 0;
}
