// SPDX-License-Identifier: Apache-2.0
//
// A whole picture of text: lines that are put together before any of it reaches the terminal.

#ifndef QEDGE_CTL_FRAME_H
#define QEDGE_CTL_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/paint.h"

// A zeroed one is empty.
struct frame {
    char *bytes;  // every line ends with '\n'
    bool erasing; // for a screen: every line ends with what erases the old picture's rest of it
    size_t length, capacity;
    unsigned lines;
    int error; // -ENOMEM: a line is missing
};

// Takes what is in it out, keeps the memory.
void frame_begin(struct frame *frame);
void frame_add(struct frame *frame, struct paint_line *line);
void frame_add_empty(struct frame *frame);
void frame_append(struct frame *frame, const void *bytes, size_t length);
void frame_finish(struct frame *frame);

#endif
