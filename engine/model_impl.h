// SPDX-License-Identifier: Apache-2.0
//
// What a model is made of; for the engine's own files only.

#ifndef QEDGE_ENGINE_MODEL_IMPL_H
#define QEDGE_ENGINE_MODEL_IMPL_H

#include "engine/edge.h"
#include "engine/layer.h"
#include "engine/metadata.h"
#include "engine/model.h"
#include "engine/store.h"

// A tensor that layers or edges use; indexed like the file's tensors.
struct value {
    struct tensor_info info;
    bool used;
    int32_t root;        // the value whose memory it is (itself, or what it is a reshape of)
    const void *data;    // constant, else NULL
    size_t offset;       // in the arena (roots that are not constant)
    int32_t first, last; // layers between which it lives; -1 = before the run, layer count = after
};

struct model {
    struct store store;
    struct layer *layers;
    uint32_t layer_count;
    struct value *values;
    uint32_t value_count;
    struct edge *inputs, *outputs;
    struct tensor_info *input_infos, *output_infos; // as the file declares them
    uint32_t input_count, output_count;
    struct metadata metadata;
    size_t arena;           // activations, then one buffer for each output that is converted
    size_t *output_offsets; // in the arena, for outputs whose edge is not EDGE_COPY
    size_t scratch;         // most of any layer, a multiple of 64
    uint32_t operators;     // in the file
    size_t file_bytes;
};

// Reads a whole file into memory of its own (munmap it). 0 or -errno with the line written.
int model_read_file(const char *path, void **data, size_t *size, struct model_error *error);

#endif
