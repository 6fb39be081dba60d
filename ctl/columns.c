// SPDX-License-Identifier: Apache-2.0

#include "ctl/columns.h"

#include <stdio.h>
#include <string.h>

static unsigned place(unsigned width, bool first)
{
    return width + (first ? 0 : 1);
}

// The column that is next in order of rank after `rank`; count: none.
static unsigned next_rank(const struct column *columns, unsigned count, unsigned rank)
{
    unsigned best = count;
    for (unsigned i = 0; i < count; i++) {
        if (columns[i].rank > rank && (best == count || columns[i].rank < columns[best].rank))
            best = i;
    }
    return best;
}

// One column each in turn, as long as there is something to give and somebody to take it.
static void widen(const struct column *columns, unsigned count, unsigned spare, unsigned widths[])
{
    bool taken = true;
    while (spare > 0 && taken) {
        taken = false;
        for (unsigned i = 0; i < count && spare > 0; i++) {
            if (widths[i] == 0 || widths[i] >= columns[i].most)
                continue;
            widths[i]++;
            spare--;
            taken = true;
        }
    }
}

void columns_fit(const struct column *columns, unsigned count, unsigned width, unsigned widths[])
{
    unsigned spare = width, rank = 0;
    memset(widths, 0, count * sizeof(widths[0]));
    for (unsigned i; (i = next_rank(columns, count, rank)) < count; rank = columns[i].rank) {
        bool first = spare == width;
        if (place(columns[i].least, first) <= spare) {
            widths[i] = columns[i].least;
            spare -= place(columns[i].least, first);
        } else if (first) {
            widths[i] = width;
            return;
        }
    }
    widen(columns, count, spare, widths);
}

void columns_paint_titles(struct paint_line *line, const struct column *columns, unsigned count,
                          const unsigned widths[], int key)
{
    for (unsigned i = 0; i < count; i++) {
        bool marked = columns[i].key && columns[i].key == key;
        if (widths[i] > 0)
            columns_paint_text(line, &columns[i], widths[i], marked ? PAINT_MARK : PAINT_BOLD,
                               columns[i].title);
    }
}

void columns_paint_text(struct paint_line *line, const struct column *column, unsigned width,
                        enum paint_style style, const char *text)
{
    if (line->column > 0)
        paint_to(line, line->column + 1);
    paint_cell(line, style, text, width, column->right);
}

void columns_paint_count(struct paint_line *line, const struct column *column, unsigned width,
                         enum paint_style style, long long count)
{
    static const char units[] = " kMGTPE";
    char text[32];
    double value = (double)count;
    unsigned unit = 0;
    if (count < 0) {
        columns_paint_text(line, column, width, PAINT_DIM, "-");
        return;
    }
    snprintf(text, sizeof(text), "%lld", count);
    while (strlen(text) > width && units[unit + 1]) {
        value /= 1000;
        unit++;
        snprintf(text, sizeof(text), value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    }
    columns_paint_text(line, column, width, style, text);
}

void columns_paint_number(struct paint_line *line, const struct column *column, unsigned width,
                          enum paint_style style, double number, int decimals)
{
    char text[32];
    if (!(number >= 0)) {
        columns_paint_text(line, column, width, PAINT_DIM, "-");
        return;
    }
    if (number >= 9999.5) {
        columns_paint_count(line, column, width, style,
                            number < 1e18 ? (long long)(number + 0.5) : (long long)1e18);
        return;
    }
    int room = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
    snprintf(text, sizeof(text), "%.*f", decimals < room ? decimals : room, number);
    columns_paint_text(line, column, width, style, text);
}
