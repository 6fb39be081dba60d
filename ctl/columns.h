// SPDX-License-Identifier: Apache-2.0
//
// The columns of a table on a terminal of any width: those that matter least are left out first,
// and what room is left goes to those that can use it.

#ifndef QEDGE_CTL_COLUMNS_H
#define QEDGE_CTL_COLUMNS_H

#include <stdbool.h>

#include "ctl/paint.h"

#define COLUMNS_MAX 16

struct column {
    const char *title;
    unsigned least, most; // width
    unsigned rank;        // 1 is left out last
    bool right;           // the text is on the right of the column
    int key;              // of sorting by it; 0: none
};

// widths[i]: of column i, 0 when it is left out. One space lies between two columns. The column of
// rank 1 is always there, narrower than its least where the whole is.
void columns_fit(const struct column *columns, unsigned count, unsigned width, unsigned widths[]);

// The line of titles; the title of the column with this key is marked.
void columns_paint_titles(struct paint_line *line, const struct column *columns, unsigned count,
                          const unsigned widths[], int key);

// Cells: a space before all but the first of the line, then the text in the column.
void columns_paint_text(struct paint_line *line, const struct column *column, unsigned width,
                        enum paint_style style, const char *text);
// -1: not known, "-". Large numbers in k, M, G, T.
void columns_paint_count(struct paint_line *line, const struct column *column, unsigned width,
                         enum paint_style style, long long count);
// A rate or a duration in any unit: `decimals` (0..2) or as many as three digits leave. < 0: "-".
void columns_paint_number(struct paint_line *line, const struct column *column, unsigned width,
                          enum paint_style style, double number, int decimals);

#endif
