// SPDX-License-Identifier: Apache-2.0
#include "common/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

int output_file_check(const char *path, const char *const *inputs, size_t count)
{
    struct stat st, input;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return -EISDIR;
    if (exists && !S_ISREG(st.st_mode)) // a device or a pipe
        return access(path, W_OK) == 0 ? 0 : -errno;
    for (size_t i = 0; exists && i < count; i++)
        if (inputs[i] && stat(inputs[i], &input) == 0 && input.st_dev == st.st_dev &&
            input.st_ino == st.st_ino)
            return -EEXIST;
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return -ENOMEM;
    return access(folder, W_OK | X_OK) == 0 ? 0 : -errno;
}

int output_file_fill(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_device(const char *path, const void *data, size_t size)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : output_file_fill(fd, data, size);
}

// mkstemp makes it private to the user; the finished file gets the mode that any new file would
// have.
static int fill(int fd, const void *data, size_t size)
{
    mode_t mask = umask(0);
    umask(mask);
    int rc = output_file_fill(fd, data, size);
    if (rc == 0 && fchmod(fd, 0666 & ~mask) < 0)
        rc = -errno;
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    return rc;
}

static int write_beside(const char *path, char *temporary, const void *data, size_t size)
{
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fill(fd, data, size);
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temporary);
    return rc;
}

int output_file_write(const char *path, const void *data, size_t size)
{
    struct stat st;
    sigset_t ending, before;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : write_device(path, data, size);
    cleanup_free char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ending, &before);
    int rc = write_beside(path, temporary, data, size);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
