// SPDX-License-Identifier: Apache-2.0
//
// What the C library keeps of memory that is not in use any more. Where it is not glibc: nothing.

#ifndef QEDGE_DAEMON_HEAP_H
#define QEDGE_DAEMON_HEAP_H

// One heap for all threads: frames take no memory, so nobody waits for it, and what a reload's
// threads leave behind is used again instead of lying in a heap for each of them. What is big
// (models, arenas, pictures) goes back to the system at once: glibc would raise that threshold.
// Before any thread starts.
void heap_settle(void);
// Gives back what lies free: after loading, when a model went. Any thread.
void heap_trim(void);

#endif
