// SPDX-License-Identifier: Apache-2.0

#include "ctl/stage_bar.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 256

const char *const stage_bar_names[STAGE_BAR_STAGES] = {"capture", "wait", "preprocess", "infer",
                                                       "publish"};

static const struct {
    const char *block;
    const char *letter;
    enum paint_style style;
} cells[STAGE_BAR_STAGES] = {
    {"░", "c", PAINT_DIM},  {"▒", "w", PAINT_WARN}, {"▓", "p", PAINT_PLAIN},
    {"█", "i", PAINT_GOOD}, {"▚", "o", PAINT_BOLD},
};

static const char *cell(unsigned stage)
{
    return paint_utf8() ? cells[stage].block : cells[stage].letter;
}

// Whole columns first, then one each to the largest remainders.
static void deal(const double shares[STAGE_BAR_STAGES], double sum, unsigned columns,
                 unsigned dealt[STAGE_BAR_STAGES])
{
    double rest[STAGE_BAR_STAGES];
    unsigned left = columns;
    for (unsigned i = 0; i < STAGE_BAR_STAGES; i++) {
        double exact = shares[i] / sum * columns;
        dealt[i] = (unsigned)exact < left ? (unsigned)exact : left;
        rest[i] = exact - dealt[i];
        left -= dealt[i];
    }
    while (left > 0) {
        unsigned best = 0;
        for (unsigned i = 1; i < STAGE_BAR_STAGES; i++)
            best = rest[i] > rest[best] ? i : best;
        dealt[best]++;
        rest[best] -= 1;
        left--;
    }
}

void stage_bar_paint(struct paint_line *line, const double shares[STAGE_BAR_STAGES],
                     unsigned columns)
{
    unsigned dealt[STAGE_BAR_STAGES], end;
    double sum = 0;
    columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
    end = line->column + columns;
    for (unsigned i = 0; i < STAGE_BAR_STAGES; i++)
        sum += shares[i];
    if (sum > 0 && sum - sum == 0) { // not for Inf or NaN
        deal(shares, sum, columns, dealt);
        for (unsigned i = 0; i < STAGE_BAR_STAGES; i++) {
            char text[COLUMNS_MAX * 3 + 1] = "";
            size_t size = strlen(cell(i));
            for (unsigned j = 0; j < dealt[i]; j++)
                memcpy(text + j * size, cell(i), size + 1);
            paint_text(line, cells[i].style, text);
        }
    }
    paint_to(line, end);
}

void stage_bar_paint_legend(struct paint_line *line)
{
    for (unsigned i = 0; i < STAGE_BAR_STAGES; i++) {
        if (line->column + 4 + strlen(stage_bar_names[i]) > line->width)
            return;
        paint_text(line, PAINT_PLAIN, i > 0 ? "  " : "");
        paint_text(line, cells[i].style, cell(i));
        paint_format(line, PAINT_DIM, " %s", stage_bar_names[i]);
    }
}
