// SPDX-License-Identifier: Apache-2.0

#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"

#define BACKLOG 128
#define SYSTEMD_FIRST_FD 3

static int __attribute__((format(printf, 4, 5)))
refuse(char *error, size_t size, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return status;
}

// ---- from systemd ----------------------------------------------------------

static bool is_listening(int fd)
{
    int type = 0, listening = 0, domain = 0;
    socklen_t size = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

// 1: taken; 0: there is none; -errno.
static int take_passed(struct listener *listener, char *error, size_t size)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return 0;
    long fds = strtol(count, NULL, 10);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (fds == 0)
        return 0;
    if (fds != 1 || !is_listening(SYSTEMD_FIRST_FD))
        return refuse(
            error, size, -EINVAL,
            "the socket unit must pass one ListenSequentialPacket= socket; it passed %ld of another kind",
            fds);
    listener->fd = SYSTEMD_FIRST_FD;
    fcntl(listener->fd, F_SETFD, FD_CLOEXEC);
    fcntl(listener->fd, F_SETFL, fcntl(listener->fd, F_GETFL) | O_NONBLOCK);
    return 1;
}

// ---- our own ---------------------------------------------------------------

// A socket file is there already: remove it when nobody answers.
static int clear_stale(const struct sockaddr_un *address, char *error, size_t size)
{
    struct stat stat_buffer;
    if (lstat(address->sun_path, &stat_buffer) < 0)
        return errno == ENOENT
                   ? 0
                   : refuse(error, size, -errno, "%s: %s", address->sun_path, strerror(errno));
    if (!S_ISSOCK(stat_buffer.st_mode))
        return refuse(error, size, -EEXIST, "%s: exists and is no socket", address->sun_path);
    cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refuse(error, size, -errno, "socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
        return refuse(error, size, -EADDRINUSE, "%s: another qedged is running there",
                      address->sun_path);
    if (errno != ECONNREFUSED)
        return refuse(error, size, -errno, "%s: %s", address->sun_path, strerror(errno));
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

// Usually the daemon's own group already; then there is nothing to ask of the system.
static void give_to_group(const char *path, gid_t group)
{
    struct stat stat_buffer;
    if (stat(path, &stat_buffer) == 0 && stat_buffer.st_gid == group)
        return;
    if (chown(path, (uid_t)-1, group) < 0)
        log_warning("%s: can not be given to the group: %s; its members can not connect", path,
                    strerror(errno));
}

static int bind_own(struct listener *listener, const char *path, char *error, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
    int status = clear_stale(&address, error, size);
    if (status < 0)
        return status;
    cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refuse(error, size, -errno, "socket: %s", strerror(errno));
    // never open to all, not even for a moment
    mode_t mask = umask(0117);
    status = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(mask);
    if (status < 0)
        return refuse(error, size, status, "%s: %s%s", path, strerror(-status),
                      status == -ENOENT ? ": the folder must exist" : "");
    if (listener->has_group)
        give_to_group(path, listener->group);
    if (listen(fd, BACKLOG) < 0) {
        status = refuse(error, size, -errno, "%s: %s", path, strerror(errno));
        unlink(path);
        return status;
    }
    snprintf(listener->path, sizeof(listener->path), "%s", path);
    listener->own = true;
    listener->fd = steal_fd(&fd);
    return 0;
}

int listener_open(struct listener *listener, const char *path, const char *group, char *error,
                  size_t error_size)
{
    *listener = (struct listener){.fd = -1};
    errno = 0;
    const struct group *entry = getgrnam(group);
    listener->has_group = entry != NULL;
    if (entry)
        listener->group = entry->gr_gid;
    else
        log_notice("there is no group %s: only root and user %u may connect", group,
                   (unsigned)geteuid());
    int status = take_passed(listener, error, error_size);
    if (status == 0)
        status = bind_own(listener, path, error, error_size);
    return status < 0 ? status : 0;
}

void listener_close(struct listener *listener)
{
    if (listener->own && listener->fd >= 0)
        unlink(listener->path);
    cleanup_close(&listener->fd);
}

// ---- who -------------------------------------------------------------------

// Supplementary groups as they were when the peer connected.
static bool peer_has_group(int fd, gid_t group)
{
    gid_t groups[256];
    socklen_t size = sizeof(groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof(groups[0]); i++)
        if (groups[i] == group)
            return true;
    return false;
}

bool listener_may_connect(const struct listener *listener, int fd, struct peer *peer)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return false;
    *peer = (struct peer){.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    return listener->has_group &&
           (peer->gid == listener->group || peer_has_group(fd, listener->group));
}
