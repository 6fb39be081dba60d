// SPDX-License-Identifier: Apache-2.0
//
// A file that is there completely or not at all: written under another name in the same folder,
// brought to the disk, then renamed. A device or a pipe (/dev/full, /dev/stdout) is written as it
// is.

#ifndef QEDGE_COMMON_OUTPUT_FILE_H
#define QEDGE_COMMON_OUTPUT_FILE_H

#include <stddef.h>

// Before long work whose result goes to `path`: can it be written, and is it none of the files that
// the work begins with? 0; -EEXIST: it is one of inputs[count]; -EISDIR; -ENOENT, -EACCES …: its
// folder. NULL inputs are none.
int output_file_check(const char *path, const char *const *inputs, size_t count);
// 0 or -errno; a file that was there before stays as it was when it fails, and nothing else is left
// behind: signals that would end the program wait until it is done. That is for programs of one
// thread at that time (the mask is the thread's), or whom no signal ends, like qedged.
int output_file_write(const char *path, const void *data, size_t size);
// The same into a descriptor that is open, standard output say. 0 or -errno; what was written until
// then stays written.
int output_file_fill(int fd, const void *data, size_t size);

#endif
