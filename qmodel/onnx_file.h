// SPDX-License-Identifier: Apache-2.0
//
// An ONNX file's bytes as structs. The format is Protocol Buffers; protobuf-c reads it, with code
// made from onnx.proto when qmodel is built. A file is hostile: what the parser may take of memory
// is bounded by the file's size, and what it yields has been checked for nothing but its wire
// format.

#ifndef QEDGE_QMODEL_ONNX_FILE_H
#define QEDGE_QMODEL_ONNX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/model.h"
#include "qmodel/onnx.pb-c.h"

#define ONNX_FILE_MOST (1u << 30) // bytes
// Operator sets that the translation knows: of 2019 (PyTorch 1.2) to 2026.
#define ONNX_OPSET_LEAST 7
#define ONNX_OPSET_MOST 28

struct onnx_file {
    Onnx__Model *model; // model->graph is there
    int64_t opset;      // of the standard operators
    size_t budget;      // of the parser's memory, bytes left
    bool refused;       // it wanted more
};

// 0; -EINVAL (not ONNX), -ENOTSUP (an operator set outside the range, a big file), -ENOMEM, each
// with a line in `error` and nothing left to finish. `bytes` are not needed afterwards. The struct
// must not move until finish.
int onnx_file_open(struct onnx_file *file, const void *bytes, size_t size,
                   struct model_error *error);
void onnx_file_finish(struct onnx_file *file);

#endif
