// SPDX-License-Identifier: Apache-2.0
//
// Operators that stay float inside an integer model, with DEQUANTIZE and QUANTIZE at their borders:
//
//     int8 ─ CONV ─ int8 ─ DEQUANTIZE ─ float ─ ELU ─ float ─ QUANTIZE ─ int8 ─ CONV

#ifndef QEDGE_QMODEL_BOUNDARY_H
#define QEDGE_QMODEL_BOUNDARY_H

#include "engine/draft.h"

// Marks the operators that make tensors named in `names` (separated by commas) as kept. 0, or
// -EINVAL with the line that gives the name that no operator has, and where one is near the name to
// give instead: of the layer that it was merged into (clean.h) or, for an input or weights, that
// reads it.
int boundary_keep(struct draft *draft, const char *names, struct model_error *error);

// Puts the borders around kept operators. New tensors stand behind the others, `source[i]` (room
// for `capacity`) is what the i-th of all tensors has the values of: itself or another; outside[i]
// says that it stays float. 0 or -ENOMEM.
int boundary_insert(struct draft *draft, int32_t *source, bool *outside, uint32_t capacity);

#endif
