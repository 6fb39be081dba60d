// SPDX-License-Identifier: Apache-2.0
//
// Hands pictures to clients who asked for one (WIRE_SNAPSHOT). While somebody waits a timer of the
// loop looks every few milliseconds how far the streams' snapshots are; nobody waiting: no timer.
// However many ask, a stream copies at most one picture in SHARE_INTERVAL_NS, and everybody who
// waited for it gets the same one.

#ifndef QEDGE_DAEMON_SHARE_H
#define QEDGE_DAEMON_SHARE_H

#include <stdint.h>

#include "common/clock.h"

#define SHARE_INTERVAL_NS (50 * CLOCK_NS_PER_MS)

struct client;
struct control;
struct wire_snapshot;

// Starts waiting, or says why not.
void share_ask(struct client *client, const struct wire_snapshot *message);
// One round, by the timer.
void share_look(struct control *control);

#endif
