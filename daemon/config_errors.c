// SPDX-License-Identifier: Apache-2.0

#include "daemon/config_errors.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

static const char no_memory_line[] = "no memory to say what is wrong";

void config_errors_add(struct config_errors *errors, const char *format, ...)
{
    char *line = NULL;
    va_list args;
    if (errors->count >= CONFIG_ERRORS_MAX)
        return;
    va_start(args, format);
    bool made = vasprintf(&line, format, args) >= 0;
    va_end(args);
    errors->lines[errors->count++] = made ? line : no_memory_line;
}

void config_errors_add_at(struct config_errors *errors, const char *name, size_t line,
                          size_t column, const char *format, ...)
{
    char text[CONFIG_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    config_errors_add(errors, "%s:%zu:%zu: %s", name, line, column, text);
}

void config_errors_finish(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        if (errors->lines[i] != no_memory_line)
            free((char *)errors->lines[i]);
    *errors = (struct config_errors){0};
}

void config_errors_print(const struct config_errors *errors, FILE *file)
{
    for (size_t i = 0; i < errors->count; i++)
        fprintf(file, "%s\n", errors->lines[i]);
}
