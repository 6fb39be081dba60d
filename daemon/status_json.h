// SPDX-License-Identifier: Apache-2.0
//
// Answers to requests on the control socket, as JSON with the unit in every key.

#ifndef QEDGE_DAEMON_STATUS_JSON_H
#define QEDGE_DAEMON_STATUS_JSON_H

struct service;

// request: "status", "streams", "clients", "power" or "version". Returns the length of *answer (malloc'ed,
// the caller frees it; NULL on failure), -EINVAL for another request, -ENOMEM.
int status_json_make(struct service *service, const char *request, char **answer);

#endif
