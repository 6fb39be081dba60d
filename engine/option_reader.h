// SPDX-License-Identifier: Apache-2.0
//
// What an operator is told besides its tensors (strides, padding, activation ...): a member of the
// schema's union BuiltinOptions. option_writer.h is the other way.

#ifndef QEDGE_ENGINE_OPTION_READER_H
#define QEDGE_ENGINE_OPTION_READER_H

#include "engine/graph.h"

// Sets op->options for op->code from the table `t`; fields that are not there get the schema's
// defaults. Values are not judged here: whoever builds the operator does that.
void option_reader_read(struct graph_operator *op, const struct flat_table *t);

#endif
