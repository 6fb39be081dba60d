// SPDX-License-Identifier: Apache-2.0
//
// The daemon's numbers in the text format that Prometheus and node_exporter's textfile collector
// read: base units (seconds, watts, joules, bytes), HELP and TYPE for each name, escaped labels.
// Latencies are summaries: quantiles of the last ten seconds, sum and count since the start.

#ifndef QEDGE_CTL_PROMETHEUS_H
#define QEDGE_CTL_PROMETHEUS_H

#include "ctl/ask.h"

// status, clients: the answers to these requests.
void prometheus_write(struct json_object *status, struct json_object *clients);
// There is no daemon: qedge_up 0.
void prometheus_write_down(void);

#endif
