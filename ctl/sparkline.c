// SPDX-License-Identifier: Apache-2.0

#include "ctl/sparkline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/paint.h"

#define LEVELS 8

static const char *const blocks[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const letters[LEVELS] = {"_", ".", ":", "-", "=", "+", "*", "#"};

static float largest(const float *values, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++) {
        if (values[i] > most) // never true of a NaN
            most = values[i];
    }
    return most;
}

static const char *level(float value, float most)
{
    if (isnan(value))
        return " ";
    int step = most > 0 ? (int)ceilf(value / most * LEVELS) - 1 : 0;
    step = step < 0 ? 0 : step >= LEVELS ? LEVELS - 1 : step;
    return paint_utf8() ? blocks[step] : letters[step];
}

void sparkline_format(char *text, size_t size, const float *values, size_t count, unsigned columns)
{
    size_t shown = count < columns ? count : columns;
    float most = largest(values + count - shown, shown);
    size_t length = (size_t)snprintf(text, size, "%*s", (int)(columns - shown), "");
    for (size_t i = count - shown; i < count && length + 4 <= size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s", level(values[i], most));
}
