// SPDX-License-Identifier: Apache-2.0
//
// Where and how urgently a worker runs: CPU set, nice value, real-time priority; and memory
// locking.

#ifndef QEDGE_DAEMON_AFFINITY_H
#define QEDGE_DAEMON_AFFINITY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"

// CPUs that this process may use and that the set names; at least 1, at most CONFIG_THREADS_MAX.
uint32_t affinity_cpu_count(const struct config_cpus *cpus);
// Applies the settings to the calling thread. What the system refuses is logged when `say`, and the
// thread goes on without.
void affinity_apply(const struct config_workers *config, bool say);
// Keeps in memory what the process has by now. 0 or -errno.
int affinity_lock_memory(void);

#endif
