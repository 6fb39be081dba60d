// SPDX-License-Identifier: Apache-2.0

#include "common/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static int memfd_open(const char *name)
{
    // Linux 6.3 wants to be told that nothing in it is to be run; older ones do not know the flag.
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

int sealed_create(const char *name, size_t size, int *fd, void **map)
{
    cleanup_fd int memfd = memfd_open(name);
    if (memfd < 0)
        return memfd;
    int status = posix_fallocate(memfd, 0, (off_t)size);
    if (status != 0)
        return -status;
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (mapping == MAP_FAILED)
        return -errno;
    if (fcntl(memfd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
        status = -errno;
        munmap(mapping, size);
        return status;
    }
    *map = mapping;
    *fd = steal_fd(&memfd);
    return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

int sealed_create_copy(const char *name, const void *bytes, size_t size)
{
    cleanup_fd int memfd = memfd_open(name);
    if (memfd < 0)
        return memfd;
    int status = write_all(memfd, bytes, size);
    if (status != 0)
        return status;
    if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return -errno;
    return steal_fd(&memfd);
}

int sealed_map(int fd, size_t min, size_t max, const void **map, size_t *size)
{
    struct stat status;
    // Without this seal the owner could cut the file under the mapping, and the next read would be
    // a SIGBUS.
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK))
        return -EPROTO;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size < (off_t)min || status.st_size > (off_t)max)
        return -EPROTO;
    void *mapping = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED)
        return -errno;
    *map = mapping;
    *size = (size_t)status.st_size;
    return 0;
}
