// SPDX-License-Identifier: Apache-2.0
//
// The systemd notification protocol (sd_notify(3)): a datagram of KEY=value lines to
// $NOTIFY_SOCKET. Without that variable everything here does nothing.

#ifndef QEDGE_DAEMON_NOTIFY_H
#define QEDGE_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; // -1 = nobody listens
    struct sockaddr_un address;
    socklen_t address_size;
    uint64_t watchdog_us; // within which WATCHDOG=1 is expected; 0 = never
    char last_status[512];
};

void notify_init(struct notify *notify);
void notify_finish(struct notify *notify);
// Never blocks: systemd's queue being full is no reason to stop classifying.
void notify_send(const struct notify *notify, const char *text);
// STATUS=…, only when it differs from the last one.
void notify_status(struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// RELOADING=1 with the time stamp that Type=notify-reload asks for.
void notify_reloading(const struct notify *notify);

#endif
