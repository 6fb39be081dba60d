// SPDX-License-Identifier: Apache-2.0

#include "ctl/ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "qclient.h"

#define ANSWER_TIMEOUT_MS 5000

static const char *socket_name(const struct ctl_settings *settings)
{
    const char *environment = getenv("QEDGE_SOCKET");
    if (settings->socket)
        return settings->socket;
    return environment && *environment ? environment : "/run/qedge/qedged.sock";
}

int ctl_complain(const struct ctl_settings *settings, int error, const char *detail)
{
    const char *socket = socket_name(settings);
    if (error == -ENOENT || error == -ECONNREFUSED) {
        struct stat st;
        bool other = stat(socket, &st) == 0 && !S_ISSOCK(st.st_mode);
        fprintf(stderr,
                "qctl: qedged is not running (%s: %s); start it, or name its socket: --socket\n",
                socket, other ? "not a socket" : strerror(-error));
        return CTL_EXIT_NOT_RUNNING;
    }
    if (error == -EACCES)
        fprintf(stderr,
                "qctl: %s: permission denied%s%s; is this user in the group that qedged serves?\n",
                socket, detail && *detail ? ": " : "", detail ? detail : "");
    else if (error == -ENODEV)
        fprintf(stderr, "qctl: no such stream; `qctl streams` lists them\n");
    else
        fprintf(stderr, "qctl: %s: %s\n", socket, detail && *detail ? detail : strerror(-error));
    bool unknown = error == -EACCES || error == -ETIMEDOUT || error == -EPROTO ||
                   error == -ECONNRESET || error == -EPIPE;
    return unknown ? CTL_EXIT_UNKNOWN : CTL_EXIT_FAILED;
}

// A daemon that is just starting: `--wait` asks again until its socket is there.
static int request(const struct ctl_settings *settings, const char *text, char **answer)
{
    struct qclient_options options = {
        .size = sizeof(options), .socket = settings->socket, .name = "qctl"};
    int limit_ms = settings->answer_ms ? settings->answer_ms : ANSWER_TIMEOUT_MS;
    for (int waited = 0;; waited += 20) {
        int status = qclient_request(&options, text, limit_ms, answer);
        if ((status != -ENOENT && status != -ECONNREFUSED) || waited >= settings->wait_ms)
            return status;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

int ask(const struct ctl_settings *settings, const char *text, struct json_object **answer)
{
    char *json;
    *answer = NULL;
    int status = request(settings, text, &json);
    if (status != 0) {
        int code = ctl_complain(settings, status, json);
        free(json);
        return code;
    }
    *answer = json_tokener_parse(json);
    free(json);
    if (*answer && json_object_is_type(*answer, json_type_object))
        return 0;
    json_object_put(*answer);
    *answer = NULL;
    fprintf(stderr,
            "qctl: the answer to \"%s\" is not JSON; are qctl and qedged of the same version?\n",
            text);
    return CTL_EXIT_UNKNOWN;
}

void ask_print(struct json_object *answer)
{
    puts(json_object_to_json_string_ext(answer,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int ask_and_show(const struct ctl_settings *settings, const char *request,
                 void (*show)(struct json_object *answer))
{
    struct json_object *answer;
    int code = ask(settings, request, &answer);
    if (code != 0)
        return code;
    if (settings->json)
        ask_print(answer);
    else
        show(answer);
    json_object_put(answer);
    return CTL_EXIT_OK;
}

struct json_object *ask_object(struct json_object *object, const char *key)
{
    struct json_object *member;
    return json_object_object_get_ex(object, key, &member) ? member : NULL;
}

const char *ask_string(struct json_object *object, const char *key)
{
    struct json_object *member = ask_object(object, key);
    return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

double ask_number(struct json_object *object, const char *key)
{
    return json_object_get_double(ask_object(object, key));
}

long long ask_integer(struct json_object *object, const char *key)
{
    return json_object_get_int64(ask_object(object, key));
}

bool ask_bool(struct json_object *object, const char *key)
{
    return json_object_get_boolean(ask_object(object, key));
}

size_t ask_length(struct json_object *object, const char *key)
{
    struct json_object *member = ask_object(object, key);
    return json_object_is_type(member, json_type_array) ? json_object_array_length(member) : 0;
}

struct json_object *ask_item(struct json_object *object, const char *key, size_t index)
{
    return index < ask_length(object, key)
               ? json_object_array_get_idx(ask_object(object, key), index)
               : NULL;
}
