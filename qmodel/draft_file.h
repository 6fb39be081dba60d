// SPDX-License-Identifier: Apache-2.0
//
// A finished draft as a .tflite file: what is written must load, so the engine checks every
// operator before the file appears; it appears complete or not at all.

#ifndef QEDGE_QMODEL_DRAFT_FILE_H
#define QEDGE_QMODEL_DRAFT_FILE_H

#include <stddef.h>

#include "engine/draft.h"

// Writes to `path`. `source` is the file that the draft came from, for the line. 0 with the bytes
// written in *size; or COMMAND_FAILED with the line written.
int draft_file_write(const char *command, const char *source, const struct draft *draft,
                     const char *path, size_t *size);

#endif
