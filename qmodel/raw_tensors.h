// SPDX-License-Identifier: Apache-2.0
//
// Raw tensors in files: all inputs of a model one after the other, in the file's order and types;
// outputs likewise. A file may hold several such sets: each is one run.

#ifndef QEDGE_QMODEL_RAW_TENSORS_H
#define QEDGE_QMODEL_RAW_TENSORS_H

#include "engine/context.h"
#include "engine/model.h"

// Runs every set of `input` and writes the outputs to `output`. Returns the exit code, the line
// written.
int raw_tensors_run(const char *command, const struct model *model, struct context *context,
                    struct team *team, const char *input, const char *output);

#endif
