// SPDX-License-Identifier: Apache-2.0
#include "qmodel/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void say(const char *name, const char *format, va_list arguments)
{
    char line[1024];
    vsnprintf(line, sizeof(line), format, arguments);
    fprintf(stderr, "qmodel %s: %s\n", name, line);
}

int command_usage(const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(name, format, arguments);
    va_end(arguments);
    return COMMAND_USAGE;
}

int command_fail(const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(name, format, arguments);
    va_end(arguments);
    return COMMAND_FAILED;
}

int command_number(const char *name, const char *option, const char *text, long low, long high,
                   long *value)
{
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    if (errno || end == text || *end || *value < low || *value > high)
        return command_usage(name, "%s takes a whole number from %ld to %ld, not '%s'", option, low,
                             high, text);
    return 0;
}
