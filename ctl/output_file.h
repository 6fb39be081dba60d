// SPDX-License-Identifier: Apache-2.0
//
// A file that is there as a whole or not at all.

#ifndef QEDGE_CTL_OUTPUT_FILE_H
#define QEDGE_CTL_OUTPUT_FILE_H

#include <stddef.h>
#include <stdint.h>

// Writes beside `path` under a temporary name and renames; "-" is standard output. 0 or -errno;
// -EINVAL: path is there and no regular file. What fails leaves nothing behind and the old file as
// it was; a signal that would end the program waits until it is done.
int output_file_write(const char *path, const uint8_t *data, size_t size);

#endif
