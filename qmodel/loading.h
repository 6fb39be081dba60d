// SPDX-License-Identifier: Apache-2.0
//
// Opening a model for a subcommand: QEDGE_CPU honoured, errors said.

#ifndef QEDGE_QMODEL_LOADING_H
#define QEDGE_QMODEL_LOADING_H

#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"

// CPU flags allowed by the machine and by QEDGE_CPU. 0, or COMMAND_USAGE with the line written.
int loading_cpu(const char *command, uint32_t *cpu);
// The flags' names, "avx2,avx512vnni"; "c" for none. Returns `text`.
const char *loading_cpu_text(uint32_t cpu, char *text, size_t size);

// 0 with *model for model_close; else the exit code, the line is written.
int loading_open(const char *command, const char *path, struct model **model);
// With other options than none; `cpu` is set.
int loading_open_with(const char *command, const char *path, const struct model_options *options,
                      struct model **model);

// "uint8 [1, 224, 224, 3] scale 0.0078125 zero point 128". Returns `text`.
const char *loading_tensor_text(const struct tensor_info *tensor, char *text, size_t size);

#endif
