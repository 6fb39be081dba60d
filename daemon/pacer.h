// SPDX-License-Identifier: Apache-2.0
//
// The rate of a source that has none of its own: when is the next frame due?

#ifndef QEDGE_DAEMON_PACER_H
#define QEDGE_DAEMON_PACER_H

#include <stddef.h>
#include <stdint.h>

struct pacer {
    uint64_t period_ns; // 0 = always due
    uint64_t due_ns;
    int wake_fd;
};

// fps: frames a second, or CONFIG_FPS_MAX. wake_fd ends a wait early.
void pacer_init(struct pacer *pacer, double fps, int wake_fd);
// Waits at most wait_ms. 0: a frame is due; -EAGAIN: not yet.
int pacer_wait(struct pacer *pacer, int wait_ms);
// The due frame is taken: sets when the next one is due. Moments that were missed are left out, not
// caught up. Returns now.
uint64_t pacer_take(struct pacer *pacer);
void pacer_describe(const struct pacer *pacer, char *text, size_t size); // "30 fps", "max fps"

#endif
