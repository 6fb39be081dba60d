// SPDX-License-Identifier: Apache-2.0
//
// Names here are the linker's: --wrap=f makes calls of f go to __wrap_f, and __real_f is f.

#include "tests/fault/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>
#include <yaml.h>

#include "common/log.h"

static atomic_bool armed;
static atomic_uint calls;
static unsigned fail_at;
static enum inject_mode fail_mode;
static _Atomic(const char *) failed;
static atomic_uint logged;
static char log_text[1024];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread bool inside;

void inject_enter(void)
{
    inside = true;
}

void inject_leave(void)
{
    inside = false;
}

void inject_arm(unsigned n, enum inject_mode mode)
{
    atomic_store(&calls, 0);
    atomic_store(&failed, NULL);
    atomic_store(&logged, 0);
    log_text[0] = '\0';
    fail_at = n;
    fail_mode = mode;
    atomic_store(&armed, true);
}

bool inject_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&failed) != NULL;
}

const char *inject_name(void)
{
    const char *name = atomic_load(&failed);
    return name ? name : "";
}

unsigned inject_count(void)
{
    return atomic_load(&calls);
}

unsigned inject_log_count(void)
{
    return atomic_load(&logged);
}

const char *inject_log_text(void)
{
    return log_text;
}

static bool fails(const char *name)
{
    if (!inside || !atomic_load(&armed))
        return false;
    unsigned call = atomic_fetch_add(&calls, 1) + 1;
    if (fail_mode == INJECT_ONE ? call != fail_at : call < fail_at)
        return false;
    const char *none = NULL;
    atomic_compare_exchange_strong(&failed, &none, name);
    return true;
}

// ---- what a process holds -----------------------------------------------------------------------

unsigned inject_memfd_maps(void)
{
    unsigned count = 0;
    char line[1000];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof(line), maps))
        count += strstr(line, "/memfd:") != NULL;
    if (maps)
        fclose(maps);
    return count;
}

// ---- the log ------------------------------------------------------------------------------------

void __wrap_log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void __wrap_log_message(enum log_level level, const char *format, ...)
{
    va_list list;
    if (level > LOG_LEVEL_WARNING && !getenv("INJECT_LOG"))
        return;
    pthread_mutex_lock(&log_lock);
    va_start(list, format);
    vsnprintf(log_text, sizeof(log_text), format, list);
    va_end(list);
    if (getenv("INJECT_LOG"))
        fprintf(stderr, "    log %d: %s\n", (int)level, log_text);
    if (level <= LOG_LEVEL_WARNING)
        atomic_fetch_add(&logged, 1);
    pthread_mutex_unlock(&log_lock);
}

// ---- calls that fail ----------------------------------------------------------------------------

#define WRAP(type, name, parameters, arguments, result, error)                                     \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (fails(#name)) {                                                                        \
            errno = error;                                                                         \
            return result;                                                                         \
        }                                                                                          \
        return __real_##name arguments;                                                            \
    }

// memory
WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL, ENOMEM)
WRAP(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size), NULL, ENOMEM)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL, ENOMEM)
WRAP(char *, strdup, (const char *text), (text), NULL, ENOMEM)
WRAP(void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset), MAP_FAILED, ENOMEM)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
WRAP(int, posix_fallocate, (int fd, off_t from, off_t size), (fd, from, size), ENOSPC, 0)

// files and devices
WRAP(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode), -1, EMFILE)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL, ENOMEM)
WRAP(int, fstat, (int fd, struct stat *status), (fd, status), -1, ENOMEM)
WRAP(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size), -1, EIO)
WRAP(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), -1, ENOSPC)
WRAP(int, ioctl, (int fd, unsigned long request, void *argument), (fd, request, argument), -1, EIO)
WRAP(int, fcntl, (int fd, int command, long argument), (fd, command, argument), -1, EINVAL)

// sockets and the things that wake
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), -1,
     ENOSPC)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size),
     -1, EAGAIN)
WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
     (fd, address, size, flags), -1, EMFILE)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1,
     ENOBUFS)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1,
     ENOMEM)
WRAP(int, pipe2, (int *ends, int flags), (ends, flags), -1, EMFILE)
WRAP(int, socketpair, (int domain, int type, int protocol, int *ends),
     (domain, type, protocol, ends), -1, EMFILE)
WRAP(int, eventfd, (unsigned start, int flags), (start, flags), -1, EMFILE)
WRAP(int, epoll_create1, (int flags), (flags), -1, EMFILE)
WRAP(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
     (epoll, operation, fd, event), -1, ENOSPC)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1, EMFILE)
WRAP(int, inotify_init1, (int flags), (flags), -1, EMFILE)
WRAP(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask), -1,
     ENOSPC)

// libraries
WRAP(int, uv_loop_init, (uv_loop_t * loop), (loop), UV_EMFILE, 0)
WRAP(int, uv_poll_init, (uv_loop_t * loop, uv_poll_t *poll, int fd), (loop, poll, fd), UV_ENOMEM, 0)
WRAP(int, uv_poll_start, (uv_poll_t * poll, int events, uv_poll_cb callback),
     (poll, events, callback), UV_ENOMEM, 0)
WRAP(int, uv_signal_init, (uv_loop_t * loop, uv_signal_t *handle), (loop, handle), UV_EMFILE, 0)
WRAP(int, uv_signal_start, (uv_signal_t * handle, uv_signal_cb callback, int number),
     (handle, callback, number), UV_EINVAL, 0)
WRAP(int, uv_async_init, (uv_loop_t * loop, uv_async_t *async, uv_async_cb callback),
     (loop, async, callback), UV_EMFILE, 0)
WRAP(int, yaml_parser_initialize, (yaml_parser_t * parser), (parser), 0, ENOMEM)
WRAP(png_structp, png_create_read_struct,
     (png_const_charp version, png_voidp pointer, png_error_ptr error, png_error_ptr warning),
     (version, pointer, error, warning), NULL, ENOMEM)
WRAP(png_infop, png_create_info_struct, (png_const_structrp png), (png), NULL, ENOMEM)

// ---- those with a shape of their own ------------------------------------------------------------

static _Atomic unsigned bad_closes;

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) // does not fail, but is watched
{
    int status = __real_close(fd);
    if (status < 0 && errno == EBADF)
        atomic_fetch_add(&bad_closes, 1);
    return status;
}

unsigned inject_bad_closes(void)
{
    return atomic_load(&bad_closes);
}

int __real_vasprintf(char **text, const char *format, va_list list);
int __wrap_vasprintf(char **text, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));
int __wrap___vasprintf_chk(char **text, int flag, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int __wrap_vasprintf(char **text, const char *format, va_list list)
{
    if (!fails("asprintf"))
        return __real_vasprintf(text, format, list);
    errno = ENOMEM; // and *text is whatever it was
    return -1;
}

int __wrap___vasprintf_chk(char **text, int flag, const char *format, va_list list)
{
    (void)flag;
    return __wrap_vasprintf(text, format, list);
}

int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = __wrap_vasprintf(text, format, list);
    va_end(list);
    return length;
}

int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
{
    va_list list;
    (void)flag;
    va_start(list, format);
    int length = __wrap_vasprintf(text, format, list);
    va_end(list);
    return length;
}

struct start {
    void *(*run)(void *);
    void *argument;
};

static void *start_inside(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    inside = true;
    return start.run(start.argument);
}

void *__real_malloc(size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    if (fails("pthread_create"))
        return EAGAIN;
    if (!inside)
        return __real_pthread_create(thread, attributes, run, argument);
    struct start *start = __real_malloc(sizeof(*start));
    *start = (struct start){run, argument};
    int status = __real_pthread_create(thread, attributes, start_inside, start);
    if (status != 0)
        free(start);
    return status;
}
