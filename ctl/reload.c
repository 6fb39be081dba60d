// SPDX-License-Identifier: Apache-2.0
//
// `qctl reload`: the daemon reads its configuration again; what is wrong with it comes back line by
// line.

#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/ctl.h"
#include "ctl/paint.h"

static void names_show(struct json_object *answer)
{
    struct paint_line line;
    size_t count = ask_length(answer, "changed");
    paint_begin(&line);
    paint_text(&line, PAINT_GOOD, "reloaded");
    paint_text(&line, PAINT_PLAIN, count ? "; changed:" : "; no stream has changed");
    for (size_t i = 0; i < count; i++) {
        const char *name = json_object_get_string(ask_item(answer, "changed", i));
        paint_text(&line, PAINT_PLAIN, " ");
        paint_text(&line, PAINT_PLAIN, name ? name : "");
    }
    paint_end(&line);
    if (!*ask_string(answer, "note"))
        return;
    paint_begin(&line);
    paint_text(&line, PAINT_WARN, ask_string(answer, "note"));
    paint_end(&line);
}

static void errors_show(struct json_object *answer)
{
    for (size_t i = 0; i < ask_length(answer, "errors"); i++) {
        const char *text = json_object_get_string(ask_item(answer, "errors", i));
        struct paint_line line;
        paint_begin(&line);
        line.width = sizeof(line.bytes); // an error is shown whole
        paint_text(&line, PAINT_BAD, text ? text : "");
        paint_end(&line);
    }
}

int ctl_reload(const struct ctl_settings *settings)
{
    struct json_object *answer;
    int code = ask(settings, "reload", &answer);
    if (code != 0)
        return code;
    bool reloaded = ask_bool(answer, "reloaded");
    if (settings->json) {
        ask_print(answer);
    } else {
        errors_show(answer);
        if (reloaded)
            names_show(answer);
        else
            puts("not reloaded: everything stays as it was");
    }
    json_object_put(answer);
    return reloaded ? CTL_EXIT_OK : CTL_EXIT_FAILED;
}
