// SPDX-License-Identifier: Apache-2.0
//
// A row of numbers as a row of little bars, one column each: block characters where the locale has
// them, else ASCII of growing weight. The scale begins at 0 and ends at the largest number shown.

#ifndef QEDGE_CTL_SPARKLINE_H
#define QEDGE_CTL_SPARKLINE_H

#include <stddef.h>

#define SPARKLINE_MAX 256 // columns

// The newest `columns` of `count` values, oldest first, on the right of a text that fills that many
// columns. NaN: nothing is known of that moment, a space. size: at least 3 * columns + 1.
void sparkline_format(char *text, size_t size, const float *values, size_t count, unsigned columns);

#endif
