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
    bool ready_due; // READY=1 found systemd's queue full
    char last_status[512];
};

void notify_init(struct notify *notify);
void notify_finish(struct notify *notify);
// Never blocks: systemd's queue being full is no reason to stop classifying.
void notify_send(const struct notify *notify, const char *text);
// READY=1, at the start and after a reload. When systemd's queue is full it goes with the next
// notify_status: without it the unit would be starting, or reloading, until somebody ends it.
void notify_ready(struct notify *notify);
// STATUS=…, only when it differs from the last one. To be called every now and then.
void notify_status(struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// RELOADING=1 with the time stamp that Type=notify-reload asks for.
void notify_reloading(struct notify *notify);

#endif
