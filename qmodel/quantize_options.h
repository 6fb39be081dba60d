// SPDX-License-Identifier: Apache-2.0
//
// What the user of qmodel quantize wants: the words of the command line, understood and checked.
// The files that they name are not looked at here.

#ifndef QEDGE_QMODEL_QUANTIZE_OPTIONS_H
#define QEDGE_QMODEL_QUANTIZE_OPTIONS_H

#include <stdbool.h>

#include "qmodel/search.h"

enum quantize_method {
    QUANTIZE_UNSET, // never after quantize_options_parse
    QUANTIZE_NONE,
    QUANTIZE_FLOAT16,
    QUANTIZE_DYNAMIC,
    QUANTIZE_INT8,
    QUANTIZE_INT16X8
};

struct quantize_options {
    const char *model, *output; // paths, neither NULL
    enum quantize_method method;
    // int8 and int16x8, complete with the method's defaults; of the others only
    // attempt.integer.per_tensor means something.
    struct search_options search;
    bool allow_float;
    const char *keep; // --keep-float: names with commas between, NULL = none
};

// Do activations become integers, so that data is needed?
bool quantize_is_integer(enum quantize_method method);

// 0, or COMMAND_USAGE with the line written. Texts are borrowed from argv. Uses getopt's globals:
// one thread only.
int quantize_options_parse(int argc, char **argv, struct quantize_options *options);

#endif
