// SPDX-License-Identifier: Apache-2.0
//
// Text from anywhere into a page: valid UTF-8 without control characters, with nothing that HTML,
// SVG or a quoted attribute gives a meaning to.

#ifndef QEDGE_QMODEL_HTML_TEXT_H
#define QEDGE_QMODEL_HTML_TEXT_H

#include <stdio.h>

void html_text(FILE *file, const char *text);

#endif
