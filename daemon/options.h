// SPDX-License-Identifier: Apache-2.0
//
// qedged's command line.

#ifndef QEDGE_DAEMON_OPTIONS_H
#define QEDGE_DAEMON_OPTIONS_H

#include <stdbool.h>

#define OPTIONS_CONFIG_DEFAULT "/etc/qedge/qedged.yaml"

struct options {
    const char *config;
    bool check;
};

// Returns 0 to go on; 1 when all is done (--help, --version were printed); -EINVAL after a line on
// stderr.
int options_parse(int count, char **words, struct options *options);

#endif
