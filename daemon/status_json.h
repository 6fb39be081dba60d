// SPDX-License-Identifier: Apache-2.0
//
// Answers to requests on the control socket, as JSON with the unit in every key.

#ifndef QEDGE_DAEMON_STATUS_JSON_H
#define QEDGE_DAEMON_STATUS_JSON_H

struct json_writer;
struct model;
struct service;
struct stats_summary;

// request: "status", "streams", "clients", "power" or "version". Returns the length of *answer (malloc'ed,
// the caller frees it; NULL on failure), -EINVAL for another request, -ENOMEM.
int status_json_make(struct service *service, const char *request, char **answer);

// For others who answer: a latency as an object; the kernel of the layer that works most.
void status_json_write_summary(struct json_writer *json, const struct stats_summary *summary);
const char *status_json_kernel(const struct model *model);

#endif
