// SPDX-License-Identifier: Apache-2.0

#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

static void read_watchdog(struct notify *notify)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
        return;
    notify->watchdog_us = strtoull(usec, NULL, 10);
}

void notify_init(struct notify *notify)
{
    *notify = (struct notify){.fd = -1};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof(notify->address.sun_path) ||
        (path[0] != '/' && path[0] != '@'))
        return;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, length);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';
    notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    read_watchdog(notify);
}

void notify_finish(struct notify *notify)
{
    cleanup_close(&notify->fd);
}

// False: the queue is full, another time perhaps.
static bool send_text(const struct notify *notify, const char *text)
{
    return sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                  (const struct sockaddr *)&notify->address, notify->address_size) >= 0 ||
           errno != EAGAIN;
}

void notify_send(const struct notify *notify, const char *text)
{
    if (notify->fd < 0 || !send_text(notify, text))
        return; // it comes again, or matters little
}

void notify_ready(struct notify *notify)
{
    notify->ready_due = notify->fd >= 0 && !send_text(notify, "READY=1");
}

void notify_status(struct notify *notify, const char *format, ...)
{
    char text[sizeof(notify->last_status)] = "STATUS=";
    va_list args;
    va_start(args, format);
    vsnprintf(text + 7, sizeof(text) - 7, format, args);
    va_end(args);
    if (notify->ready_due)
        notify_ready(notify);
    if (notify->fd < 0 || strcmp(text, notify->last_status) == 0)
        return;
    if (send_text(notify, text))
        memcpy(notify->last_status, text, sizeof(text));
}

void notify_reloading(struct notify *notify)
{
    notify->ready_due = false; // another one follows
    char text[80];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(clock_now_ns() / CLOCK_NS_PER_US));
    notify_send(notify, text);
}
