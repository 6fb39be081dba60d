// SPDX-License-Identifier: Apache-2.0
//
// Who has a device open: a look through /proc/PID/fd. Only what this process may see is found: its
// own user's processes, or all of them for root without a sandbox.

#ifndef QEDGE_COMMON_DEVICE_HOLDER_H
#define QEDGE_COMMON_DEVICE_HOLDER_H

#include <stddef.h>

// "ffmpeg (process 4711)" of the first process but `except` that has path, or another node of the
// same device, open. root: see sysfs.h, of /proc. 0; -ENOENT: nobody that can be seen; -errno: no
// such path. Costs a system call for every open file of the machine: not for a hot path.
int device_holder_find(const char *root, const char *path, long except, char *text, size_t size);

// What the daemon says of a camera whose holder it may not see, after "PATH: ". Whoever asks it may
// see more.
#define DEVICE_HOLDER_UNSEEN "in use by another program"

#endif
