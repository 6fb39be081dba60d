// SPDX-License-Identifier: Apache-2.0
//
// How many descriptors this process holds: what opened and closes again leaves the number as it was.

#ifndef QEDGE_TESTS_FDS_OPEN_H
#define QEDGE_TESTS_FDS_OPEN_H

#include <dirent.h>

// Counts a few of its own too, the same ones each time: for comparing only.
static inline unsigned fds_open(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

#endif
