// SPDX-License-Identifier: Apache-2.0
//
// An ONNX model becomes a draft: feed-forward nets for pictures, float or with QuantizeLinear and
// DequantizeLinear.

#ifndef QEDGE_QMODEL_ONNX_IMPORT_H
#define QEDGE_QMODEL_ONNX_IMPORT_H

#include "engine/draft.h"

struct onnx_import_options {
    int32_t rank; // 0, or the shape of the model's only input as ONNX has it
    int32_t shape[TENSOR_RANK_MAX];
};

// 0, or -errno with one line in `error` and nothing left to finish: -EINVAL (malformed), -ENOTSUP
// (valid, not ours), -ENOMEM. The bytes are not needed afterwards. Memory is bounded by 24 times
// their number and some megabytes. `options` may be NULL. Not thread-safe for one draft.
int onnx_import(const void *bytes, size_t size, const struct onnx_import_options *options,
                struct draft *draft, struct model_error *error);

#endif
