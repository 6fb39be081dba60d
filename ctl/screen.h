// SPDX-License-Identifier: Apache-2.0
//
// The terminal as a screen: the other page where it has two, no cursor, single keys, no line ever
// wrapped. A picture is written at one go over the one before, each line's rest erased, so nothing
// flickers. Whatever ends the program, except SIGKILL, the terminal is left as it was found; while
// it is stopped (Ctrl-Z), too.
//
// One screen a process; stdin and stdout must be the terminal's.

#ifndef QEDGE_CTL_SCREEN_H
#define QEDGE_CTL_SCREEN_H

#include <stdbool.h>

#include "ctl/frame.h"

// What screen_wait() returns: one of these, or the character of the key (32..126).
enum screen_event {
    SCREEN_TIMEOUT,
    SCREEN_REDRAW, // another size, or the picture was lost (Ctrl-L, back from Ctrl-Z)
    SCREEN_END,    // asked to end (SIGINT, SIGTERM, ...), or the terminal is gone
    SCREEN_OTHER,  // a key that nobody needs
    SCREEN_UP = 256,
    SCREEN_DOWN,
    SCREEN_LEFT,
    SCREEN_RIGHT,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
};

// Whether stdout can be a screen: a terminal that knows more than lines.
bool screen_possible(void);
// 0 or -errno; then screen_close().
int screen_open(void);
void screen_close(void);
// At the moment; 80 x 24 where the terminal does not say.
void screen_size(unsigned *columns, unsigned *rows);
// The lines of an erasing frame from the top; what does not fit is not shown. 0 or -errno.
int screen_show(const struct frame *frame, unsigned rows);
// Waits for a key or a signal. timeout_ms: 0 does not wait.
int screen_wait(int timeout_ms);

#endif
