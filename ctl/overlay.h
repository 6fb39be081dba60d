// SPDX-License-Identifier: Apache-2.0
//
// Lines of text on a picture: a dark box in the upper left corner, letters in a size that fits the
// picture. Text may hold any bytes; what is no printable character becomes '?', and a line that is
// too long for the picture ends in "...".

#ifndef QEDGE_CTL_OVERLAY_H
#define QEDGE_CTL_OVERLAY_H

#include <stdint.h>

struct overlay_canvas {
    uint8_t *pixels; // RGB, [height][width][3]
    int32_t width, height;
};

// The box that is drawn on, in pixels.
struct overlay_box {
    int32_t x, y, width, height;
};

// The first line is the brightest one. Lines that do not fit below each other are left out, but the
// first is always drawn, as far as it is inside. Nothing outside the picture is touched.
void overlay_draw(const struct overlay_canvas *canvas, const char *const *lines, unsigned count,
                  struct overlay_box *box);

#endif
