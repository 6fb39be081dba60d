// SPDX-License-Identifier: Apache-2.0
//
// A .tflite file's first subgraph as plain structs: checked against the file, not yet against the
// operators. What a tensor means to the engine:
//
//     constant    data != NULL: bytes in the file (unaligned) or folded while loading
//     activation  produced by an operator or given as input; its shape is inferred, never believed
//     alias       shares another tensor's memory (reshape): see build.h
//
// Legacy uint8 tensors become int8 here: `flip` says that 128 was taken off the zero point and that
// constant bytes must be read with their top bit flipped.

#ifndef QEDGE_ENGINE_GRAPH_H
#define QEDGE_ENGINE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/flatbuf.h"
#include "engine/model.h"
#include "engine/schema.h"
#include "engine/store.h"

#define GRAPH_TENSORS_MAX 16384
#define GRAPH_OPERATORS_MAX 8192
#define GRAPH_ARGUMENTS_MAX 256
#define GRAPH_ELEMENTS_MAX (1 << 28)
#define GRAPH_ABSENT (-1) // an optional input that is not given

struct graph_tensor {
    const char *name;
    int32_t type; // enum tensor_type, or a schema value that is not ours (refused when used)
    int32_t rank;
    int32_t dims[TENSOR_RANK_MAX];
    bool flip;     // was uint8 in the file
    bool known;    // shape is certain: constants, inputs, outputs of operators seen so far
    int32_t uses;  // how often operators and the graph's outputs refer to it
    int32_t alias; // tensor whose memory it shares, or GRAPH_ABSENT
    const uint8_t *data;
    size_t data_bytes;
    struct flat_vector scales; // float; count 0 = not quantized, > 1 = per channel
    int32_t channel_axis;
    struct flat_vector zeros; // int64, as the file has them
    int32_t zero_point;       // of the first channel
};

// Options of all operators that have any; each uses its own few.
struct graph_options {
    int32_t padding, activation, axis, count, mode;
    int32_t stride_h, stride_w, dilation_h, dilation_w, filter_h, filter_w, depth_multiplier;
    float value; // softmax beta, leaky-relu alpha
    bool keep_dims, align_corners, half_pixel, asymmetric_inputs;
    bool power_of_two; // add, sub: int16 scales are
    int32_t weights_format, out_type;
    int32_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_mask;
    struct flat_vector list; // reshape's shape, squeeze's dims
    bool has_list;
};

struct graph_operator {
    int32_t code, version; // version as the file says: 1 for the oldest form
    const char *name; // of the operator; for custom ones "CUSTOM name"
    uint32_t input_count, output_count;
    int32_t *inputs, *outputs; // tensor indexes; inputs may be GRAPH_ABSENT
    struct graph_options options;
};

struct graph {
    struct graph_tensor *tensors;
    struct graph_operator *operators;
    int32_t *inputs, *outputs;
    uint32_t tensor_count, operator_count, input_count, output_count;
    struct flat_vector metadata; // bytes of the TFLite metadata FlatBuffer; count 0 = none
};

// Writes one line and returns `code` (negative errno); -ENOTSUP lines always say "support".
int model_fail(struct model_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Reads the file. Memory comes from `store`; constants and lists point into flat->data.
// 0; -EINVAL (malformed), -ENOTSUP (valid, not ours), -ENOMEM, each with a line in `error`.
int graph_read(struct graph *graph, struct flat *flat, struct store *store,
               struct model_error *error);

// Number of elements; the shape was checked to fit int32.
int64_t graph_elements(const struct graph_tensor *tensor);
// Do channels have other zero points than the first? Goes through the list, and thousands of
// tensors may share a long one: ask only about a tensor that is used.
bool graph_zeros_differ(const struct graph_tensor *tensor);
// Element `index` of an int32 or int64 constant, clamped to int32.
int32_t graph_constant_int(const struct graph_tensor *tensor, int64_t index);

#endif
