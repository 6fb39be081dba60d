// SPDX-License-Identifier: Apache-2.0
//
// What an operator is told besides its tensors (strides, padding, activation ...) as one member of
// the schema's union BuiltinOptions: tflite_writer.h's part that grows with the operators.

#ifndef QEDGE_ENGINE_OPTION_WRITER_H
#define QEDGE_ENGINE_OPTION_WRITER_H

#include "engine/draft.h"
#include "engine/flatbuild.h"

// Which member operators of this code have: enum operator_options.
int8_t option_writer_kind(int32_t code);
// Writes it, its children first; not for OPTIONS_NONE, and not while a table is open.
flat_ref option_writer_put(struct flat_builder *builder, const struct draft_operator *op);

#endif
