// SPDX-License-Identifier: Apache-2.0

#include "common/device_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sysfs.h"

// Nodes of one device may have several names; what they have in common is the device's number.
static bool same_thing(const struct stat *a, const struct stat *b)
{
    if (S_ISCHR(a->st_mode) && S_ISCHR(b->st_mode))
        return a->st_rdev == b->st_rdev;
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool has_open(const char *proc, const char *pid, const struct stat *wanted)
{
    char path[SYSFS_PATH_MAX];
    bool found = false;
    snprintf(path, sizeof(path), "%.200s/%.16s/fd", proc, pid);
    DIR *fds = opendir(path);
    struct dirent *entry;
    while (fds && !found && (entry = readdir(fds))) {
        struct stat here;
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "%.200s/%.16s/fd/%.16s", proc, pid, entry->d_name);
        found = stat(path, &here) == 0 && same_thing(&here, wanted);
    }
    if (fds)
        closedir(fds);
    return found;
}

// Its name comes from elsewhere: nothing in it may upset a terminal.
static void name_process(const char *proc, const char *pid, char *text, size_t size)
{
    char path[SYSFS_PATH_MAX], name[32];
    snprintf(path, sizeof(path), "/%.16s/comm", pid);
    if (sysfs_read_text(proc, path, name, sizeof(name)) < 0)
        strcpy(name, "a program");
    for (char *byte = name; *byte; byte++)
        if (!isprint((unsigned char)*byte))
            *byte = '?';
    snprintf(text, size, "%s (process %.16s)", name, pid);
}

int device_holder_find(const char *root, const char *path, long except, char *text, size_t size)
{
    char proc[SYSFS_PATH_MAX], skipped[24];
    struct stat wanted;
    struct dirent *entry;
    bool found = false;
    if (stat(path, &wanted) < 0)
        return -errno;
    snprintf(proc, sizeof(proc), "%.200s/proc", root);
    snprintf(skipped, sizeof(skipped), "%ld", except);
    DIR *processes = opendir(proc);
    while (processes && !found && (entry = readdir(processes))) {
        if (!isdigit((unsigned char)entry->d_name[0]) || strcmp(entry->d_name, skipped) == 0)
            continue;
        found = has_open(proc, entry->d_name, &wanted);
        if (found)
            name_process(proc, entry->d_name, text, size);
    }
    if (processes)
        closedir(processes);
    return found ? 0 : -ENOENT;
}
