// SPDX-License-Identifier: Apache-2.0
//
// The listening socket: handed over by systemd, or bound by ourselves; and who may connect to it.

#ifndef QEDGE_DAEMON_LISTENER_H
#define QEDGE_DAEMON_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct listener {
    int fd;
    bool own; // bound by us: removed at the end
    char path[108];
    bool has_group;
    gid_t group;
};

// Takes the socket that systemd passed (LISTEN_FDS), else binds `path`. A socket file that no
// daemon answers on is replaced. group: who may connect besides root and our own user; unknown:
// nobody else, said once. 0; else -errno with one line in `error`: -EADDRINUSE another daemon
// answers there.
int listener_open(struct listener *listener, const char *path, const char *group, char *error,
                  size_t error_size);
void listener_close(struct listener *listener);

struct peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
// May the process at the other end be served? Reads its credentials as the kernel vouches for them.
bool listener_may_connect(const struct listener *listener, int fd, struct peer *peer);

#endif
