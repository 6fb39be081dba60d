// SPDX-License-Identifier: Apache-2.0
//
// Small files of /sys, below a root: "" on a machine, a folder with a recorded tree in a test.
// Paths begin with "/". Nothing here follows what the files say; lengths are bounded.

#ifndef QEDGE_COMMON_SYSFS_H
#define QEDGE_COMMON_SYSFS_H

#include <stddef.h>
#include <stdint.h>

#define SYSFS_PATH_MAX 512
#define SYSFS_NAME_MAX 64

// The first line of a file without blanks around it. Its length, or -errno: -ENOENT, -EACCES,
// -ENODATA and what else the driver says; -EINVAL for an empty line.
int sysfs_read_text(const char *root, const char *path, char *text, size_t size);
// A whole decimal number and nothing else. 0 or -errno; -EINVAL when it is none.
int sysfs_read_number(const char *root, const char *path, int64_t *value);
// The same for FOLDER/NAME.
int sysfs_folder_text(const char *root, const char *folder, const char *name, char *text,
                      size_t size);
int sysfs_folder_number(const char *root, const char *folder, const char *name, int64_t *value);
// Entries of a folder that begin with prefix, shorter ones first, then by name (so hwmon2 comes
// before hwmon10), at most max. How many; 0 when there is no such folder.
int sysfs_list(const char *root, const char *folder, const char *prefix,
               char names[][SYSFS_NAME_MAX], int max);
// The last part of a link's target ("1-0040" of .../device). 0 or -errno.
int sysfs_link_name(const char *root, const char *path, char *name, size_t size);

#endif
