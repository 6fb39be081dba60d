// SPDX-License-Identifier: Apache-2.0

#include "daemon/hotplug.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/sysfs.h"

#define SETTLE_MS 50

static const char *const folders[] = {"/dev", "/dev/v4l", "/dev/v4l/by-id", "/dev/v4l/by-path"};

// Folders that are not there yet are tried again after every event; adding one twice does nothing.
static void watch_folders(const struct hotplug *hotplug)
{
    char path[SYSFS_PATH_MAX];
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (snprintf(path, sizeof(path), "%s%s", hotplug->root, folders[i]) < (int)sizeof(path))
            inotify_add_watch(hotplug->fd, path, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
}

static void on_settled(uv_timer_t *timer)
{
    struct hotplug *hotplug = timer->data;
    watch_folders(hotplug);
    hotplug->callback(hotplug->arg);
}

static bool concerns_video(const struct inotify_event *event)
{
    if (!event->len)
        return false;
    return strncmp(event->name, "video", 5) == 0 || strncmp(event->name, "v4l", 3) == 0 ||
           event->mask & IN_ISDIR || strstr(event->name, "video-index");
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct hotplug *hotplug = poll->data;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool wake = false;
    ssize_t length;
    (void)status;
    (void)events;
    while ((length = read(hotplug->fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t at = 0; at < length;) {
            const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
            wake = wake || concerns_video(event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    if (wake)
        uv_timer_start(&hotplug->settle, on_settled, SETTLE_MS, 0);
}

void hotplug_start(struct hotplug *hotplug, const char *root, uv_loop_t *loop,
                   hotplug_callback *callback, void *arg)
{
    *hotplug = (struct hotplug){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
                                .root = root,
                                .callback = callback,
                                .arg = arg};
    if (hotplug->fd < 0 || uv_poll_init(loop, &hotplug->poll, hotplug->fd) < 0) {
        log_notice("no inotify (%s): a camera that is plugged in is noticed up to 1 s later",
                   strerror(errno));
        cleanup_close(&hotplug->fd);
        return;
    }
    hotplug->poll.data = hotplug->settle.data = hotplug;
    uv_timer_init(loop, &hotplug->settle);
    hotplug->settle.data = hotplug;
    watch_folders(hotplug);
    uv_poll_start(&hotplug->poll, UV_READABLE, on_events);
}

void hotplug_stop(struct hotplug *hotplug)
{
    if (hotplug->fd < 0)
        return;
    uv_poll_stop(&hotplug->poll);
    uv_close((uv_handle_t *)&hotplug->poll, NULL);
    uv_close((uv_handle_t *)&hotplug->settle, NULL);
    cleanup_close(&hotplug->fd);
}
