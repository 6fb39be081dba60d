// SPDX-License-Identifier: Apache-2.0
//
// The signatures of a .tflite file: names by which programs find its inputs and outputs
// ("serving_default" has "image" and "prediction"). The engine itself goes by order and needs none;
// a file that is written anew keeps them.
//
// The file names tensors by number. Here an entry holds a place among the model's inputs or
// outputs, so it stays right when a QUANTIZE comes before an input or when tensors are numbered
// anew.

#ifndef QEDGE_ENGINE_SIGNATURE_H
#define QEDGE_ENGINE_SIGNATURE_H

#include <stdint.h>

#include "engine/graph.h"

#define SIGNATURES_MAX 64
#define SIGNATURE_NAME_MAX 255 // bytes

struct signature_entry {
    const char *name;
    uint32_t place; // in the model's inputs, or in its outputs
};

struct signature {
    const char *key;
    struct signature_entry *inputs, *outputs;
    uint32_t input_count, output_count;
};

struct signatures {
    struct signature *list;
    uint32_t count; // 0 = none
};

// Those of the file that `graph` was read from; memory comes from `store`. 0; -EINVAL (malformed: a
// tensor or subgraph that is not there), -ENOTSUP (more or longer names than above, a tensor inside
// the model), -ENOMEM, each with a line.
int signatures_read(struct signatures *signatures, struct flat *flat, const struct graph *graph,
                    struct store *store, struct model_error *error);

#endif
