// SPDX-License-Identifier: Apache-2.0
//
// A text file with one label a line.

#ifndef QEDGE_DAEMON_LABEL_FILE_H
#define QEDGE_DAEMON_LABEL_FILE_H

#include <stddef.h>
#include <stdint.h>

// At most 65536 lines of at most 1000 bytes; line ends of either kind; empty lines count, except at
// the end. 0 with *labels for label_file_free; else -errno with one line in `error`.
int label_file_read(const char *path, char ***labels, uint32_t *count, char *error,
                    size_t error_size);
void label_file_free(char **labels, uint32_t count);

#endif
