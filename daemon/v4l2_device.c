// SPDX-License-Identifier: Apache-2.0

#include "daemon/v4l2_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libv4l2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int plain_open(const char *path)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == EISDIR ? -ENOTTY : -errno;
    struct stat stat;
    if (fstat(fd, &stat) < 0 || !S_ISCHR(stat.st_mode)) {
        close(fd);
        return -ENOTTY;
    }
    return fd;
}

static int plain_close(int fd)
{
    return close(fd) < 0 ? -errno : 0;
}

static int plain_ioctl(int fd, unsigned long request, void *argument)
{
    int status;
    do
        status = ioctl(fd, request, argument);
    while (status < 0 && errno == EINTR);
    return status < 0 ? -errno : status;
}

static void *plain_map(int fd, size_t length, int64_t offset)
{
    void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return address == MAP_FAILED ? NULL : address;
}

static int plain_unmap(void *address, size_t length)
{
    return munmap(address, length) < 0 ? -errno : 0;
}

static int plain_poll(struct pollfd *fds, unsigned count, int timeout_ms)
{
    int status = poll(fds, count, timeout_ms);
    return status < 0 ? -errno : status;
}

static int by_number(const void *a, const void *b)
{
    return atoi((const char *)a + strlen("/dev/video")) -
           atoi((const char *)b + strlen("/dev/video"));
}

static int plain_list(char paths[V4L2_NODES_MAX][32])
{
    DIR *folder = opendir("/dev");
    int count = 0;
    struct dirent *entry;
    while (folder && count < V4L2_NODES_MAX && (entry = readdir(folder))) {
        const char *digits = entry->d_name + strlen("video");
        if (strncmp(entry->d_name, "video", strlen("video")) == 0 && *digits &&
            strlen(digits) < 5 && strspn(digits, "0123456789") == strlen(digits))
            snprintf(paths[count++], sizeof(paths[0]), "/dev/video%.5s", digits);
    }
    if (folder)
        closedir(folder);
    qsort(paths, (size_t)count, sizeof(paths[0]), by_number);
    return count;
}

const struct v4l2_device_ops v4l2_device_plain = {.name = "v4l2",
                                                  .open = plain_open,
                                                  .close = plain_close,
                                                  .ioctl = plain_ioctl,
                                                  .map = plain_map,
                                                  .unmap = plain_unmap,
                                                  .poll = plain_poll,
                                                  .list = plain_list};

// ---- libv4l2 ---------------------------------------------------------------

static int converting_open(const char *path)
{
    int fd = plain_open(path);
    if (fd < 0)
        return fd;
    // from here on libv4l2 knows the fd and answers for it
    if (v4l2_fd_open(fd, V4L2_ENABLE_ENUM_FMT_EMULATION) < 0) {
        int status = -errno;
        close(fd);
        return status;
    }
    return fd;
}

static int converting_close(int fd)
{
    return v4l2_close(fd) < 0 ? -errno : 0;
}

static int converting_ioctl(int fd, unsigned long request, void *argument)
{
    int status;
    do
        status = v4l2_ioctl(fd, request, argument);
    while (status < 0 && errno == EINTR);
    return status < 0 ? -errno : status;
}

static void *converting_map(int fd, size_t length, int64_t offset)
{
    void *address = v4l2_mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    return address == MAP_FAILED ? NULL : address;
}

static int converting_unmap(void *address, size_t length)
{
    return v4l2_munmap(address, length) < 0 ? -errno : 0;
}

const struct v4l2_device_ops v4l2_device_converting = {.name = "libv4l2",
                                                       .open = converting_open,
                                                       .close = converting_close,
                                                       .ioctl = converting_ioctl,
                                                       .map = converting_map,
                                                       .unmap = converting_unmap,
                                                       .poll = plain_poll,
                                                       .list = plain_list};

const struct v4l2_device_ops *v4l2_device_direct = &v4l2_device_plain;
const struct v4l2_device_ops *v4l2_device_fallback = &v4l2_device_converting;
