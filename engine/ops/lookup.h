// SPDX-License-Identifier: Apache-2.0
//
// Layers that map every int8 value to one int8 value: a 256-entry table made at load.

#ifndef QEDGE_ENGINE_OPS_LOOKUP_H
#define QEDGE_ENGINE_OPS_LOOKUP_H

#include "engine/build.h"

// table[(uint8_t)q] = (uint8_t)f(q). Adds the layer; output 0 must have its shape. When input 0
// comes from a table for nobody else, the two become one.
int lookup_add(struct build *build, const uint8_t table[256]);

// The table of a layer that lookup_add made; NULL for every other layer and for NULL.
const uint8_t *lookup_table(const struct layer *layer);

// The table that brings values of `in` to the steps of `out` (QUANTIZE of a quantized tensor), in
// LiteRT's arithmetic; both must have passed build_need_int8.
void lookup_requantize(const struct graph_tensor *in, const struct graph_tensor *out,
                       uint8_t table[256]);

#endif
