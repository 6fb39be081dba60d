// SPDX-License-Identifier: Apache-2.0
//
// Tells when video nodes appear: inotify on /dev and on /dev/v4l and its folders, as they come and
// go. Sources that wait then try again at once, not only at their next back-off.

#ifndef QEDGE_DAEMON_HOTPLUG_H
#define QEDGE_DAEMON_HOTPLUG_H

#include <uv.h>

typedef void hotplug_callback(void *arg);

struct hotplug {
    int fd;
    uv_poll_t poll;
    uv_timer_t settle; // udev sets the node's group a moment after it appears
    const char *root;
    hotplug_callback *callback;
    void *arg;
};

// The callback comes on the loop, a moment after a name that concerns video appeared below
// root/dev ("" on a machine; borrowed until the stop) or its rights changed; once for many.
// Without inotify (no descriptors) sources still come back by their back-off: logged, not an error.
void hotplug_start(struct hotplug *hotplug, const char *root, uv_loop_t *loop,
                   hotplug_callback *callback, void *arg);
void hotplug_stop(struct hotplug *hotplug);

#endif
