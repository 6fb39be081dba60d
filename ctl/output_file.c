// SPDX-License-Identifier: Apache-2.0

#include "ctl/output_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

// mkstemp's file is for its owner only: as open() would have made it.
static int mode_set(int fd)
{
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(fd, 0666 & ~mask) < 0 ? -errno : 0;
}

static int write_beside(const char *path, char *beside, const uint8_t *data, size_t size)
{
    int fd = mkstemp(beside);
    if (fd < 0)
        return -errno;
    int status = write_all(fd, data, size);
    if (status == 0)
        status = mode_set(fd);
    if (close(fd) < 0 && status == 0)
        status = -errno;
    if (status == 0 && rename(beside, path) < 0)
        status = -errno;
    if (status < 0)
        unlink(beside);
    return status;
}

int output_file_write(const char *path, const uint8_t *data, size_t size)
{
    struct stat there;
    sigset_t ending, before;
    char *beside = NULL;
    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, data, size);
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return -EINVAL;
    if (asprintf(&beside, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigprocmask(SIG_BLOCK, &ending, &before);
    int status = write_beside(path, beside, data, size);
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(beside);
    return status;
}
