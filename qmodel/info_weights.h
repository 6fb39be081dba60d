// SPDX-License-Identifier: Apache-2.0
//
// qmodel info --weights: one layer's weights as the file has them.

#ifndef QEDGE_QMODEL_INFO_WEIGHTS_H
#define QEDGE_QMODEL_INFO_WEIGHTS_H

#include <stdbool.h>

// layer: the operator's number, the name of its output or of its weights, or a part of such a name
// that only one has. all: every channel and value, not the first few. Returns the exit code, the
// line written.
int info_weights(const char *path, const char *layer, bool all, bool json);

#endif
