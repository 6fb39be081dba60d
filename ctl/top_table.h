// SPDX-License-Identifier: Apache-2.0
//
// The two tables of `qctl top`: a row for every stream, a row for every client.

#ifndef QEDGE_CTL_TOP_TABLE_H
#define QEDGE_CTL_TOP_TABLE_H

#include "ctl/frame.h"
#include "ctl/top_order.h"
#include "ctl/top_sample.h"

// Titles and rows first..first+count-1; the title that the order goes by is marked.
void top_table_draw_streams(struct frame *frame, const struct top_sample *sample, enum top_key key,
                            size_t first, size_t count);
void top_table_draw_clients(struct frame *frame, const struct top_sample *sample, enum top_key key,
                            size_t first, size_t count);

#endif
