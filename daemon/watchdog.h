// SPDX-License-Identifier: Apache-2.0
//
// Feeds systemd's watchdog, but only while frames make progress: a worker that sticks to one frame,
// or a capture thread that does not go round, starves it and systemd restarts the service. A stream
// that waits for its camera counts as alive.

#ifndef QEDGE_DAEMON_WATCHDOG_H
#define QEDGE_DAEMON_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#define WATCHDOG_STALL_NS                                                                          \
    (5 * 1000000000ull) // when status calls a stream stalled, without a systemd watchdog

struct service;

// A timer on the loop, when systemd wants to be fed.
void watchdog_start(struct service *service);
// Do frames make progress, with `limit_ns` as the longest that one may take?
bool watchdog_is_alive(const struct service *service, uint64_t limit_ns);

#endif
