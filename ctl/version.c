// SPDX-License-Identifier: Apache-2.0
//
// `qctl version`: of this program, of the library it runs with, and of the daemon when there is
// one.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "qclient.h"

#define ANSWER_TIMEOUT_MS 2000

// NULL when no daemon answers, which is no failure here; *error says why.
static struct json_object *daemon_version(const struct ctl_settings *settings, int *error)
{
    struct qclient_options options = {
        .size = sizeof(options), .socket = settings->socket, .name = "qctl"};
    char *text;
    struct json_object *version = NULL;
    *error = qclient_request(&options, "version", ANSWER_TIMEOUT_MS, &text);
    if (*error == 0)
        version = json_tokener_parse(text);
    free(text);
    return version;
}

int ctl_version(const struct ctl_settings *settings)
{
    char library[32];
    uint32_t version = qclient_version();
    int error;
    struct json_object *daemon = daemon_version(settings, &error);
    snprintf(library, sizeof(library), "%u.%u", version >> 16, version & 0xffff);
    if (settings->json) {
        struct json_object *root = json_object_new_object();
        json_object_object_add(root, "qctl", json_object_new_string(QEDGE_VERSION));
        json_object_object_add(root, "libqclient", json_object_new_string(library));
        json_object_object_add(root, "qedged", daemon);
        ask_print(root);
        json_object_put(root);
        return CTL_EXIT_OK;
    }
    printf("qctl %s\nlibqclient %s\n", QEDGE_VERSION, library);
    if (daemon)
        printf("qedged %s (wire %s, ring %s)\n", ask_string(daemon, "version"),
               ask_string(daemon, "wire"), ask_string(daemon, "ring"));
    else if (error == -ENOENT || error == -ECONNREFUSED)
        puts("qedged: not running");
    else
        printf("qedged: no answer: %s\n", strerror(error ? -error : EPROTO));
    json_object_put(daemon);
    return CTL_EXIT_OK;
}
