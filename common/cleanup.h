// SPDX-License-Identifier: Apache-2.0
//
// Cleanup attributes: a variable that frees what it holds when it goes out of scope, and `steal` to
// hand it over.
//
//     cleanup_fd int fd = open(…);
//     if (fd < 0)
//         return -errno;          // nothing to undo
//     …
//     thing->fd = steal_fd(&fd);  // from here on it is the thing's

#ifndef QEDGE_COMMON_CLEANUP_H
#define QEDGE_COMMON_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Closes *fd when it is open and sets it to -1; errno is kept.
static inline void cleanup_close(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
    *fd = -1;
}

static inline void cleanup_free_pointer(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

#define cleanup_fd __attribute__((cleanup(cleanup_close)))
#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))
#define cleanup_file __attribute__((cleanup(cleanup_fclose)))
#define cleanup_with(function) __attribute__((cleanup(function)))

static inline int steal_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void *steal_pointer_raw(void *pointer)
{
    void **slot = pointer;
    void *taken = *slot;
    *slot = NULL;
    return taken;
}
#define steal_pointer(pointer) ((__typeof__(*(pointer)))steal_pointer_raw(pointer))

#endif
