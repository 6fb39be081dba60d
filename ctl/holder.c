// SPDX-License-Identifier: Apache-2.0

#include "ctl/holder.h"

#include <stdio.h>
#include <string.h>

#include "common/device_holder.h"
#include "ctl/ask.h"

static void set_text(struct json_object *stream, const char *key, const char *text)
{
    json_object_object_add(stream, key, json_object_new_string(text));
}

static void stream_complete(struct json_object *stream, long daemon)
{
    static const char unseen[] = ": " DEVICE_HOLDER_UNSEEN;
    const char *reason = ask_string(stream, "reason");
    size_t length = strlen(reason), tail = sizeof(unseen) - 1;
    char path[128], holder[80], text[256];
    if (length <= tail || length - tail >= sizeof(path) ||
        strcmp(reason + length - tail, unseen) != 0)
        return;
    snprintf(path, sizeof(path), "%.*s", (int)(length - tail), reason);
    if (device_holder_find("", path, daemon, holder, sizeof(holder)) < 0)
        return;
    snprintf(text, sizeof(text), "%s: in use by %s", path, holder);
    set_text(stream, "reason", text);
    snprintf(text, sizeof(text), "end %s; one camera can feed several streams of one qedged",
             holder);
    set_text(stream, "hint", text);
}

void holder_name(struct json_object *status)
{
    for (size_t i = 0; i < ask_length(status, "streams"); i++)
        stream_complete(ask_item(status, "streams", i), (long)ask_integer(status, "pid"));
}
