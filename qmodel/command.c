// SPDX-License-Identifier: Apache-2.0
#include "qmodel/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output_file.h"

static void say(const char *name, const char *format, va_list arguments)
{
    char line[1024];
    vsnprintf(line, sizeof(line), format, arguments);
    for (char *c = line; *c; c++) // names of files and in models: they neither break the line nor
        if ((unsigned char)*c < ' ' || *c == 0x7f) // command the terminal
            *c = '?';
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

int command_bad_option(const char *name, int option, const char *word)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool has_value = strncmp(word, "--", 2) == 0 && strchr(word, '=');
    const char *what = option == ':'         ? "no value after"
                       : optopt && has_value ? "no value belongs to"
                                             : "unknown option";
    // of letters in one word the wrong one is named
    return command_usage(name, "%s '%s' (try qmodel %s --help)", what,
                         option == '?' && optopt && !has_value ? letter : word, name);
}

int command_check_output(const char *name, const char *path, const char *const *inputs,
                         size_t count)
{
    int status = output_file_check(path, inputs, count);
    if (status == -EEXIST)
        return command_fail(name, "%s: this file is read; give another name to write to", path);
    return status < 0 ? command_fail(name, "%s: %s", path, strerror(-status)) : 0;
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
