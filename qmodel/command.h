// SPDX-License-Identifier: Apache-2.0
//
// qmodel's subcommands: each has a file of its own and one row in main.c.

#ifndef QEDGE_QMODEL_COMMAND_H
#define QEDGE_QMODEL_COMMAND_H

#include <stddef.h>

// Exit codes of all subcommands.
enum { COMMAND_OK = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

// argv[0] is the subcommand's name. Returns the exit code; what went wrong is on stderr, one line.
typedef int command_run(int argc, char **argv);

command_run command_info;
command_run command_run_model;
command_run command_bench;
command_run command_quantize;
command_run command_compare;
command_run command_import;

extern const char command_info_help[];
extern const char command_run_help[];
extern const char command_bench_help[];
extern const char command_quantize_help[];
extern const char command_compare_help[];
extern const char command_import_help[];

// One line "qmodel NAME: ..." on stderr; returns COMMAND_USAGE and COMMAND_FAILED.
int command_usage(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
int command_fail(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

// What getopt_long returned as ':' or '?' for that word: no value after it, or unknown. Returns
// COMMAND_USAGE with the line written.
int command_bad_option(const char *name, int option, const char *word);

// Before the work begins: may `path` be written (output_file_check)? 0, or the exit status after a
// line that says why not.
int command_check_output(const char *name, const char *path, const char *const *inputs,
                         size_t count);

// Parses a whole number in [low, high] into *value. 0 or COMMAND_USAGE with the line written.
int command_number(const char *name, const char *option, const char *text, long low, long high,
                   long *value);

#endif
