// SPDX-License-Identifier: Apache-2.0
//
// A result as `qctl watch --json` prints it.

#ifndef QEDGE_CTL_RESULT_JSON_H
#define QEDGE_CTL_RESULT_JSON_H

#include <json-c/json.h>
#include <stdint.h>

#include "qclient.h"

#define RESULT_LABEL_MAX 512 // bytes of a label that are told, its end included

// Microseconds between two stamps; 0 when one is missing or they run backwards.
double result_microseconds(uint64_t from_ns, uint64_t to_ns);
// labels: of the hits, in their order. read_ns: when it was read; fps: over the last results. The
// object is the caller's.
struct json_object *result_json_make(const struct qclient_result *result,
                                     const char *const *labels, uint64_t read_ns, double fps);
// Its `hits` alone.
struct json_object *result_json_hits(const struct qclient_result *result,
                                     const char *const *labels);

#endif
