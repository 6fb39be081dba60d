// SPDX-License-Identifier: Apache-2.0
//
// The order of `qctl top`'s rows.

#ifndef QEDGE_CTL_TOP_ORDER_H
#define QEDGE_CTL_TOP_ORDER_H

#include "ctl/top_sample.h"

enum top_key {
    TOP_KEY_NONE, // as configured, as connected
    TOP_KEY_NAME,
    TOP_KEY_IN,
    TOP_KEY_OUT,    // clients: results read a second
    TOP_KEY_DROPS,  // clients: lost
    TOP_KEY_ERRORS, // clients: as connected
    TOP_KEY_LAG,
    TOP_KEY_P99,
    TOP_KEY_COUNT
};

struct top_order {
    enum top_key key;
    bool reverse; // names start with the last, numbers with the smallest
};

// A word for the key, as --sort takes it.
const char *top_key_name(enum top_key key);
// TOP_KEY_COUNT: no such word.
enum top_key top_key_parse(const char *name);

void top_order_rows(const struct top_order *order, struct top_sample *sample);

#endif
