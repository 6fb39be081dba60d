// SPDX-License-Identifier: Apache-2.0
//
// Why a video node can not be used, in words. (What to do about it: v4l2_hint.h.)

#ifndef QEDGE_DAEMON_V4L2_TROUBLE_H
#define QEDGE_DAEMON_V4L2_TROUBLE_H

#include "daemon/source.h"

// trouble->reason becomes "path: text" (at most 60 and 119 bytes of them); the hint stays. Returns
// status.
int v4l2_trouble_say(struct source_trouble *trouble, const char *path, int status,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
// Another program streams from it: which, where that can be seen (it looks through /proc), and what
// to do. Returns -EBUSY.
int v4l2_trouble_busy(struct source_trouble *trouble, const char *path);

#endif
