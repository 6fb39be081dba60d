// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with the settings: lines for people, in the order in which they were found. One
// thread at a time.

#ifndef QEDGE_DAEMON_CONFIG_ERRORS_H
#define QEDGE_DAEMON_CONFIG_ERRORS_H

#include <stddef.h>
#include <stdio.h>

#define CONFIG_ERRORS_MAX 100
#define CONFIG_ERROR_TEXT_MAX 512 // bytes of config_errors_add_at's text with its end; more is cut

// One line an error. Zeroed by who owns it, who finishes it.
struct config_errors {
    const char *lines[CONFIG_ERRORS_MAX]; // without a newline
    size_t count;
};

// An error is counted also when there is no memory for its text; after CONFIG_ERRORS_MAX of them
// nothing is added.
void config_errors_add(struct config_errors *errors, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// With its place before it, "name:line:column: ", both counted from 1.
void config_errors_add_at(struct config_errors *errors, const char *name, size_t line,
                          size_t column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void config_errors_print(const struct config_errors *errors, FILE *file);
// Frees the lines; it is as good as zeroed then.
void config_errors_finish(struct config_errors *errors);

#endif
