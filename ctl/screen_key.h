// SPDX-License-Identifier: Apache-2.0
//
// Keys as terminals send them: characters, and sequences that begin with ESC.

#ifndef QEDGE_CTL_SCREEN_KEY_H
#define QEDGE_CTL_SCREEN_KEY_H

#include <stdbool.h>

// Whether there are keys that were read and not yet handed out.
bool screen_key_pending(void);
// The next key from stdin, which must be readable if none is pending: a character or an enum
// screen_event (SCREEN_END at the end of the input). Waits at most for the rest of a sequence.
int screen_key_read(void);

#endif
