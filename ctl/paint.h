// SPDX-License-Identifier: Apache-2.0
//
// What goes to the terminal: colours only on a terminal and without NO_COLOR, bars in ASCII where
// the locale is not UTF-8, lines cut to the width. Text that others wrote (labels, names, reasons)
// is tamed: a control character or a broken UTF-8 byte prints as '?', so that no label can move the
// cursor.

#ifndef QEDGE_CTL_PAINT_H
#define QEDGE_CTL_PAINT_H

#include <stdbool.h>
#include <stddef.h>

enum paint_style { PAINT_PLAIN, PAINT_BOLD, PAINT_DIM, PAINT_GOOD, PAINT_WARN, PAINT_BAD };

// One line being built: printed by paint_end(). Columns are counted as one a code point.
struct paint_line {
    char bytes[2048];
    size_t length;
    unsigned column;
    unsigned width; // of the terminal, or 80
};

void paint_init(void);
unsigned paint_width(void);
bool paint_utf8(void);

void paint_begin(struct paint_line *line);
// Adds text as far as the width allows.
void paint_text(struct paint_line *line, enum paint_style style, const char *text);
void paint_format(struct paint_line *line, enum paint_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Fills up with spaces to the column.
void paint_to(struct paint_line *line, unsigned column);
// A bar of `columns` columns, filled to share (0..1).
void paint_bar(struct paint_line *line, enum paint_style style, double share, unsigned columns);
// Prints the line and flushes.
void paint_end(struct paint_line *line);

#endif
