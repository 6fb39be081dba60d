// SPDX-License-Identifier: Apache-2.0
//
// From graph to layers. Operators are visited once, in file order; each has a function (ops/ops.h)
// that checks its tensors, gives its outputs their shapes, and either adds layers, or folds itself
// away: into constants, an alias (reshape), a neighbour (pad) or the model's edges (quantize).
//
// Rules that hold while building:
//   * an operator reads only tensors whose shape is certain: no cycles, no order to believe
//   * every dimension is at least 1, every tensor has at most 2^28 elements
//   * an error stops the build with one line naming operator index, operator and output tensor

#ifndef QEDGE_ENGINE_BUILD_H
#define QEDGE_ENGINE_BUILD_H

#include "engine/edge.h"
#include "engine/graph.h"
#include "engine/layer.h"

struct build {
    struct graph *graph;
    uint32_t cpu;       // kernels allowed
    struct store *keep; // lives as long as the model
    struct store *temp; // freed after loading
    size_t memory_max;  // bytes that both may take; 0 = no limit
    struct model_error *error;
    struct layer *layers; // in keep; capacity = twice the operators
    uint32_t layer_count, layer_capacity;
    struct edge *inputs, *outputs; // one per graph input and output
    // The operator being visited.
    struct graph_operator *op;
    uint32_t op_index;
};

// Visits all operators. 0 or -errno with the line written.
int build_layers(struct build *build);

// ---- for the operators -------------------------------------------------------------------------

// Writes "operator 3 CONV_2D ('conv1'): ..." and returns `code`.
int build_fail(struct build *build, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Argument count check: inputs in [low, high], exactly `outputs` outputs.
int build_count(struct build *build, uint32_t low, uint32_t high, uint32_t outputs);
// Input `index`, which must be given and known. NULL after writing the error.
struct graph_tensor *build_input(struct build *build, uint32_t index);
struct graph_tensor *build_output(struct build *build, uint32_t index);
bool build_has_input(const struct build *build, uint32_t index);
// Input `index` as int32/int64 constant with at most `most` elements; NULL after writing the error.
struct graph_tensor *build_integers(struct build *build, uint32_t index, int64_t most);

// Gives output `index` its shape (checked) and makes it known.
int build_shape(struct build *build, uint32_t index, int32_t rank, const int32_t *dims);
int build_shape_like(struct build *build, uint32_t index, const struct graph_tensor *like);

// Is this an int8 tensor with one usable scale? 0, or the error (names dynamic-range, 16x8, ...).
int build_need_int8(struct build *build, const struct graph_tensor *tensor);
int build_need_type(struct build *build, const struct graph_tensor *tensor, int32_t type);
// Scale of channel c (of the only one when per tensor).
float build_scale(const struct graph_tensor *tensor, int32_t channel);
bool build_same_quantization(const struct graph_tensor *a, const struct graph_tensor *b);

// The bounds of a fused activation in steps of `out`, as XNNPACK computes them.
int build_activation(struct build *build, const struct graph_tensor *out, int32_t activation,
                     int32_t *low, int32_t *high);
// The same bounds in real numbers for float tensors (infinite when there is none).
int build_activation_float(struct build *build, int32_t activation, float *low, float *high);

// A zeroed parameter block that lives with the model; NULL after writing the error.
void *build_params(struct build *build, size_t bytes);

// Appends a layer of the current operator: inputs are the operator's first `in_count` inputs,
// outputs all its outputs; units 1. NULL after writing the error. Change fields as needed.
struct layer *build_layer(struct build *build, layer_run *run, const char *kernel, void *params,
                          uint32_t in_count);
// A tensor of bytes that the file does not have, for what one layer of an operator leaves to the
// next; its index, or the error. An operator may add one such tensor and two layers.
int32_t build_extra_tensor(struct build *build, int64_t bytes);
// Output 0 shares input 0's memory (same number of bytes).
int build_alias(struct build *build);

// The layer that writes input `index` when nothing else reads it, or NULL.
struct layer *build_producer(struct build *build, uint32_t index);

// Constants as arrays that live with the model; uint8 flipped to int8. NULL after writing the
// error.
void *build_constant(struct build *build, const struct graph_tensor *tensor, struct store *store);

// Elements from axis `from` up to `to` (excluded), as int64.
int64_t build_product(const struct graph_tensor *tensor, int32_t from, int32_t to);
// Axis in [-rank, rank) to [0, rank), or -EINVAL with the line written.
int build_axis(struct build *build, int32_t axis, int32_t rank);

#endif
