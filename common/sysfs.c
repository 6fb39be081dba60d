// SPDX-License-Identifier: Apache-2.0

#include "common/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

static int join(char *whole, const char *root, const char *path)
{
    int length = snprintf(whole, SYSFS_PATH_MAX, "%s%s", root, path);
    return length < SYSFS_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static size_t trim(char *text, size_t length)
{
    char *end = memchr(text, '\n', length);
    length = end ? (size_t)(end - text) : length;
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    text[length] = '\0';
    size_t blank = strspn(text, " \t");
    memmove(text, text + blank, length - blank + 1);
    return strlen(text);
}

int sysfs_read_text(const char *root, const char *path, char *text, size_t size)
{
    char whole[SYSFS_PATH_MAX];
    int status = join(whole, root, path);
    if (status < 0)
        return status;
    cleanup_fd int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, text, size - 1);
    if (length < 0)
        return -errno;
    text[length] = '\0';
    size_t kept = trim(text, (size_t)length);
    return kept ? (int)kept : -EINVAL;
}

int sysfs_read_number(const char *root, const char *path, int64_t *value)
{
    char text[32], *end;
    int status = sysfs_read_text(root, path, text, sizeof(text));
    if (status < 0)
        return status;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return -EINVAL;
    *value = number;
    return 0;
}

static int join_name(char *path, const char *folder, const char *name)
{
    return snprintf(path, SYSFS_PATH_MAX, "%s/%s", folder, name) < SYSFS_PATH_MAX ? 0
                                                                                 : -ENAMETOOLONG;
}

int sysfs_folder_text(const char *root, const char *folder, const char *name, char *text,
                      size_t size)
{
    char path[SYSFS_PATH_MAX];
    int status = join_name(path, folder, name);
    return status < 0 ? status : sysfs_read_text(root, path, text, size);
}

int sysfs_folder_number(const char *root, const char *folder, const char *name, int64_t *value)
{
    char path[SYSFS_PATH_MAX];
    int status = join_name(path, folder, name);
    return status < 0 ? status : sysfs_read_number(root, path, value);
}

static int by_length_and_name(const void *left, const void *right)
{
    const char *a = left, *b = right;
    size_t longer = strlen(a), other = strlen(b);
    return longer != other ? (longer < other ? -1 : 1) : strcmp(a, b);
}

int sysfs_list(const char *root, const char *folder, const char *prefix,
               char names[][SYSFS_NAME_MAX], int max)
{
    char whole[SYSFS_PATH_MAX];
    if (join(whole, root, folder) < 0)
        return 0;
    DIR *entries = opendir(whole);
    int count = 0;
    struct dirent *entry;
    while (entries && count < max && (entry = readdir(entries))) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0 ||
            strlen(entry->d_name) >= SYSFS_NAME_MAX)
            continue;
        strcpy(names[count++], entry->d_name); // its length was looked at
    }
    if (entries)
        closedir(entries);
    qsort(names, (size_t)count, SYSFS_NAME_MAX, by_length_and_name);
    return count;
}

int sysfs_link_name(const char *root, const char *path, char *name, size_t size)
{
    char whole[SYSFS_PATH_MAX], target[SYSFS_PATH_MAX];
    int status = join(whole, root, path);
    if (status < 0)
        return status;
    ssize_t length = readlink(whole, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    const char *slash = strrchr(target, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : target);
    return 0;
}
