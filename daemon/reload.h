// SPDX-License-Identifier: Apache-2.0
//
// SIGHUP and the `reload` request: the configuration is read anew beside the running one.
//
//   loop                          loader thread
//   reload_start ───────────────▶ parse, open and pack new models, make new streams
//   swap between frames  ◀─────── (uv_async)
//   old things ─────────────────▶ reaper thread: wait for jobs at hand, free
//
// The loader of the next reload waits for the reaper of this one; the loop waits for neither.
//
// Anything wrong: one line each, in the log and in the answer, and nothing has changed. A stream
// whose section did not change and whose model file is the same runs on without a gap; one with a
// new model keeps its ring and clients; one with a new source is closed and made anew under its
// name.

#ifndef QEDGE_DAEMON_RELOAD_H
#define QEDGE_DAEMON_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct service;

int reload_init(struct service *service);
// client 0: nobody waits for an answer (SIGHUP). -EBUSY: one is under way; a SIGHUP is then kept
// for later.
int reload_start(struct service *service, uint64_t client, uint32_t token);
// Waits for its threads, but no longer than limit_ns, and drops what they made. False: one is still
// at it (a large model, a camera that hangs), and what it uses must stay.
bool reload_finish(struct service *service, uint64_t limit_ns);

#endif
