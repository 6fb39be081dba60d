// SPDX-License-Identifier: Apache-2.0

#include "ctl/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void frame_begin(struct frame *frame)
{
    frame->length = 0;
    frame->lines = 0;
    frame->error = 0;
}

void frame_append(struct frame *frame, const void *bytes, size_t length)
{
    if (length > frame->capacity - frame->length) {
        size_t capacity = (frame->length + length) * 2;
        char *grown = realloc(frame->bytes, capacity);
        if (!grown) {
            frame->error = -ENOMEM;
            return;
        }
        frame->bytes = grown;
        frame->capacity = capacity;
    }
    memcpy(frame->bytes + frame->length, bytes, length);
    frame->length += length;
}

// Behind a line that is as wide as the screen the cursor is on its last character: erasing would
// take that away.
void frame_add(struct frame *frame, struct paint_line *line)
{
    size_t length = line->length;
    paint_trim(line);
    bool full = line->column >= line->width && line->length == length;
    frame_append(frame, line->bytes, line->length);
    if (frame->erasing && !full)
        frame_append(frame, "\033[K", 3);
    frame_append(frame, "\n", 1);
    frame->lines++;
}

void frame_add_empty(struct frame *frame)
{
    struct paint_line line;
    paint_begin(&line);
    frame_add(frame, &line);
}

void frame_finish(struct frame *frame)
{
    free(frame->bytes);
    *frame = (struct frame){0};
}
