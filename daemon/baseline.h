// SPDX-License-Identifier: Apache-2.0
//
// `qctl power --baseline`: all streams are paused for some seconds (sources and clients stay), the
// mean power of that time is kept as the idle baseline, and whoever asked gets it as an answer.

#ifndef QEDGE_DAEMON_BASELINE_H
#define QEDGE_DAEMON_BASELINE_H

#include <stdint.h>

#define BASELINE_SECONDS_MAX 600

struct service;

// seconds: the request's text, 1..BASELINE_SECONDS_MAX. The answer goes to this client later. 0;
// -EINVAL; -ENODATA: nothing measures here; -EBUSY; on failure *error says it in words.
int baseline_start(struct service *service, uint64_t client, uint32_t token, const char *seconds,
                   const char **error);
// Nobody waits for the answer any more: the streams go on at once, and the baseline stays as it was.
void baseline_forget_client(struct service *service, uint64_t client);
// Once a second, after the power was sampled.
void baseline_tick(struct service *service, uint64_t now_ns);

#endif
