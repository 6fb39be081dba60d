// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_trouble.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "common/device_holder.h"

int v4l2_trouble_say(struct source_trouble *trouble, const char *path, int status,
                     const char *format, ...)
{
    char text[120];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(trouble->reason, sizeof(trouble->reason), "%.60s: %s", path, text);
    return status;
}

int v4l2_trouble_busy(struct source_trouble *trouble, const char *path)
{
    char holder[80];
    if (device_holder_find("", path, getpid(), holder, sizeof(holder)) == 0) {
        snprintf(trouble->hint, sizeof(trouble->hint),
                 "end %s; one camera can feed several streams of one qedged", holder);
        return v4l2_trouble_say(trouble, path, -EBUSY, "in use by %s", holder);
    }
    snprintf(trouble->hint, sizeof(trouble->hint),
             "`sudo qctl status` names it; one camera can feed several streams of one qedged");
    return v4l2_trouble_say(trouble, path, -EBUSY, DEVICE_HOLDER_UNSEEN);
}
