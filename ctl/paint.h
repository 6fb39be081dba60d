// SPDX-License-Identifier: Apache-2.0
//
// What goes to the terminal: colours only on a terminal and without NO_COLOR, bars in ASCII where
// the locale is not UTF-8, lines cut to the width. Text that others wrote (labels, names, reasons)
// is tamed: a control character, one that turns the direction of writing, or a broken UTF-8 byte
// prints as '?', so that no label can move the cursor or make the line another one than it is.

#ifndef QEDGE_CTL_PAINT_H
#define QEDGE_CTL_PAINT_H

#include <stdbool.h>
#include <stddef.h>

enum paint_style {
    PAINT_PLAIN,
    PAINT_BOLD,
    PAINT_DIM,
    PAINT_GOOD,
    PAINT_WARN,
    PAINT_BAD,
    PAINT_MARK
};

// One line being built: printed by paint_end(). Columns are the terminal's: two for a wide
// character, none for a mark on the one before.
struct paint_line {
    char bytes[2048];
    size_t length;
    unsigned column;
    unsigned width; // of the terminal, or 80
};

void paint_init(void);
// From here on no escape sequence is written, whatever stdout is.
void paint_plain(void);
// Lines begun from here on are that wide: 1 or more columns.
void paint_set_width(unsigned columns);
unsigned paint_width(void);
bool paint_utf8(void);

void paint_begin(struct paint_line *line);
// Adds text as far as the width allows.
void paint_text(struct paint_line *line, enum paint_style style, const char *text);
void paint_format(struct paint_line *line, enum paint_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// A column of a table: the text is cut to `columns` columns or filled up with spaces, on its right
// or on its left.
void paint_cell(struct paint_line *line, enum paint_style style, const char *text, unsigned columns,
                bool right);
// Fills up with spaces to the column.
void paint_to(struct paint_line *line, unsigned column);
// A bar of `columns` columns, filled to share (0..1).
void paint_bar(struct paint_line *line, enum paint_style style, double share, unsigned columns);
// Takes the spaces at the end away: bytes[0..length) is what there is to print.
void paint_trim(struct paint_line *line);
// Prints the line and flushes.
void paint_end(struct paint_line *line);

#endif
