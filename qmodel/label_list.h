// SPDX-License-Identifier: Apache-2.0
//
// Names of classes: from a text file with one a line, else from the model's metadata.

#ifndef QEDGE_QMODEL_LABEL_LIST_H
#define QEDGE_QMODEL_LABEL_LIST_H

#include <stdint.h>

#include "engine/model.h"

struct label_list {
    const struct model *model; // borrowed; used when there is no file
    char *text;
    char **lines;
    uint32_t count; // of lines; there may be more or fewer than classes
};

// `path` may be NULL. 0, or -errno (-EFBIG beyond 4 MiB, -EILSEQ: not a text).
int label_list_init(struct label_list *list, const struct model *model, const char *path);
void label_list_finish(struct label_list *list);
// NULL when class `index` has no name.
const char *label_list_get(const struct label_list *list, uint32_t index);

#endif
