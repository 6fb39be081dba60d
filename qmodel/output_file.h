// SPDX-License-Identifier: Apache-2.0
//
// A file that is there completely or not at all: written under another name in the same folder,
// brought to the disk, then renamed. A device or a pipe (/dev/full, /dev/stdout) is written as it
// is.

#ifndef QEDGE_QMODEL_OUTPUT_FILE_H
#define QEDGE_QMODEL_OUTPUT_FILE_H

#include <stddef.h>

// 0 or -errno; a file that was there before stays as it was when it fails.
int output_file_write(const char *path, const void *data, size_t size);

#endif
