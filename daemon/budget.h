// SPDX-License-Identifier: Apache-2.0
//
// What the governor decides, brought to the streams and the pool, and told in status. The loop's.

#ifndef QEDGE_DAEMON_BUDGET_H
#define QEDGE_DAEMON_BUDGET_H

#include <stddef.h>
#include <stdint.h>

struct json_writer;
struct service;

void budget_init(struct service *service, uint64_t now_ns);
// The settings have changed.
void budget_reload(struct service *service);
// Once a second, after power and machine were sampled.
void budget_tick(struct service *service, uint64_t now_ns);
// "governor": null without a budget.
void budget_write(struct json_writer *json, const struct service *service);

#endif
