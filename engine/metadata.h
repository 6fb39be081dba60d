// SPDX-License-Identifier: Apache-2.0
//
// TFLite Metadata: normalisation and labels packed into a model file.
//
//     [ FlatBuffer of the model ... one of its buffers: FlatBuffer "M001" ... ][ zip: labels.txt ]
//
// Metadata are a courtesy: what is missing is left out; what is malformed is an error, since a
// model with the wrong labels is worse than one with none.

#ifndef QEDGE_ENGINE_METADATA_H
#define QEDGE_ENGINE_METADATA_H

#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"
#include "engine/store.h"

#define METADATA_LABELS_MAX 65536
#define METADATA_FILE_MAX (4u << 20) // bytes of an associated file, unpacked

struct metadata {
    const char **labels;
    uint32_t label_count;
    float mean[4], std[4];
    uint32_t channels;                                           // values in mean and std; 0 = none
    const char *name, *description, *version, *author, *license; // NULL when absent
};

// `buffer` is the metadata FlatBuffer, `file` the whole model file (the zip is at its end).
// Everything kept is copied to `store`. 0 or -errno with the line in `error`.
int metadata_read(struct metadata *metadata, const void *buffer, uint32_t size, const void *file,
                  size_t file_size, struct store *store, struct model_error *error);

#endif
