// SPDX-License-Identifier: Apache-2.0
//
// Looking into a loaded model: for qmodel info and bench, logs and tests. Pointers
// live as long as it.

#ifndef QEDGE_ENGINE_INSPECT_H
#define QEDGE_ENGINE_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"

struct layer_info {
    const char *op;     // "CONV_2D"
    const char *kernel; // "conv_1x1_avx512vnni"
    uint32_t op_index;  // operator in the file
    uint64_t macs;
    int32_t units; // pieces that threads can share
    size_t packed_bytes;
    size_t scratch_bytes; // per thread
    // The first of each, as the engine runs it (int8 for legacy uint8).
    const struct tensor_info *input, *output;
};
// Layers that are left to run; operators that were folded or fused have none.
uint32_t model_layer_count(const struct model *model);
void model_layer(const struct model *model, uint32_t index, struct layer_info *info);

struct value_info {
    const struct tensor_info *tensor;
    bool constant;
    bool alias;          // shares another's memory
    size_t offset;       // in the arena
    int32_t first, last; // layers; -1 = before the run, layer count = after it
};
// Tensors that the layers use, by their index in the file; false for those that are not used.
uint32_t model_value_count(const struct model *model);
bool model_value(const struct model *model, uint32_t index, struct value_info *info);

struct model_summary {
    size_t file_bytes, arena_bytes, packed_bytes, scratch_bytes;
    uint32_t operators, layers; // in the file, to run
    uint64_t macs;
    const char *name, *description, *version, *author, *license; // from the metadata, NULL = absent
};
void model_summarize(const struct model *model, struct model_summary *summary);

// "float32", "int8", ... ; never NULL.
const char *tensor_type_text(enum tensor_type type);

#endif
