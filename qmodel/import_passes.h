// SPDX-License-Identifier: Apache-2.0
//
// What happens to the draft after the last node: two passes over all of its operators.

#ifndef QEDGE_QMODEL_IMPORT_PASSES_H
#define QEDGE_QMODEL_IMPORT_PASSES_H

#include "qmodel/importer.h"

// Who makes and who reads each tensor, among the operators that are not dead. Valid until an
// operator changes.
struct import_links {
    int32_t *producer; // operator, or IMPORT_NONE
    int32_t *reader;   // the last operator that reads it, or IMPORT_NONE
    int32_t *uses;     // how often it is read; the model's outputs count
    uint32_t capacity; // tensors
};

// 0 or -ENOMEM with the line written. Memory is taken once and again when there are more tensors.
int import_links_make(struct importer *importer, struct import_links *links);
// An operator is dead when it has no outputs.
static inline bool import_is_dead(const struct draft_operator *op)
{
    return op->output_count == 0;
}
// Orders the operators by who needs whom, without those that no output needs. 0, or -ENOMEM with
// the line written.
int import_schedule(struct importer *importer);

// Constant factors and offsets go into the weights and biases before them, activations into their
// producers.
int import_fuse(struct importer *importer);
// Operators between DEQUANTIZE and QUANTIZE become integer ones, where TFLite has them; the rest
// stays float. All int8, or all uint8 if a layer has weights with a zero point.
int import_integer(struct importer *importer);

#endif
