// SPDX-License-Identifier: Apache-2.0
//
// Text that others wrote, made harmless: labels may hold any bytes.

#ifndef QEDGE_CTL_TEXT_H
#define QEDGE_CTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One UTF-8 sequence: its bytes (1..4) and *point; 0 when it is not a good one (broken, overlong, a
// surrogate, past U+10FFFF) or the text is at its end.
size_t text_decode(const char *text, uint32_t *point);
// Would it do something to a terminal: C0, DEL, C1?
bool text_is_control(uint32_t point);

// Copies as valid UTF-8: a bad byte becomes '?', and so does a control character unless they are
// kept. Cut to whole characters when it does not fit in `size` (1 at least).
void text_clean(const char *raw, bool keep_controls, char *clean, size_t size);

#endif
