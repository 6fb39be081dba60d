// SPDX-License-Identifier: Apache-2.0
//
// Questions to the daemon and its JSON answers.

#ifndef QEDGE_CTL_ASK_H
#define QEDGE_CTL_ASK_H

#include <json-c/json.h>
#include <stdbool.h>

#include "ctl/ctl.h"

// Asks and parses; *answer is the caller's (json_object_put). Returns 0, or the exit status after a
// line on stderr.
int ask(const struct ctl_settings *settings, const char *request, struct json_object **answer);
// Asks and lets `show` put the answer on the screen; with --json prints it as it came. Returns the
// exit status.
int ask_and_show(const struct ctl_settings *settings, const char *request,
                 void (*show)(struct json_object *answer));
// Prints the JSON as it came, one line.
void ask_print(struct json_object *answer);

// Members by key; what is missing or of another type gives "", 0, NULL.
const char *ask_string(struct json_object *object, const char *key);
double ask_number(struct json_object *object, const char *key);
long long ask_integer(struct json_object *object, const char *key);
bool ask_bool(struct json_object *object, const char *key);
struct json_object *ask_object(struct json_object *object, const char *key);
// An array's length, 0 when there is none.
size_t ask_length(struct json_object *object, const char *key);
struct json_object *ask_item(struct json_object *object, const char *key, size_t index);

#endif
