// SPDX-License-Identifier: Apache-2.0
//
// The letters that are drawn on pictures: 7 x 13 pixels each, ASCII, Latin-1 and Latin Extended-A.

#ifndef QEDGE_CTL_FONT_H
#define QEDGE_CTL_FONT_H

#include <stdint.h>

#define FONT_WIDTH 7
#define FONT_HEIGHT 13

// FONT_HEIGHT rows from the top; the leftmost pixel is bit 7. Another character than the above:
// '?'.
const uint8_t *font_glyph(uint32_t point);

#endif
